//! A request taken apart: entity, identity, options, body.

use axum::http::request::Parts;
use serde_json::Value;

use crate::imis::dialect::{self, Slice};
use crate::imis::rows::Filter;
use crate::target::{decode, query};

/// Rows of an answer when nobody says how many.
const USUAL: usize = 100;

/// Options that are no filters.
const OWN: &[&str] = &["limit", "offset", "orderby", "queryname", "parameter", "entityid", "tablename"];

pub(crate) struct Request {
    pub method: String,
    /// Below `api`, decoded, without slashes at its ends.
    pub path: String,
    pub entity: String,
    /// What follows the entity; empty for nothing.
    pub rest: String,
    pub query: Vec<(String, String)>,
    pub body: Value,
}

impl Request {
    /// `None` when the address or the body cannot be read. Doubled slashes are forgiven.
    pub(crate) fn read(parts: &Parts, body: &[u8]) -> Option<Self> {
        let raw = parts.uri.path().strip_prefix("/imis/api/")?;
        let path = decode(raw, false)?.trim_matches('/').to_owned();
        let query = query(parts.uri.query().unwrap_or_default())?;
        let (entity, rest) = path.split_once('/').map_or((path.as_str(), ""), |(a, b)| (a, b));
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).ok()? };
        let (entity, mut rest) = (entity.to_owned(), rest.to_owned());
        if rest.is_empty()
            && let Some((_, id)) = query.iter().find(|(name, _)| name.eq_ignore_ascii_case("EntityId"))
        {
            rest.clone_from(id);
        }
        Some(Self { method: parts.method.to_string(), entity, rest, query, body, path })
    }

    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.option(name)?.parse().ok()
    }

    /// Which rows are asked for; a limit that is too large is capped.
    pub(crate) fn slice(&self, cap: usize) -> Slice {
        let limit = self.number("limit").filter(|n| *n > 0).unwrap_or(USUAL).min(cap);
        Slice { offset: self.number("offset").unwrap_or(0), limit }
    }

    pub(crate) fn filters(&self) -> Vec<Filter> {
        let own = |name: &str| OWN.iter().any(|known| known.eq_ignore_ascii_case(name));
        self.query.iter().filter(|(name, _)| !own(name)).map(|(name, value)| Filter::parse(name, value)).collect()
    }

    /// The parts of the identity: `101`, or `~101|3`.
    pub(crate) fn identity(&self) -> Vec<&str> {
        match self.rest.strip_prefix('~') {
            Some(parts) => parts.split('|').collect(),
            None if self.rest.is_empty() => Vec::new(),
            None => vec![self.rest.as_str()],
        }
    }

    pub(crate) fn is_query(&self) -> bool {
        self.entity.eq_ignore_ascii_case("query") || self.entity.eq_ignore_ascii_case("iqa")
    }

    /// What is executed, or which query is run; empty otherwise.
    pub(crate) fn operation(&self) -> &str {
        if self.is_query() { self.option("QueryName").unwrap_or_default() } else { dialect::text(&self.body, "OperationName") }
    }

    /// The parameters of an execution, as text where they are one.
    pub(crate) fn parameters(&self) -> Vec<&Value> {
        let list = dialect::items(dialect::member(&self.body, "Parameters"));
        list.iter().map(|p| p.get("$value").unwrap_or(p)).collect()
    }
}
