//! The living style page: every component as pages use it. In development builds only.

use askama::Template;
use axum::response::Html;

use super::shell::{Page, Reader};
use super::table::{Action, Cell, Column, Order, Sorting, Table};
use super::text::Chip;
use super::toast::Toast;
use crate::error::Error;

#[derive(Template)]
#[template(path = "style.html")]
struct Style {
    page: Page,
    chips: [Chip; 5],
    table: Table,
    colours: [&'static str; 13],
}

/// Invented rows: what, figure, and what can be done.
struct Sample {
    name: &'static str,
    members: i64,
    chip: Chip,
}

/// GET /style
pub async fn show(reader: Reader) -> Result<Html<String>, Error> {
    let rows = [
        Sample { name: "Newsletter", members: 12_040, chip: Chip::ok("Synced") },
        Sample { name: "Annual conference", members: 903, chip: Chip::look("Held") },
        Sample { name: "Board", members: 12, chip: Chip::stop("Gone") },
    ];
    let columns = [
        Column::new("name", "Name", |s: &Sample| Cell::link("/style", s.name)).always().wide().sorted(Sorting::Both { first_down: false }),
        Column::new("members", "Members", |s: &Sample| Cell::Number(s.members)).number().sorted(Sorting::Both { first_down: true }),
        Column::new("state", "State", |s: &Sample| Cell::Chips(vec![s.chip])),
        Column::new("code", "Code", |s: &Sample| Cell::Code(s.name.to_uppercase())).on_request(),
    ];
    let by = |_: Order<'_>| "/style".to_owned();
    let mut table = Table::of("style", &reader, &columns, &rows, Some((Order { key: "name", down: false }, &by))).with_menus(&rows, |s| {
        (s.name.to_owned(), vec![Action::link("Subscribers", "/style"), Action::dialog("Keyboard shortcuts …", "/keyboard")])
    });
    table.counted = "3 target groups".into();
    table.csv = Some("/target-groups/export.csv".into());
    table.next = Some("/style".into());
    let mut page = reader.page("Style");
    page.toast = Some(Toast::new("Personify360 is switched off.").undo("/preferences/theme", &[("theme", ""), ("back", "/style")]));
    let chips = [Chip::ok("In order"), Chip::look("Held"), Chip::stop("Failed"), Chip::go("Running"), Chip::off("Switched off")];
    let colours =
        ["paper", "raised", "ink", "soft", "line", "strong", "accent", "accent-soft", "look", "look-soft", "stop", "stop-soft", "go"];
    Ok(Html(Style { page, chips, table, colours }.render()?))
}
