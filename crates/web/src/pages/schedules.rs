//! Schedules: what happens by the clock, of all bridges.

use askama::Template;
use axum::response::Html;
use rialto_core::schedule::Usual;
use rialto_store::views::schedules::{self as views, ScheduleRow};

use super::links;
use super::shell::{Page, Reader};
use super::table::{Cell, Column, Table};
use super::text::{Chip, When};
use crate::api::schedules as api;
use crate::error::Error;

struct Line {
    href: String,
    bridge: String,
    chip: Chip,
    holds: String,
    next: Option<(String, When)>,
    last: Option<(When, Chip, String)>,
}

#[derive(Template)]
#[template(path = "schedules.html")]
struct Schedules {
    page: Page,
    table: Option<Table>,
}

/// Time and zone that hold: `at 02:00, Europe/Vienna`.
pub fn holds(row: &ScheduleRow, usual: &Usual) -> String {
    format!("at {}, {}", row.schedule.at(usual), row.schedule.zone(usual))
}

/// GET /admin/schedules
pub async fn show(reader: Reader) -> Result<Html<String>, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let usual = reader.app.settings.usual();
    let mut lines = Vec::new();
    for row in views::list(db.read()).await?.into_iter().filter(api::declared) {
        let last = views::occurrences(db.read(), row.schedule.id, i64::MAX, 1).await?.pop();
        let next = if row.active() { row.next(&usual, here.now).first().copied() } else { None };
        lines.push(Line {
            href: format!("{}/schedule", links::bridge(row.bridge_created_at, row.schedule.bridge_id)),
            chip: match (row.bridge_enabled, row.schedule.enabled) {
                (false, _) => Chip::off("Bridge off"),
                (true, false) => Chip::off("Paused"),
                (true, true) => Chip::ok("On"),
            },
            holds: holds(&row, &usual),
            next: next.map(|at| (here.short(at.0), here.when(at.0))),
            last: last.map(|o| (here.when(o.occurs_at), super::schedule::chip(&o.state), o.reason)),
            bridge: row.bridge_name,
        });
    }
    let columns = [
        Column::new("what", "Schedule", |l: &Line| Cell::Link {
            href: l.href.clone(),
            text: format!("Overnight sync of {}", l.bridge),
            note: l.holds.clone(),
        })
        .always()
        .wide(),
        Column::new("state", "State", |l: &Line| Cell::Chips(vec![l.chip])).short(),
        Column::new("next", "Next", |l: &Line| {
            l.next.as_ref().map_or(Cell::None("not planned"), |(exact, w)| Cell::Noted { text: exact.clone(), note: w.clone() })
        }),
        Column::new("last", "Last", |l: &Line| Cell::time(l.last.as_ref().map(|(w, ..)| w.clone()), "never")).short(),
        Column::new("ended", "Ended", |l: &Line| l.last.as_ref().map_or(Cell::None("–"), |(_, c, _)| Cell::Chips(vec![*c]))).short(),
        Column::new("outcome", "Outcome", |l: &Line| l.last.as_ref().map_or(Cell::None(""), |(.., r)| Cell::Text(r.clone()))).wide(),
    ];
    let page = Schedules { page: reader.page("Schedules"), table: (!lines.is_empty()).then(|| Table::plain(&reader, &columns, &lines)) };
    Ok(Html(page.render()?))
}
