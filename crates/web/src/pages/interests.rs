//! Interests: what each remote system offers, what of it is used, and how many have it (`docs/adr/0120`).

use askama::Template;
use axum::extract::Path;
use axum::response::{Html, Response};
use rialto_core::Kind;
use rialto_core::permissions::Permission;
use rialto_store::interests::{self, Filter, LastRead, Offered};
use serde::Deserialize;

use super::links;
use super::shell::{Page, Reader};
use super::text::{When, filters};
use super::toast::{self, Toast};
use crate::api::extract::{Id, public};
use crate::api::interests::{find, set_used};
use crate::auth::Form;
use crate::error::Error;

/// More than any remote system is known to offer; all of them are on one page.
const MOST: i64 = 5_000;

struct Line {
    id: String,
    name: String,
    code: String,
    active: bool,
    gone: Option<When>,
    at_remote: Option<i64>,
    /// Its target group, when it is used.
    group: Option<Group>,
}

struct Group {
    href: String,
    members: i64,
    /// `None` until its people were read.
    read: Option<When>,
}

struct Kinds {
    name: &'static str,
    lines: Vec<Line>,
}

struct Of {
    name: String,
    /// For ids of elements.
    number: usize,
    href: String,
    read: Option<When>,
    trouble: String,
    kinds: Vec<Kinds>,
}

#[derive(Template)]
#[template(path = "interests.html")]
struct Interests {
    page: Page,
    may: bool,
    bridges: Vec<Of>,
    none: bool,
}

/// GET /subscribers/interests
pub async fn show(reader: Reader) -> Result<Html<String>, Error> {
    let db = &reader.app.db;
    let mut all = interests::list(db.read(), Filter::default(), 0, MOST).await?;
    all.sort_by_key(|i| (i.gone_at.is_some(), i.name.to_lowercase(), i.id));
    let bridges: Vec<Of> = interests::last_reads(db.read())
        .await?
        .into_iter()
        .enumerate()
        .map(|(number, read)| of(&reader, number, read, &all))
        .filter(|b| b.kinds.iter().any(|k| !k.lines.is_empty()) || !b.trouble.is_empty())
        .collect();
    let none = bridges.is_empty();
    let page = Interests { page: reader.page("Interests"), may: reader.may(Permission::ListsEdit), bridges, none };
    Ok(Html(page.render()?))
}

fn of(reader: &Reader, number: usize, read: LastRead, all: &[Offered]) -> Of {
    let here = reader.here();
    let lines = |source: &str| {
        let of = all.iter().filter(|i| i.bridge_id == read.id && i.source == source);
        // One that is gone and not used says nothing to anybody.
        of.filter(|i| i.gone_at.is_none() || i.group_id.is_some()).map(|i| line(reader, i)).collect::<Vec<_>>()
    };
    let kinds = [("Opt-in interest areas", "area"), ("Demographic codes", "demographic")];
    Of {
        number,
        href: links::bridge(read.created_at, read.id),
        read: read.interests_read_at.map(|at| here.when(at)),
        kinds: kinds.into_iter().map(|(name, source)| Kinds { name, lines: lines(source) }).filter(|k| !k.lines.is_empty()).collect(),
        trouble: read.interests_trouble,
        name: read.name,
    }
}

fn line(reader: &Reader, i: &Offered) -> Line {
    let here = reader.here();
    let group = i.group_id.zip(i.group_created_at).map(|(id, at)| Group {
        href: links::group(at, id),
        members: i.members.unwrap_or(0),
        read: i.synced_at.map(|at| here.when(at)),
    });
    Line {
        id: public(Kind::Interest, i.created_at, i.id),
        name: i.name.clone(),
        code: if i.subcode.is_empty() { i.code.clone() } else { format!("{} / {}", i.code, i.subcode) },
        active: i.remote_active,
        gone: i.gone_at.map(|at| here.when(at)),
        at_remote: i.remote_members,
        group,
    }
}

#[derive(Deserialize)]
pub struct Wanted {
    /// `yes` or `no`.
    used: String,
}

#[derive(Template)]
#[template(path = "interest_stop.html")]
struct Stop {
    page: Page,
    id: String,
    name: String,
    bridge: String,
    members: i64,
}

/// GET /subscribers/interests/{id}/stop: what it means, before it is done.
pub async fn ask_stop(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let interest = find(&reader.app, &Id(id.clone())).await?;
    let page = reader.page(format!("Stop using {}", interest.name));
    Ok(Html(Stop { page, id, name: interest.name, bridge: interest.bridge_name, members: interest.members.unwrap_or(0) }.render()?))
}

/// POST /subscribers/interests/{id}
pub async fn submit(reader: Reader, Path(id): Path<String>, Form(wanted): Form<Wanted>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let interest = find(&reader.app, &Id(id)).await?;
    let used = match wanted.used.as_str() {
        "yes" => true,
        "no" => false,
        _ => return Err(Error::BadRequest("An interest is used or not.".into())),
    };
    set_used(&reader.app, &interest, used, &reader.session.actor(&reader.app)).await?;
    let said = if used {
        format!("{} is used: its people are being read, then it is offered on preference pages.", interest.name)
    } else {
        format!("{} is not used any more. What people have in {} stays there.", interest.name, interest.bridge_name)
    };
    toast::done(&reader, "/subscribers/interests", &Toast::new(said))
}
