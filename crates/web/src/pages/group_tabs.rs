//! The other tabs of a target group: its runs, and what is known about it.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Html;
use rialto_store::views::groups as view;
use rialto_store::views::runs::RunFilter;
use serde::Deserialize;

use super::group::Head;
use super::links;
use super::runs::turn;
use super::runs_table::columns;
use super::shell::{Page, Reader};
use super::table::Table;
use super::text::{When, filters};
use crate::error::Error;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Before {
    before: String,
    newer: String,
}

#[derive(Template)]
#[template(path = "group_runs.html")]
struct Runs {
    page: Page,
    head: Head,
    table: Table,
}

/// GET /target-groups/{id}/sync-runs
pub async fn sync_runs(reader: Reader, Path(id): Path<String>, Query(asked): Query<Before>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let head = Head::of(&reader, &row, "Sync runs").await?;
    let filter = RunFilter { group_id: row.group.id, ..RunFilter::default() };
    let (_, found) = turn(&reader, &filter, (&asked.before, &asked.newer)).await?;
    let mut table = Table::of("group-runs", &reader, &columns(&reader), &found.rows, None);
    let link = |before: &str, newer: &str| format!("{}/sync-runs{}", head.href, links::query(&[("before", before), ("newer", newer)]));
    found.links(&mut table, |r| r.run.id.to_string(), link);
    Ok(Html(Runs { page: reader.page(format!("Sync runs of {}", row.group.name)), table, head }.render()?))
}

#[derive(Template)]
#[template(path = "group_about.html")]
struct About {
    page: Page,
    head: Head,
    id: String,
    code: String,
    list_name: &'static str,
    created: When,
    regeneration: String,
    remote_members: Option<i64>,
    remote_refreshed: Option<When>,
    remote_modified: Option<When>,
    used: i64,
    used_at: Option<When>,
}

/// GET /target-groups/{id}/about
pub async fn about(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let head = Head::of(&reader, &row, "About").await?;
    let (g, here) = (&row.group, reader.here());
    let (used, used_at) = view::uses(reader.app.db.read(), g.id).await?;
    let page = About {
        page: reader.page(format!("About {}", g.name)),
        id: rialto_core::PublicId::new(rialto_core::Kind::TargetGroup, rialto_core::Instant(g.created_at), g.id).to_string(),
        code: g.code.clone().unwrap_or_default(),
        list_name: rialto_connectors::kind(&row.bridge_kind).map_or("Remote list", |k| k.list_name),
        created: here.when(g.created_at),
        regeneration: g.regeneration.clone(),
        remote_members: g.remote_members,
        remote_refreshed: here.maybe(g.remote_refreshed_at),
        remote_modified: here.maybe(g.remote_modified_at),
        used,
        used_at: here.maybe(used_at),
        head,
    };
    Ok(Html(page.render()?))
}
