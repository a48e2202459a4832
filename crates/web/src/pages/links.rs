//! Addresses of things, and things of addresses.

use rialto_core::{Instant, Kind, PublicId};
use rialto_store::bridges::{self, Bridge};
use rialto_store::views::groups::{self, GroupRow};
use rialto_store::views::runs::{self, RunRow};

use crate::error::Error;
use crate::state::App;

fn public(kind: Kind, created_at: i64, id: i64) -> PublicId {
    PublicId::new(kind, Instant(created_at), id)
}

pub fn group(created_at: i64, id: i64) -> String {
    format!("/target-groups/{}", public(Kind::TargetGroup, created_at, id))
}

pub fn run(created_at: i64, id: i64) -> String {
    format!("/sync-runs/{}", public(Kind::SyncRun, created_at, id))
}

pub fn person(created_at: i64, id: i64) -> String {
    format!("/subscribers/{}", public(Kind::Subscriber, created_at, id))
}

pub fn bridge(created_at: i64, id: i64) -> String {
    format!("/admin/bridges/{}", public(Kind::Bridge, created_at, id))
}

pub fn bridge_id(b: &Bridge) -> PublicId {
    public(Kind::Bridge, b.created_at, b.id)
}

/// `?a=b&c=d` of what is not empty; nothing at all when everything is.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let set = pairs.iter().filter(|(_, value)| !value.is_empty());
    let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(set).finish();
    if text.is_empty() { text } else { format!("?{text}") }
}

fn parse(text: &str, kind: Kind) -> Result<PublicId, Error> {
    PublicId::parse(text, kind).ok_or(Error::NotFound)
}

pub async fn find_group(app: &App, text: &str) -> Result<GroupRow, Error> {
    let id = parse(text, Kind::TargetGroup)?;
    let row = groups::one(app.db.read(), id.id).await?;
    row.filter(|g| id.fits(Instant(g.group.created_at))).ok_or(Error::NotFound)
}

pub async fn find_run(app: &App, text: &str) -> Result<RunRow, Error> {
    let id = parse(text, Kind::SyncRun)?;
    let row = runs::one(app.db.read(), id.id).await?;
    row.filter(|r| id.fits(Instant(r.run.created_at))).ok_or(Error::NotFound)
}

pub async fn find_bridge(app: &App, text: &str) -> Result<Bridge, Error> {
    let id = parse(text, Kind::Bridge)?;
    let row = bridges::get(app.db.read(), id.id).await?;
    row.filter(|b| id.fits(Instant(b.created_at))).ok_or(Error::NotFound)
}

#[cfg(test)]
mod tests {
    #[test]
    fn empty_pairs_leave_no_trace() {
        assert_eq!(super::query(&[("q", ""), ("page", "")]), "");
        assert_eq!(super::query(&[("q", "a & b"), ("page", "")]), "?q=a+%26+b");
    }
}
