//! What goes wrong on demand: one button each.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Said, go, missing, refused, show};
use crate::loyalty::on_demand::{MOST_BURST, OnDemand};
use crate::loyalty::poison::Poison;
use crate::loyalty::sandbox::Sandbox;

const HERE: &str = "/loyalty/on-demand";

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route(HERE, get(page)).route("/loyalty/on-demand/{name}", post(carry_out))
}

struct Card {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    /// What the number is, for those that take one.
    number: &'static str,
    least: u32,
    most: u32,
}

const fn card(name: &'static str, title: &'static str, about: &'static str) -> Card {
    Card { name, title, about, number: "", least: 0, most: 0 }
}

fn cards() -> Vec<Card> {
    let mut cards = vec![
        Card {
            number: "Times",
            least: 2,
            most: 3,
            ..card("duplicate", "Copies", "A visit whose event is sent two or three times, the very same each time.")
        },
        card("reorder", "Reorder", "Two visits; the event of the second is sent first."),
        Card { number: "Events", least: 1, most: MOST_BURST, ..card("burst", "Burst", "So many visits at once, each with its event.") },
        card("skip", "Skip a number", "One sequence number is left out; a visit has the one after it."),
        card("withhold", "Withhold", "A visit whose event is never sent. Sending all tells its outcome."),
    ];
    let title = |poison: Poison| match poison {
        Poison::NotJson => "Poison: no JSON",
        Poison::SpecVersion => "Poison: wrong specversion",
        Poison::NoSubject => "Poison: no subject",
        Poison::Sequence => "Poison: no number as sequence",
        Poison::HugeBody => "Poison: huge body",
        Poison::WrongType => "Poison: wrong type",
        Poison::TooLong => "Poison: text too long",
        Poison::UnknownKey => "Poison: unknown key",
    };
    cards.extend(Poison::ALL.map(|(poison, name, about)| card(name, title(poison), about)));
    cards
}

#[derive(Template)]
#[template(path = "loyalty/pages/on_demand.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    cards: Vec<Card>,
}

async fn page(Query(said): Query<Said>) -> Response {
    show(&Page { area: "on-demand", said: said.sentence(), cards: cards() })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    member: String,
    number: String,
}

impl Fields {
    fn read(&self, name: &str) -> Option<OnDemand> {
        let member = Some(self.member.trim().to_owned()).filter(|id| !id.is_empty());
        // No number is none that is allowed.
        let number = self.number.trim().parse().unwrap_or(0);
        Some(match name {
            "duplicate" => OnDemand::Duplicate { member, times: number },
            "reorder" => OnDemand::Reorder { member },
            "burst" => OnDemand::Burst { count: number },
            "skip" => OnDemand::Skip { member },
            "withhold" => OnDemand::Withhold { member },
            poison => OnDemand::Poison { member, poison: Poison::named(poison)? },
        })
    }
}

async fn carry_out(State(sandbox): State<Sandbox>, Path(name): Path<String>, Form(given): Form<Fields>) -> Response {
    let Some(what) = given.read(&name) else { return missing() };
    match sandbox.carry_out(&what) {
        Ok(_) => go("/loyalty/on-demand?said=done"),
        Err(why) => refused(&why),
    }
}
