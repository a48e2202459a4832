//! What a group is made of, with the state of every part.

use askama::Template;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Redirect, Response};
use rialto_core::compound::{Definition, Mode, PartState};
use rialto_core::permissions::Permission;
use rialto_store::compound::Part;
use rialto_store::views::compound::{self as views, Made};

use super::compound_form::chip;
use super::group::Head;
use super::group_age::DataAge;
use super::links;
use super::shell::{Page, Reader};
use super::table::{Cell, Column, Table};
use super::text::{Chip, filters};
use crate::error::Error;

/// The groups of one side.
struct SideShown {
    /// `Include people who are in one or more of`.
    words: String,
    table: Table,
    /// What stands against relying on a part, and what mends it.
    notes: Vec<String>,
}

#[derive(Template)]
#[template(path = "compound_made.html")]
struct MadeOf {
    page: Page,
    head: Head,
    sides: Vec<SideShown>,
    edit: Option<String>,
}

/// GET /target-groups/{id}/made-of
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    if row.group.kind == "segment" {
        return Ok(Redirect::to(&format!("/subscribers/segments/{id}")).into_response());
    }
    let made = views::made(&reader.app.db, row.group.id).await?.ok_or(Error::NotFound)?;
    let head = Head::of(&reader, &row, "Made of").await?;
    let compound = matches!(made.definition, Definition::Compound(_));
    let page = MadeOf {
        page: reader.page(format!("What {} is made of", row.group.name)),
        sides: sides(&reader, &made),
        edit: (compound && reader.may(Permission::ListsEdit)).then(|| format!("{}/edit", head.href)),
        head,
    };
    Ok(Html(page.render()?).into_response())
}

fn sides(reader: &Reader, made: &Made) -> Vec<SideShown> {
    let side = |words: String, name: &'static str| {
        let parts: Vec<Part> = made.side(name).cloned().collect();
        SideShown {
            words,
            table: Table::plain(reader, &columns(reader), &parts),
            notes: parts.iter().filter_map(|p| p.state().sentence(&p.name)).collect(),
        }
    };
    let how = |mode: Mode| if mode == Mode::All { "all" } else { "one or more" };
    match &made.definition {
        Definition::Compound(c) => {
            let include = side(format!("People who are in {} of these", how(c.include().mode())), "include");
            let exclude = c.exclude().map(|e| side(format!("Without people who are in {} of these", how(e.mode())), "exclude"));
            std::iter::once(include).chain(exclude).collect()
        }
        Definition::Share(s) => {
            let (of, from, to) = s.buckets();
            let percent = f64::from((to - from) * 100) / f64::from(of.max(1));
            vec![side(format!("About {percent:.0} % of this group, at random; whoever is in it stays in it"), "parent")]
        }
    }
}

fn columns(reader: &Reader) -> Vec<Column<Part>> {
    let (synced, made, states) = (reader.here(), reader.here(), reader.here());
    vec![
        Column::new("name", "Target group", |p: &Part| Cell::link(links::group(p.created_at, p.id), &*p.name)).wide(),
        Column::new("members", "Members", |p: &Part| Cell::Number(p.members)).number(),
        Column::new("synced", "Synced", move |p: &Part| Cell::time(synced.maybe(p.synced_at), "never")).short(),
        Column::new("made", "Data made", move |p: &Part| Cell::time(made.maybe(p.data_as_of), "unknown")).short(),
        Column::new("state", "State", move |p: &Part| {
            let state = chip(p).unwrap_or(Chip::ok("Ready"));
            // Of a part that was never synced there are no data to be late.
            let late = DataAge::judged(&p.regeneration, p.data_as_of, &states).chip.filter(|_| p.state() == PartState::Ready);
            Cell::Chips(std::iter::once(state).chain(late).collect())
        }),
    ]
}
