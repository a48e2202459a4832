//! What is shared, and everybody sent once more.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::response::Response;
use axum::routing::{get, post};

use super::{Group, Said, go, groups, refused, show, text};
use crate::loyalty::catalogue::CATALOGUE;
use crate::loyalty::sandbox::Sandbox;

const HERE: &str = "/loyalty/sharing";

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route(HERE, get(page).post(save)).route("/loyalty/sharing/send-all", post(send_all))
}

#[derive(Template)]
#[template(path = "loyalty/pages/sharing.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    groups: Vec<Group>,
    members: String,
    sending: bool,
}

async fn page(State(sandbox): State<Sandbox>, Query(said): Query<Said>) -> Response {
    let members = text::number(sandbox.member_count());
    let sending = sandbox.is_sending_all();
    show(&Page { area: "sharing", said: said.sentence(), groups: groups(&sandbox, |_| String::new()), members, sending })
}

async fn save(State(sandbox): State<Sandbox>, Form(given): Form<HashMap<String, String>>) -> Response {
    let ticked: Vec<&str> = CATALOGUE.iter().map(|field| field.name).filter(|name| given.contains_key(*name)).collect();
    match sandbox.share(&ticked) {
        Ok(_) => go("/loyalty/sharing?said=shared"),
        Err(why) => refused(&why),
    }
}

async fn send_all(State(sandbox): State<Sandbox>) -> Response {
    match sandbox.begin_send_all() {
        Ok(()) => go("/loyalty/sharing?said=begun"),
        Err(why) => refused(&why),
    }
}
