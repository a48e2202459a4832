//! One stream connection: how it flows and who reads it, the fields seen, and what it had to refuse.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, Response};
use rialto_core::permissions::Permission;
use rialto_store::streams::{self as store, Reader as Sync, Rejected, Stream};
use serde::Deserialize;
use serde_json::json;

use super::{Flow, find, href, kind_name, menu};
use crate::api::streams as api;
use crate::error::Error;
use crate::pages::audiences::data_sync;
use crate::pages::shell::{Page, Reader};
use crate::pages::table::{Action, Cell, Column, LIMIT, Table};
use crate::pages::text::{self, Chip, When, filters};
use crate::pages::toast::{self, Toast};

/// Events taken with this name stand for nobody.
const TEST_SUBJECT: &str = "TEST-1";

/// The top of every page about a connection.
struct Head {
    href: String,
    name: String,
    kind: &'static str,
    trouble: String,
    flow: Flow,
    /// Number, when, and what happened of each alarm.
    alarms: Vec<(i64, When, String)>,
    menu: Vec<Action>,
    may_edit: bool,
    /// Name, address, and whether it is this page.
    tabs: Vec<(&'static str, String, bool)>,
}

impl Head {
    async fn of(reader: &Reader, stream: &Stream, tab: &str) -> Result<Self, Error> {
        let (base, here) = (href(stream), reader.here());
        let flow = Flow::of(reader, stream).await?;
        let names = [("Overview", ""), ("Fields seen", "/fields"), ("Rejected", "/rejected")];
        Ok(Self {
            tabs: names.into_iter().map(|(name, path)| (name, format!("{base}{path}"), name == tab)).collect(),
            href: base,
            name: stream.name.clone(),
            kind: kind_name(stream),
            trouble: stream.trouble.clone(),
            alarms: flow.alarms.iter().map(|a| (a.id, here.when(a.created_at), a.detail.clone())).collect(),
            menu: menu(reader, stream),
            may_edit: reader.may(Permission::ProfileStream),
            flow,
        })
    }
}

#[derive(Template)]
#[template(path = "streams/overview.html")]
struct Overview {
    page: Page,
    head: Head,
    address: String,
    has_token: bool,
    /// Label and value of what is set of a broker.
    broker: Option<Vec<(&'static str, String)>>,
    readers: Table,
    curl: String,
}

/// GET /admin/streams/{id}
pub async fn overview(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let stream = find(&reader, &id).await?;
    let head = Head::of(&reader, &stream, "Overview").await?;
    let address = api::address(&reader.app, &stream);
    let page = Overview {
        page: reader.page(stream.name.clone()),
        curl: curl(&address, head.flow.sources.first().map_or("", String::as_str)),
        readers: Table::plain(&reader, &reader_columns(&reader), &head.flow.readers),
        broker: broker(&reader, &stream).await?,
        has_token: !stream.token_hash.is_empty(),
        head,
        address,
    };
    Ok(Html(page.render()?))
}

async fn broker(reader: &Reader, stream: &Stream) -> Result<Option<Vec<(&'static str, String)>>, Error> {
    let Some(kind) = rialto_connectors::streams::feed(&stream.kind) else { return Ok(None) };
    let Some(feed) = store::feed::get(reader.app.db.read(), stream.id).await? else { return Ok(None) };
    let (settings, secrets) = (feed.settings()?, feed.secret_names()?);
    let set = kind.settings.iter().filter_map(|f| Some((f.label, settings.get(f.key)?.clone())));
    let sealed = kind.secrets.iter().filter(|f| secrets.iter().any(|s| s == f.key)).map(|f| (f.label, "set".to_owned()));
    Ok(Some(set.chain(sealed).collect()))
}

fn reader_columns(reader: &Reader) -> Vec<Column<Sync>> {
    let here = reader.here();
    vec![
        Column::new("name", "Data sync", |s: &Sync| Cell::Link {
            href: data_sync(s.created_at, s.id),
            text: s.name.clone(),
            note: s.trouble.clone(),
        })
        .wide(),
        Column::new("state", "State", |s: &Sync| Cell::Chips(vec![sync_chip(s)])),
        Column::new("source", "Business unit", |s: &Sync| Cell::Code(s.source.clone())),
        Column::new("into", "Fills", |s: &Sync| Cell::Text(s.audience_name.clone())),
        Column::new("behind", "Events to look through", |s: &Sync| Cell::Number(s.behind)).number(),
        Column::new("since", "The oldest came", move |s: &Sync| Cell::time(here.maybe(s.waiting_since), "–")).short(),
    ]
}

fn sync_chip(sync: &Sync) -> Chip {
    match (sync.enabled, sync.trouble.is_empty()) {
        (false, _) => Chip::off("Disabled"),
        (true, false) => Chip::stop("Stopped"),
        (true, true) if sync.source_retired => Chip::look("Not read"),
        (true, true) if sync.behind > 0 => Chip::go("Catching up"),
        (true, true) => Chip::ok("Through"),
    }
}

/// A command that sends one event, as a shell takes it.
fn curl(address: &str, source: &str) -> String {
    // In the order in which people read it, in three lines.
    let event = format!(
        r#"{{"specversion":"1.0","id":"test-1","type":"profile.upserted","source":{},
  "subject":"{TEST_SUBJECT}","sequence":"1",
  "data":{{"profileAltId":"{TEST_SUBJECT}","attributes":{{"tier":"Gold"}},"metrics":{{"points":100}}}}}}"#,
        json!(source)
    );
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    format!(
        "curl -X POST {} \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  -H 'Content-Type: application/cloudevents+json' \\\n  -d {}",
        quoted(address),
        quoted(&event)
    )
}

/// A field that events of a business unit have had.
struct Seen {
    source: String,
    name: String,
    types: String,
    sample: String,
    at: i64,
}

#[derive(Template)]
#[template(path = "streams/fields.html")]
struct Fields {
    page: Page,
    head: Head,
    table: Table,
}

/// GET /admin/streams/{id}/fields
pub async fn fields(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let stream = find(&reader, &id).await?;
    let db = &reader.app.db;
    let sources = store::sources(db.read(), stream.id).await?;
    let several = sources.len() > 1;
    let mut seen = Vec::new();
    for source in sources {
        for field in store::seen_of_source(db.read(), source.id).await? {
            let (types, at) = (field.seen().words(), field.seen_at);
            seen.push(Seen { source: source.source.clone(), name: field.name, types, sample: field.sample, at });
        }
    }
    let here = reader.here();
    let mut columns = vec![
        Column::new("name", "Field", |f: &Seen| Cell::Code(f.name.clone())).wide(),
        Column::new("types", "Type", |f: &Seen| Cell::Text(f.types.clone())),
        Column::new("sample", "One of the latest values", |f: &Seen| Cell::Text(f.sample.clone())).wide(),
        Column::new("at", "Sample taken", move |f: &Seen| Cell::Time(here.when(f.at))).short(),
    ];
    if several {
        columns.push(Column::new("source", "Business unit", |f: &Seen| Cell::Code(f.source.clone())));
    }
    let page = Fields {
        page: reader.page(format!("Fields of {}", stream.name)),
        head: Head::of(&reader, &stream, "Fields seen").await?,
        table: Table::plain(&reader, &columns, &seen),
    };
    Ok(Html(page.render()?))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Before {
    /// Id of the last one of the page before.
    before: i64,
}

#[derive(Template)]
#[template(path = "streams/rejected.html")]
struct RejectedPage {
    page: Page,
    head: Head,
    table: Table,
    open: i64,
}

/// GET /admin/streams/{id}/rejected
pub async fn rejected(reader: Reader, Path(id): Path<String>, Query(asked): Query<Before>) -> Result<Html<String>, Error> {
    let stream = find(&reader, &id).await?;
    let before = if asked.before > 0 { asked.before } else { i64::MAX };
    let (mut rows, open) = store::of_stream(reader.app.db.read(), stream.id, before, LIMIT + 1).await?;
    let more = rows.len() as i64 > LIMIT;
    rows.truncate(LIMIT as usize);
    let head = Head::of(&reader, &stream, "Rejected").await?;
    let mut table = Table::of("stream-rejected", &reader, &rejected_columns(&reader), &rows, None);
    table.first = (asked.before > 0).then(|| format!("{}/rejected", head.href));
    table.next = rows.last().filter(|_| more).map(|r| format!("{}/rejected?before={}", head.href, r.id));
    let page = RejectedPage { page: reader.page(format!("Rejected by {}", stream.name)), head, table, open };
    Ok(Html(page.render()?))
}

fn rejected_columns(reader: &Reader) -> Vec<Column<Rejected>> {
    let here = reader.here();
    vec![
        Column::new("at", "Came", move |r: &Rejected| Cell::Time(here.when(r.created_at))).short().always(),
        Column::new("reason", "Why", |r: &Rejected| Cell::Text(r.reason.clone())).always().wide(),
        Column::new("subject", "Profile", |r: &Rejected| Cell::Code(r.subject.clone())),
        Column::new("event", "Event", |r: &Rejected| Cell::Code(r.event_id.clone())),
        Column::new("state", "State", |r: &Rejected| {
            Cell::Chips(vec![if r.state == "open" { Chip::look("Open") } else { Chip::off("Put aside") }])
        }),
        Column::new("body", "As it came", |r: &Rejected| Cell::Code(cut(&r.body))).wide().on_request(),
    ]
}

/// The beginning of what came.
fn cut(body: &str) -> String {
    const LONGEST: usize = 300;
    if body.chars().nth(LONGEST).is_some() { body.chars().take(LONGEST).chain(['…']).collect() } else { body.to_owned() }
}

/// POST /admin/streams/{id}/rejected/dismiss
pub async fn dismiss(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let stream = find(&reader, &id).await?;
    let n = i64::try_from(api::dismiss_refused(&reader.app, &stream).await?).unwrap_or(i64::MAX);
    let said = format!("{} put aside.", text::count(n, "rejected event was", "rejected events were"));
    toast::done(&reader, &format!("{}/rejected", href(&stream)), &Toast::new(said))
}

/// POST /admin/streams/{id}/alarms/{number}/settle
pub async fn settle(reader: Reader, Path((id, number)): Path<(String, String)>) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let stream = find(&reader, &id).await?;
    api::put_aside(&reader.app, &reader.session.actor(&reader.app), &stream, &number).await?;
    toast::done(&reader, &href(&stream), &Toast::new("The alarm is settled."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_the_command_whatever_a_business_unit_is_called() {
        let command = curl("https://rialto.example/x", "/it's \"$(here)\"");
        assert!(command.contains(r#""source":"/it'\''s \"$(here)\"","#), "{command}");
        let event = command.split_once("-d '").unwrap().1.trim_end_matches('\'').replace(r"'\''", "'");
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        assert_eq!((&event["source"], &event["data"]["profileAltId"]), (&json!("/it's \"$(here)\""), &json!(TEST_SUBJECT)));
    }

    #[test]
    fn a_long_event_is_cut_where_it_is_only_looked_at() {
        assert_eq!((cut(&"é".repeat(301)).chars().count(), cut("short")), (301, "short".to_owned()));
    }
}
