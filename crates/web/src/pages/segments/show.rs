//! One segment: its rule in words, who is in it and why, and its end.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, Response};
use rialto_core::Kind;
use rialto_core::permissions::Permission;
use rialto_store::groups::Group;
use rialto_store::segments::{self as store, Context, Record};
use serde::Deserialize;

use super::{HERE, chip, href, load, used};
use crate::api::extract::{Id, public};
use crate::api::segment_answers::{ExplainedLine, explained};
use crate::api::segments as api;
use crate::error::Error;
use crate::pages::links;
use crate::pages::shell::{Page, Reader};
use crate::pages::text::{Chip, When, filters};
use crate::pages::toast::{self, Toast};

/// People named on the page of a segment; its target group has all.
const NAMED: i64 = 20;

struct Named {
    address: String,
    remote_id: String,
    why: String,
    href: String,
}

fn named(group: &Group, of: &Record) -> Named {
    let id = public(Kind::Subscriber, of.created_at, of.id);
    Named {
        address: of.address.clone(),
        remote_id: of.remote_id.clone(),
        why: format!("{}/explain?subscriber={id}", href(group)),
        href: links::person(of.created_at, of.id),
    }
}

#[derive(Template)]
#[template(path = "segments/show.html")]
struct Show {
    page: Page,
    may: bool,
    href: String,
    group_href: String,
    description: String,
    chip: Option<Chip>,
    why: String,
    /// The rule in words, without answers.
    rule: Vec<(usize, String)>,
    people: i64,
    mailable: Option<i64>,
    asked: Option<When>,
    took_ms: i64,
    relative: bool,
    used: Vec<(String, String)>,
    some: Vec<Named>,
}

/// The rule line by line: the depth and the words of each.
fn in_words(group: &rialto_core::segment::Group, depth: usize, context: &Context, into: &mut Vec<(usize, String)>) {
    use rialto_core::segment::{Node, answer_words, test_words};
    into.push((depth, format!("{}:", answer_words(group))));
    for part in group.parts() {
        match part {
            Node::Group(group) => in_words(group, depth + 1, context, into),
            Node::Test(test) => into.push((depth + 1, test_words(test, &context.vocabulary))),
        }
    }
}

/// GET /subscribers/segments/{id}
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let (group, kept) = load(&reader, id).await?;
    let db = &reader.app.db;
    let why = rialto_store::compound::blocked(db.read(), group.id).await?;
    let context = api::context(&reader.app).await?;
    let mut rule = Vec::new();
    in_words(&kept.segment.root, 0, &context, &mut rule);
    let some = store::some_people(db.read(), group.id, NAMED).await?;
    let following = api::state(&group, &kept, &why) == "following";
    let page = reader.page(group.name.clone());
    let page = Show {
        page: if following { page.refreshing(3) } else { page },
        may: reader.may(Permission::ListsEdit),
        href: href(&group),
        group_href: links::group(group.created_at, group.id),
        chip: chip(api::state(&group, &kept, &why)),
        why,
        rule,
        people: group.members,
        mailable: group.waterfall().map(|w| w.mailable),
        asked: reader.here().maybe((kept.looked_at > 0).then_some(kept.looked_at)),
        took_ms: kept.took_ms,
        relative: kept.segment.moves_with_the_day(),
        used: used(&reader, group.id).await?,
        some: some.iter().map(|record| named(&group, record)).collect(),
        description: group.description,
    };
    Ok(Html(page.render()?))
}

/// Whose membership is asked about: an id, or an address that several records may have.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Whose {
    subscriber: String,
    address: String,
}

#[derive(Template)]
#[template(path = "segments/explain.html")]
struct Explain {
    page: Page,
    name: String,
    href: String,
    asked: String,
    person: Option<Named>,
    holds: bool,
    member: bool,
    lines: Vec<ExplainedLine>,
    /// Records with the address that was asked for.
    found: Vec<Named>,
}

/// GET /subscribers/segments/{id}/explain
pub async fn explain(reader: Reader, Path(id): Path<String>, Query(whose): Query<Whose>) -> Result<Html<String>, Error> {
    let (group, kept) = load(&reader, id).await?;
    let found = store::with_address(reader.app.db.read(), &whose.address, NAMED).await?;
    let subscriber = match (whose.subscriber.is_empty(), found.as_slice()) {
        (true, [one]) => public(Kind::Subscriber, one.created_at, one.id),
        _ => whose.subscriber.clone(),
    };
    let mut page = Explain {
        page: reader.page_under(HERE, format!("Why in {}?", group.name)),
        name: group.name.clone(),
        href: href(&group),
        asked: whose.address,
        person: None,
        holds: false,
        member: false,
        lines: Vec::new(),
        found: found.iter().map(|record| named(&group, record)).collect(),
    };
    if !subscriber.is_empty() {
        let person = crate::api::subscribers::load(&reader.app, &Id(subscriber)).await?;
        let told = explained(&reader.app, &group, &kept, person.id).await?;
        let record = Record { id: person.id, created_at: person.created_at, address: person.address, remote_id: person.remote_id };
        page.person = Some(named(&group, &record));
        (page.holds, page.member, page.lines) = (told.holds, told.member, told.lines);
    }
    Ok(Html(page.render()?))
}

#[derive(Template)]
#[template(path = "segments/delete.html")]
struct Delete {
    page: Page,
    href: String,
    name: String,
    people: i64,
    used: Vec<(String, String)>,
}

/// GET /subscribers/segments/{id}/delete: what it means, before it is done.
pub async fn ask_delete(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let (group, _) = load(&reader, id).await?;
    let page = reader.page(format!("Delete {}", group.name));
    let used = used(&reader, group.id).await?;
    Ok(Html(Delete { page, href: href(&group), people: group.members, used, name: group.name }.render()?))
}

/// POST /subscribers/segments/{id}/delete
pub async fn delete(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let (group, _) = load(&reader, id).await?;
    api::remove(&reader.app, group.id, &reader.session.actor(&reader.app)).await?;
    toast::done(&reader, HERE, &Toast::new(format!("{} is deleted. Its people stay.", group.name)))
}
