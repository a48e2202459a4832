//! Segments: rules over profiles, and who is in them (`docs/adr/0152`).

mod choices;
mod editor;
mod form;
mod show;

use askama::Template;
use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};
use rialto_core::Kind;
use rialto_core::permissions::Permission;
use rialto_store::groups::{self, Group};
use rialto_store::segments::{self as store, Kept};

use super::links;
use super::shell::{Page, Reader};
use super::text::{Chip, When, filters};
use crate::api::extract::{Id, public};
use crate::api::segments as api;
use crate::error::Error;

const HERE: &str = "/subscribers/segments";

pub fn router() -> Router<crate::state::App> {
    Router::new()
        .route("/subscribers/segments", get(list))
        .route("/subscribers/segments/new", get(editor::new).post(editor::create))
        .route("/subscribers/segments/build", post(editor::build))
        .route("/subscribers/segments/count", post(editor::count))
        .route("/subscribers/segments/{id}", get(show::show))
        .route("/subscribers/segments/{id}/edit", get(editor::edit).post(editor::update))
        .route("/subscribers/segments/{id}/explain", get(show::explain))
        .route("/subscribers/segments/{id}/delete", get(show::ask_delete).post(show::delete))
}

fn href(group: &Group) -> String {
    format!("{HERE}/{}", public(Kind::TargetGroup, group.created_at, group.id))
}

fn chip(state: &str) -> Option<Chip> {
    match state {
        "blocked" => Some(Chip::look("Needs something")),
        "following" => Some(Chip::go("Being found")),
        _ => None,
    }
}

struct Row {
    href: String,
    name: String,
    people: i64,
    mailable: Option<i64>,
    asked: Option<When>,
    chip: Option<Chip>,
    why: String,
    used: Vec<(String, String)>,
}

async fn used(reader: &Reader, group_id: i64) -> Result<Vec<(String, String)>, Error> {
    let all = store::used_by(reader.app.db.read(), group_id).await?;
    Ok(all.into_iter().map(|u| (u.name, links::group(u.created_at, u.id))).collect())
}

#[derive(Template)]
#[template(path = "segments/list.html")]
struct List {
    page: Page,
    may: bool,
    rows: Vec<Row>,
}

/// GET /subscribers/segments
async fn list(reader: Reader) -> Result<Html<String>, Error> {
    let db = &reader.app.db;
    let mut rows = Vec::new();
    for kept in store::list(db.read()).await? {
        let Some(group) = groups::get(db.read(), kept.group_id).await? else { continue };
        let why = rialto_store::compound::blocked(db.read(), group.id).await?;
        rows.push(Row {
            href: href(&group),
            people: group.members,
            mailable: group.waterfall().map(|w| w.mailable),
            asked: reader.here().maybe((kept.looked_at > 0).then_some(kept.looked_at)),
            chip: chip(api::state(&group, &kept, &why)),
            why,
            used: used(&reader, group.id).await?,
            name: group.name,
        });
    }
    Ok(Html(List { page: reader.page("Segments"), may: reader.may(Permission::ListsEdit), rows }.render()?))
}

async fn load(reader: &Reader, id: String) -> Result<(Group, Kept), Error> {
    api::load(&reader.app, &Id(id)).await
}
