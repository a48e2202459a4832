//! Once more, everything in Error of a bridge: first shown with numbers, kinds and errors, then confirmed, then done.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::Permission;
use rialto_core::writeback::WritebackKind;
use rialto_store::bridges::Bridge;
use rialto_store::views::writebacks as view;
use serde::Deserialize;

use super::links;
use super::shell::{Page, Reader};
use super::text::{self, filters};
use super::toast::{self, Toast};
use super::writebacks::kind_label;
use crate::api::writebacks as api;
use crate::auth::Form;
use crate::error::Error;

/// Errors that are told apart on the page.
const SHOWN: i64 = 30;
/// The most that go out at once (`rialto_store::writebacks::retry_all`).
const AT_ONCE: i64 = 10_000;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    /// Empty for every kind.
    kind: String,
    /// Set by the confirmation: how many it named.
    sure: Option<i64>,
}

/// A kind to choose, with how many of it stand in Error.
struct Choice {
    href: String,
    label: &'static str,
    number: i64,
    here: bool,
}

struct Alike {
    kind: &'static str,
    reason: String,
    number: i64,
}

#[derive(Template)]
#[template(path = "writebacks_retry.html")]
struct Preview {
    page: Page,
    bridge: String,
    href: String,
    list: String,
    kind: &'static str,
    choices: Vec<Choice>,
    alike: Vec<Alike>,
    /// So many more failed otherwise than is shown.
    others: i64,
    total: i64,
    /// As many as go out at once.
    now: i64,
    by_themselves: i64,
    /// What was confirmed is not what stands there now.
    changed: Option<i64>,
    /// Nothing goes out to a bridge that is switched off.
    enabled: bool,
}

impl Preview {
    fn what(&self) -> String {
        text::count(self.now, "writeback", "writebacks")
    }
}

fn kind_of(asked: &Asked) -> &'static str {
    WritebackKind::from_name(&asked.kind).map_or("", WritebackKind::name)
}

/// GET /admin/bridges/{id}/writebacks/retry
pub async fn show(reader: Reader, Path(id): Path<String>, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::WritebacksRetry)?;
    let bridge = links::find_bridge(&reader.app, &id).await?;
    Ok(Html(preview(&reader, &bridge, kind_of(&asked), None).await?.render()?))
}

async fn preview(reader: &Reader, bridge: &Bridge, kind: &'static str, changed: Option<i64>) -> Result<Preview, Error> {
    let db = &reader.app.db;
    let kinds = view::error_kinds(db.read(), bridge.id).await?;
    let found = view::errors(db.read(), bridge.id, kind, SHOWN).await?;
    let meant = || kinds.iter().filter(|k| kind.is_empty() || k.kind == kind);
    let total: i64 = meant().map(|k| k.number).sum();
    let href = format!("{}/writebacks/retry", links::bridge(bridge.created_at, bridge.id));
    let choice = |name: &str, label, number| Choice {
        href: format!("{href}{}", links::query(&[("kind", name)])),
        label,
        number,
        here: name == kind,
    };
    let every = choice("", "Every kind", kinds.iter().map(|k| k.number).sum());
    Ok(Preview {
        page: reader.page_under("/writebacks", format!("Retry what is in Error at {}", bridge.name)),
        bridge: bridge.name.clone(),
        list: format!("/writebacks{}", links::query(&[("bridge", links::bridge_id(bridge).to_string().as_str()), ("state", "error")])),
        kind,
        choices: std::iter::once(every).chain(kinds.iter().map(|k| choice(&k.kind, kind_label(&k.kind), k.number))).collect(),
        others: total - found.iter().map(|a| a.number).sum::<i64>(),
        alike: found.into_iter().map(|a| Alike { kind: kind_label(&a.kind), reason: a.reason, number: a.number }).collect(),
        total,
        now: total.min(AT_ONCE),
        by_themselves: meant().map(|k| k.by_themselves).sum(),
        changed,
        enabled: bridge.enabled,
        href,
    })
}

/// POST /admin/bridges/{id}/writebacks/retry
pub async fn submit(reader: Reader, Path(id): Path<String>, Form(asked): Form<Asked>) -> Result<Response, Error> {
    reader.session.require(Permission::WritebacksRetry)?;
    let bridge = links::find_bridge(&reader.app, &id).await?;
    let kind = kind_of(&asked);
    let now = preview(&reader, &bridge, kind, asked.sure).await?;
    // Cycles go on between the question and the answer: then it is asked anew.
    if asked.sure != Some(now.now) {
        return Ok(Html(now.render()?).into_response());
    }
    let number = api::do_retry_all(&reader.app, bridge.id, kind, &reader.session.actor(&reader.app)).await?;
    let to = format!("/writebacks{}", links::query(&[("bridge", links::bridge_id(&bridge).to_string().as_str())]));
    toast::done(&reader, &to, &Toast::new(said(i64::try_from(number).unwrap_or(i64::MAX), now.now, now.total, &bridge.name)))
}

/// What was done, and what was not: `meant` were confirmed, of `total` in Error.
fn said(number: i64, meant: i64, total: i64, bridge: &str) -> String {
    if number == 0 {
        return "Nothing was in Error any more, so nothing was done.".into();
    }
    let goes = if number == 1 { "goes" } else { "go" };
    let mut said = format!("{} to {bridge} {goes} out once more.", text::count(number, "writeback", "writebacks"));
    if number < meant {
        said.push_str(&format!(" {} of those shown had left Error meanwhile.", text::num(meant - number)));
    }
    if total > meant {
        said.push_str(&format!(" {} are still in Error: at most {} go out at once.", text::num(total - meant), text::num(AT_ONCE)));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn what_is_said_is_what_was_done() {
        assert_eq!(said(1, 1, 1, "CRM"), "1 writeback to CRM goes out once more.");
        assert_eq!(said(10, 12, 12, "CRM"), "10 writebacks to CRM go out once more. 2 of those shown had left Error meanwhile.");
        assert_eq!(said(0, 12, 12, "CRM"), "Nothing was in Error any more, so nothing was done.");
        assert!(said(10_000, 10_000, 12_345, "CRM").ends_with("2,345 are still in Error: at most 10,000 go out at once."));
    }
}
