//! What a reader likes: light or dark, and which columns. Kept in the browser, read by the server, so that a page comes right at once.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;

use super::shell::Reader;
use crate::auth::{Form, local};
use crate::error::Error;
use crate::state::App;

const THEME: &str = "rialto_theme";
/// 400 days, the most that browsers keep a cookie, in seconds.
const KEEP: i64 = 400 * 86_400;
/// Most columns of one table, and longest name of a table or a column.
const MOST: usize = 80;
const LONGEST: usize = 40;

/// `light`, `dark`, or empty for what the system says.
pub fn theme(headers: &HeaderMap) -> &'static str {
    CookieJar::from_headers(headers).get(THEME).map_or("", |c| known(c.value()))
}

fn known(theme: &str) -> &'static str {
    match theme {
        "light" => "light",
        "dark" => "dark",
        _ => "",
    }
}

#[derive(Deserialize)]
pub struct Theme {
    theme: String,
    #[serde(default)]
    back: String,
}

/// POST /preferences/theme
pub async fn set_theme(reader: Reader, Form(sent): Form<Theme>) -> Result<Response, Error> {
    back(&reader.app, &sent.back, THEME.into(), known(&sent.theme).into())
}

fn name_of(table: &str) -> String {
    format!("rialto_columns_{table}")
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

/// The columns that this reader chose for a table; `None` when they never chose.
pub fn columns(headers: &HeaderMap, table: &str) -> Option<Vec<String>> {
    let jar = CookieJar::from_headers(headers);
    let value = jar.get(&name_of(table))?.value();
    Some(value.split('.').filter(|c| is_name(c)).take(MOST).map(str::to_owned).collect())
}

#[derive(Deserialize)]
pub struct Columns {
    table: String,
    #[serde(default)]
    column: Vec<String>,
    /// Back to what the table shows by itself.
    #[serde(default)]
    usual: String,
    #[serde(default)]
    back: String,
}

/// POST /preferences/columns
pub async fn set_columns(reader: Reader, Form(sent): Form<Columns>) -> Result<Response, Error> {
    if !is_name(&sent.table) || sent.column.len() > MOST || !sent.column.iter().all(|c| is_name(c)) {
        return Err(Error::BadRequest("There is no such table or column.".into()));
    }
    // A table without any of its optional columns is a choice too: the dot keeps the cookie from being empty.
    let value = if sent.usual.is_empty() { format!(".{}", sent.column.join(".")) } else { String::new() };
    back(&reader.app, &sent.back, name_of(&sent.table), value)
}

/// Sets a cookie, or takes it away when empty, and goes back to the page it was asked from.
fn back(app: &App, to: &str, name: String, value: String) -> Result<Response, Error> {
    let age = if value.is_empty() { 0 } else { KEEP };
    let cookie =
        Cookie::build((name, value)).path("/").http_only(true).secure(app.settings.secure_cookies).same_site(SameSite::Lax).build();
    let text = HeaderValue::from_str(&format!("{cookie}; Max-Age={age}")).map_err(Error::internal)?;
    Ok(([(header::SET_COOKIE, text)], Redirect::to(local(to))).into_response())
}
