//! Bridge Configuration: the list, and taking a bridge out of use.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, Response};
use rialto_core::permissions::Permission;
use rialto_store::views::groups::{self, Filter};
use rialto_store::views::runs;
use rialto_store::{Db, bridges as store, people};

use super::shell::{Page, Reader};
use super::table::Action;
use super::text::{self, Chip, When};
use super::toast::{self, Toast};
use super::{bridge_head, links};
use crate::error::Error;
use serde::Deserialize;

struct Line {
    href: String,
    name: String,
    kind: &'static str,
    chip: Chip,
    tested: Option<When>,
    test_ok: bool,
    test_message: String,
    lists: Option<When>,
    /// Runs under way, as address and words.
    running: Vec<(String, &'static str)>,
    enabled: bool,
    /// What the menu of the bridge offers.
    menu: Vec<Action>,
}

#[derive(Template)]
#[template(path = "bridges.html")]
struct Bridges {
    page: Page,
    busy: bool,
    lines: Vec<Line>,
    may_admin: bool,
    may_refresh: bool,
}

/// GET /admin/bridges
pub async fn show(reader: Reader) -> Result<Html<String>, Error> {
    let (db, here, may_admin) = (&reader.app.db, reader.here(), reader.may(Permission::BridgesAdmin));
    let open = runs::open_of_bridges(db.read()).await?;
    let lines: Vec<Line> = store::list(db.read())
        .await?
        .iter()
        .map(|b| Line {
            href: links::bridge(b.created_at, b.id),
            name: b.name.clone(),
            kind: kind_name(b),
            chip: chip(b),
            tested: here.maybe(b.tested_at),
            test_ok: b.test_ok == Some(true),
            test_message: b.test_message.clone(),
            lists: here.maybe(b.lists_synced_at),
            running: open.iter().filter(|r| r.run.bridge_id == Some(b.id)).map(bridge_head::running).collect(),
            enabled: b.enabled,
            menu: if may_admin { menu(b) } else { Vec::new() },
        })
        .collect();
    let frame = reader.page("Bridge Configuration");
    let busy = lines.iter().any(|l| !l.running.is_empty());
    let page = Bridges {
        page: if busy { frame.refreshing(3) } else { frame },
        busy,
        lines,
        may_admin,
        may_refresh: reader.may(Permission::GroupsSync) || reader.may(Permission::BridgesAdmin),
    };
    Ok(Html(page.render()?))
}

fn menu(b: &store::Bridge) -> Vec<Action> {
    let href = links::bridge(b.created_at, b.id);
    let switch = if b.enabled {
        Action::post("Switch off", format!("{href}/switch?to=off"))
    } else {
        Action::post("Switch on", format!("{href}/switch?to=on"))
    };
    vec![Action::link("Edit", format!("{href}/edit")), switch, Action::dialog("Delete …", format!("{href}/delete"))]
}

/// Where a bridge is to be switched.
#[derive(Deserialize)]
pub struct Switch {
    /// `on` or `off`.
    to: String,
}

/// POST /admin/bridges/{id}/switch?to=on|off
pub async fn switch(reader: Reader, Path(id): Path<String>, Query(switch): Query<Switch>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let app = &reader.app;
    let bridge = links::find_bridge(app, &id).await?;
    let (on, said, other) = match switch.to.as_str() {
        "on" => (true, "is switched on", "off"),
        "off" => (false, "is switched off; nothing is read or written until it is switched on", "on"),
        _ => return Err(Error::BadRequest("A bridge is switched on or off.".into())),
    };
    let mut tx = app.db.write().await?;
    store::switch(&mut tx, bridge.id, on, &reader.session.actor(app)).await?;
    tx.commit().await?;
    let back = format!("{}/switch?to={other}", links::bridge(bridge.created_at, bridge.id));
    toast::done(&reader, "/admin/bridges", &Toast::new(format!("{} {said}.", bridge.name)).undo(back, &[]))
}

/// What the system of a bridge is called.
pub fn kind_name(b: &store::Bridge) -> &'static str {
    rialto_connectors::kind(&b.kind).map_or("Unknown kind", |k| k.name)
}

/// How a bridge stands.
pub fn chip(b: &store::Bridge) -> Chip {
    match (b.enabled, b.test_ok) {
        (false, _) => Chip::off("Switched off"),
        (true, Some(true)) => Chip::ok("Connected"),
        (true, Some(false)) => Chip::stop("Test failed"),
        // Lists that came over prove as much as a test.
        (true, None) if b.lists_synced_at.is_some() => Chip::ok("Connected"),
        (true, None) => Chip::off("Not tested"),
    }
}

#[derive(Template)]
#[template(path = "bridge_delete.html")]
struct Delete {
    page: Page,
    href: String,
    name: String,
    groups: String,
    people: String,
}

/// How many people a bridge has brought, in words; not counted further than a page has time for.
pub(super) async fn people_of(db: &Db, bridge_id: i64) -> Result<String, Error> {
    const MANY: i64 = 10_000;
    Ok(match people::count(db.read(), bridge_id, MANY + 1).await? {
        n if n > MANY => format!("more than {}", text::people(MANY)),
        n => text::people(n),
    })
}

/// GET /admin/bridges/{id}/delete: what it means, before it is done.
pub async fn ask_delete(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = links::find_bridge(&reader.app, &id).await?;
    let db = &reader.app.db;
    let groups = groups::total(db.read(), &Filter { bridge_id: bridge.id, ..Filter::default() }).await?;
    let page = Delete {
        page: reader.page(format!("Delete {}", bridge.name)),
        href: links::bridge(bridge.created_at, bridge.id),
        groups: text::count(groups, "target group", "target groups"),
        people: people_of(db, bridge.id).await?,
        name: bridge.name,
    };
    Ok(Html(page.render()?))
}

/// POST /admin/bridges/{id}/delete
pub async fn delete(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let app = &reader.app;
    let bridge = links::find_bridge(app, &id).await?;
    let mut tx = app.db.write().await?;
    store::delete(&mut tx, bridge.id, &reader.session.actor(app)).await?;
    tx.commit().await?;
    toast::done(&reader, "/admin/bridges", &Toast::new(format!("{} was deleted. Its groups and people stay readable.", bridge.name)))
}
