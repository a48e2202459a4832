//! How requests are read and answers are shaped, the same for all of the API.

use std::convert::Infallible;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rialto_core::{Instant, Kind, PublicId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, FieldError};
use crate::state::App;

const LARGEST_PAGE: i64 = 200;
const USUAL_PAGE: i64 = 50;

/// RFC 9457.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    pub r#type: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    /// Faulty fields, when the input did not pass.
    pub errors: Vec<ProblemField>,
    pub request_id: String,
    /// The permission that is missing, e.g. `groups.sync`; only with status 403.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub permission: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ProblemField {
    /// Path of the field, e.g. `settings.base_url`.
    pub field: String,
    pub detail: String,
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
    /// How many there are in all.
    pub total: i64,
}

/// Extractor: a JSON body. It is judged only when the handler reads it, after it asked for the permission.
pub struct Body<T> {
    json: bool,
    bytes: Result<Bytes, Error>,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Body<T> {
    pub fn read(self) -> Result<T, Error> {
        if !self.json {
            return Err(Error::NotJson);
        }
        read(&self.bytes?)
    }
}

impl<T: DeserializeOwned + Default> Body<T> {
    /// A body may be left out.
    pub fn read_or_default(self) -> Result<T, Error> {
        if self.bytes.as_ref().is_ok_and(|b| b.iter().all(u8::is_ascii_whitespace)) { Ok(T::default()) } else { self.read() }
    }
}

impl<T> FromRequest<App> for Body<T> {
    type Rejection = Infallible;

    async fn from_request(request: Request, app: &App) -> Result<Self, Infallible> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let json = kind.to_ascii_lowercase().starts_with("application/json");
        let bytes = Bytes::from_request(request, app).await.map_err(|_| Error::TooLarge);
        Ok(Self { json, bytes, of: PhantomData })
    }
}

fn read<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Error> {
    let axum::Json(value) = axum::Json::from_bytes(bytes)?;
    Ok(value)
}

/// Extractor: the query's parameters.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let Query(value) = Query::<T>::from_request_parts(parts, app).await?;
        Ok(Self(value))
    }
}

/// Extractor: the id in the path.
pub struct Id(pub String);

impl FromRequestParts<App> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let axum::extract::Path(id) = axum::extract::Path::<String>::from_request_parts(parts, app).await?;
        Ok(Self(id))
    }
}

impl Id {
    /// The id when it is one of this kind; else there is nothing at this address.
    pub fn of(&self, kind: Kind) -> Result<PublicId, Error> {
        PublicId::parse(&self.0, kind).ok_or(Error::NotFound)
    }
}

/// The row, when it is the one that the id was made for.
pub fn found<T>(row: Option<T>, id: PublicId, created_at: impl Fn(&T) -> i64) -> Result<T, Error> {
    row.filter(|row| id.fits(Instant(created_at(row)))).ok_or(Error::NotFound)
}

pub fn public(kind: Kind, created_at: i64, id: i64) -> String {
    PublicId::new(kind, Instant(created_at), id).to_string()
}

/// RFC 3339 in UTC.
pub fn time(at: i64) -> String {
    Instant(at).to_string()
}

pub fn maybe_time(at: Option<i64>) -> Option<String> {
    at.map(time)
}

/// Rows a page: 1 to 200, 50 when not said.
pub fn limit(asked: Option<i64>) -> Result<i64, Error> {
    match asked.unwrap_or(USUAL_PAGE) {
        n @ 1..=LARGEST_PAGE => Ok(n),
        _ => Err(Error::field("limit", "Ask for 1 to 200.")),
    }
}

/// Reads where the last page ended; `None` on the first page.
pub fn after<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, Error> {
    let Some(text) = cursor.filter(|t| !t.is_empty()) else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let value = bytes.and_then(|b| serde_json::from_slice(&b).ok());
    value.map(Some).ok_or_else(|| Error::field("cursor", "Send a cursor as it came, or none."))
}

/// Makes a page of up to `limit` + 1 rows: cuts it and says where it ended.
pub fn page<R, T, C: Serialize>(mut rows: Vec<R>, limit: i64, total: i64, end: impl Fn(&R) -> C, show: impl Fn(R) -> T) -> List<T> {
    let limit = usize::try_from(limit).unwrap_or(1);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).and_then(|row| cursor(&end(row)));
    List { items: rows.into_iter().map(show).collect(), next_cursor, total }
}

pub fn cursor(end: &impl Serialize) -> Option<String> {
    serde_json::to_vec(end).ok().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// `limit` and `cursor`, for lists without filters.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// 1 to 200, usually 50.
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

/// Collects faults of fields.
#[derive(Default)]
pub struct Faults(pub Vec<FieldError>);

impl Faults {
    pub fn add(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), detail: detail.into() });
    }

    pub fn none_or(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}

/// The filter's value, one of those that exist; empty when it was not sent.
pub fn one_of(asked: Option<String>, field: &str, names: &[&str]) -> Result<String, Error> {
    match asked {
        Some(value) if !names.contains(&value.as_str()) => Err(Error::field(field, &format!("Use one of: {}.", names.join(", ")))),
        asked => Ok(asked.unwrap_or_default()),
    }
}

/// Most characters of a search text.
const LONGEST_SEARCH: usize = 200;

/// What to search for: trimmed, at most 200 characters. For the field `q` of pages and API.
pub fn search(text: &str) -> Result<&str, Error> {
    let text = text.trim();
    if text.chars().count() > LONGEST_SEARCH {
        return Err(Error::field("q", "Search for at most 200 characters."));
    }
    Ok(text)
}

/// A name as entered: trimmed, 1 to 200 characters, none of them a control character.
pub fn name(text: &str, field: &str, faults: &mut Faults) -> String {
    short(text, field, 200, faults)
}

/// As `name`, with another limit.
pub fn short(text: &str, field: &str, longest: usize, faults: &mut Faults) -> String {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > longest || text.chars().any(char::is_control) {
        faults.add(field, format!("Enter 1 to {longest} characters."));
    }
    text.to_owned()
}
