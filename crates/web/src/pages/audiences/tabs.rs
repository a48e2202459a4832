//! Tabs of a list: what stands beside it, and what depends on it (LO-07, LO-10).

use askama::Template;
use axum::extract::Path;
use axum::response::Html;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::audiences::{self as store, Audience, Use};

use super::{Head, data_sync, find, href, in_use, page, rows_of};
use crate::error::Error;
use crate::pages::shell::{Page, Reader};
use crate::pages::table::{Cell, Column, Table};
use crate::pages::text::Chip;

struct Extension {
    audience: Audience,
    fields: i64,
    rows: String,
}

#[derive(Template)]
#[template(path = "audiences/extensions.html")]
struct Extensions {
    page: Page,
    head: Head,
    table: Table,
    /// Where one is made for this list.
    new: String,
}

/// GET /lists/{id}/extensions
pub async fn extensions(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let list = find(&reader, &id).await?;
    if list.is_extension() {
        return Err(Error::NotFound);
    }
    let app = &reader.app;
    let mut beside = Vec::new();
    for audience in store::list(app.db.read()).await?.into_iter().filter(|a| a.list_id == Some(list.id)) {
        let fields = in_use(&store::fields(app.db.read(), audience.id).await?);
        beside.push(Extension { fields, rows: rows_of(app, &audience).await?, audience });
    }
    let columns = [
        Column::new("name", "Name", |e: &Extension| Cell::link(href(&e.audience), &*e.audience.name)).always().wide(),
        Column::new("scope", "Scope", |e: &Extension| Cell::Code(e.audience.scope.clone())),
        Column::new("fields", "Fields", |e: &Extension| Cell::Number(e.fields)).number(),
        Column::new("rows", "Rows", |e: &Extension| Cell::Text(e.rows.clone())).number(),
    ];
    let fields = store::fields(app.db.read(), list.id).await?;
    let page = Extensions {
        page: page(&reader, &list, format!("Extensions of {}", list.name)),
        head: Head::of(&reader, &list, &fields, "Extensions").await?,
        table: Table::plain(&reader, &columns, &beside),
        new: format!("/lists/extensions/new?list={id}"),
    };
    Ok(Html(page.render()?))
}

/// What depends on a list, of one kind.
struct Users {
    /// `Data syncs`.
    title: &'static str,
    table: Table,
}

#[derive(Template)]
#[template(path = "audiences/usage.html")]
struct Usage {
    page: Page,
    head: Head,
    users: Vec<Users>,
}

/// Kinds of what can depend on a list, as the store names them and as the page does.
const KINDS: &[(&str, &str)] = &[("data_sync", "Data syncs"), ("segment", "Segments")];

/// Where one is looked at.
fn link(user: &Use) -> Cell {
    match user.kind.as_str() {
        "data_sync" => Cell::link(data_sync(user.created_at, user.id), &*user.name),
        "segment" => {
            let id = PublicId::new(Kind::TargetGroup, Instant(user.created_at), user.id);
            Cell::link(format!("/subscribers/segments/{id}"), &*user.name)
        }
        _ => Cell::Text(user.name.clone()),
    }
}

fn state(user: &Use) -> Cell {
    Cell::Chips(vec![if user.enabled { Chip::ok("Enabled") } else { Chip::off("Disabled") }])
}

/// GET /lists/{id}/usage
pub async fn usage(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let audience = find(&reader, &id).await?;
    let all = store::usage(reader.app.db.read(), audience.id).await?;
    let columns = [Column::new("name", "Name", link).always().wide(), Column::new("state", "State", state)];
    let of = |(kind, title): &(&str, &'static str)| {
        let these: Vec<Use> = all.iter().filter(|u| u.kind == *kind).cloned().collect();
        (!these.is_empty()).then(|| Users { title, table: Table::plain(&reader, &columns, &these) })
    };
    let mut users: Vec<Users> = KINDS.iter().filter_map(of).collect();
    let extensions: Vec<Audience> =
        store::list(reader.app.db.read()).await?.into_iter().filter(|a| a.list_id == Some(audience.id)).collect();
    if !extensions.is_empty() {
        let columns = [Column::new("name", "Name", |a: &Audience| Cell::link(href(a), &*a.name)).always().wide()];
        users.push(Users { title: "Profile extensions", table: Table::plain(&reader, &columns, &extensions) });
    }
    let fields = store::fields(reader.app.db.read(), audience.id).await?;
    let page = Usage {
        page: page(&reader, &audience, format!("Usage of {}", audience.name)),
        head: Head::of(&reader, &audience, &fields, "Usage").await?,
        users,
    };
    Ok(Html(page.render()?))
}
