//! List of Attributes: which fields of a bridge can be used, under which names, and what stands in for an empty value.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_connectors::FieldError;
use rialto_core::fields::FieldType;
use rialto_core::permissions::Permission;
use rialto_store::bridges::Bridge;
use rialto_store::fields::{self, Attribute, Field};

use super::bridge_head::Head;
use super::links;
use super::shell::{Page, Reader};
use super::text::{Chip, When};
use super::toast::{self, Toast};
use crate::api::bridge_fields::{self as api, FieldChange, LONGEST_COMMENT, LONGEST_NAME};
use crate::api::extract::Faults;
use crate::auth::Form;
use crate::error::Error;

/// As the browser sends it: `fields` (numbers, apart by commas), and for each `shown.<n>`, `display_name.<n>`, `default.<n>`, `comment.<n>`.
type Sent = BTreeMap<String, String>;

/// Longest texts, together, that an undo carries in its cookie.
const UNDO: usize = 1_800;

struct Line {
    number: i64,
    name: String,
    label: String,
    kind: &'static str,
    boolean: bool,
    /// An example of a default.
    example: &'static str,
    valid: Chip,
    why_invalid: &'static str,
    gone: Option<When>,
    shown: bool,
    display_name: String,
    default: String,
    comment: String,
    /// Faults of display name, default and comment.
    faults: [Option<String>; 3],
}

#[derive(Template)]
#[template(path = "bridge_fields.html")]
struct Attributes {
    page: Page,
    head: Head,
    lines: Vec<Line>,
    numbers: String,
    valid: usize,
    faults: usize,
    longest_name: usize,
    longest_comment: usize,
}

/// GET /admin/bridges/{id}/fields
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    let bridge = links::find_bridge(&reader.app, &id).await?;
    page(&reader, &bridge, &Sent::new(), &[]).await
}

async fn page(reader: &Reader, bridge: &Bridge, sent: &Sent, faults: &[FieldError]) -> Result<Response, Error> {
    let mut all = fields::list(reader.app.db.read(), bridge.id).await?;
    // What can be used comes first.
    all.sort_by_key(|f| !f.is_valid());
    let lines: Vec<Line> = all.iter().map(|f| line(reader, f, sent, faults)).collect();
    let page = Attributes {
        page: reader.page(format!("Attributes of {}", bridge.name)),
        head: Head::of(reader, bridge, "List of Attributes").await?,
        numbers: lines.iter().map(|l| l.number.to_string()).collect::<Vec<_>>().join(","),
        valid: all.iter().filter(|f| f.is_valid()).count(),
        lines,
        faults: faults.len(),
        longest_name: LONGEST_NAME,
        longest_comment: LONGEST_COMMENT,
    };
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

/// A field with what was entered, or with what is stored.
fn line(reader: &Reader, f: &Field, sent: &Sent, faults: &[FieldError]) -> Line {
    let entered = |part: &str, stored: &str| sent.get(&format!("{part}.{}", f.number)).cloned().unwrap_or_else(|| stored.to_owned());
    let fault = |part: &str| faults.iter().find(|e| e.field == format!("{part}.{}", f.number)).map(|e| e.detail.clone());
    let (kind, example) = match FieldType::from_name(&f.kind) {
        Some(FieldType::Text) => ("text", ""),
        Some(FieldType::Integer) => ("whole number", "12"),
        Some(FieldType::Decimal) => ("number", "12.5"),
        Some(FieldType::DateTime) => ("date", "2026-01-31"),
        Some(FieldType::Boolean) => ("yes or no", ""),
        None => ("unknown type", ""),
    };
    Line {
        number: f.number,
        name: f.name.clone(),
        label: f.label.clone(),
        kind,
        boolean: f.kind == FieldType::Boolean.name(),
        example,
        valid: if f.is_valid() { Chip::ok("Valid") } else { Chip::look("Not valid") },
        why_invalid: api::why_invalid(f),
        gone: reader.here().maybe(f.gone_at),
        shown: if sent.is_empty() { f.shown } else { sent.contains_key(&format!("shown.{}", f.number)) },
        display_name: entered("display_name", &f.display_name),
        default: entered("default", &f.default_value),
        comment: entered("comment", &f.comment),
        faults: [fault("display_name"), fault("default"), fault("comment")],
    }
}

/// What was entered for the fields that the form was about.
fn read(sent: &Sent) -> Vec<FieldChange> {
    let numbers = sent.get("fields").map(String::as_str).unwrap_or_default();
    numbers
        .split(',')
        .filter_map(|n| n.parse::<i64>().ok())
        .take(fields::MAX_FIELDS * 4)
        .map(|number| {
            let text = |part: &str| sent.get(&format!("{part}.{number}")).cloned();
            FieldChange {
                number,
                shown: Some(sent.contains_key(&format!("shown.{number}"))),
                display_name: text("display_name"),
                default: text("default"),
                comment: text("comment"),
            }
        })
        .collect()
}

/// POST /admin/bridges/{id}/fields
pub async fn save(reader: Reader, Path(id): Path<String>, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let app = &reader.app;
    let bridge = links::find_bridge(app, &id).await?;
    let known = fields::list(app.db.read(), bridge.id).await?;
    let changes = read(&sent);
    let mut faults = Faults::default();
    let numbers: Vec<i64> = changes.iter().map(|c| c.number).collect();
    let checked = api::check(&known, &changes, |n, part| format!("{part}.{}", numbers[n]), &mut faults);
    if !faults.0.is_empty() {
        return page(&reader, &bridge, &sent, &faults.0).await;
    }
    let who = reader.session.actor(app);
    let mut before = Vec::new();
    let mut tx = app.db.write().await?;
    for (number, to) in &checked {
        if let Some(was) = fields::set(&mut tx, bridge.id, *number, to, &who).await? {
            before.push((*number, was));
        }
    }
    tx.commit().await?;
    let href = format!("{}/fields", links::bridge(bridge.created_at, bridge.id));
    toast::done(&reader, &href, &told(&before, &href))
}

/// What was saved, with a way back where that fits into a cookie.
fn told(before: &[(i64, Attribute)], href: &str) -> Toast {
    let said = match before.len() {
        0 => return Toast::new("Nothing was different; nothing was saved."),
        1 => "1 attribute was changed.".to_owned(),
        n => format!("{n} attributes were changed."),
    };
    let mut fields = vec![("fields".to_owned(), before.iter().map(|(n, _)| n.to_string()).collect::<Vec<_>>().join(","))];
    for (n, was) in before {
        fields.push((format!("display_name.{n}"), was.display_name.clone()));
        fields.push((format!("default.{n}"), was.default_value.clone()));
        fields.push((format!("comment.{n}"), was.comment.clone()));
        if was.shown {
            fields.push((format!("shown.{n}"), "yes".into()));
        }
    }
    // Every name and value stands in quotes in the cookie.
    if fields.iter().map(|(name, value)| name.len() + value.len() + 10).sum::<usize>() > UNDO {
        return Toast::new(said);
    }
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Toast::new(said).undo(href, &fields)
}
