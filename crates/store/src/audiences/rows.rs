//! Rows of a list or extension as pages, the API and exports show them: every value as text.

use super::{Field, KEY, table};
use crate::args;
use crate::db::Read;
use crate::error::StoreError;

/// A row: its values in the order of the fields asked for, `None` where empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    /// The text by which it meets a subscriber; `None` where it has none.
    pub link: Option<String>,
    pub values: Vec<Option<String>>,
}

/// Which rows are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Begins after this key; empty for the beginning.
    pub after: &'a str,
    /// Keys that begin so, or whose link is this text; empty for all.
    pub search: &'a str,
    pub limit: i64,
}

/// The columns as one JSON array a row, so that rows of any width have one type.
fn shown(sqlite: bool, fields: &[&Field]) -> String {
    let columns: Vec<String> = fields.iter().map(|f| text_of(sqlite, f)).collect();
    // PostgreSQL passes a hundred values to a function, and a list has more fields.
    if sqlite { format!("json_array({})", columns.join(", ")) } else { format!("to_json(ARRAY[{}])", columns.join(", ")) }
}

fn text_of(sqlite: bool, field: &Field) -> String {
    let column = format!("f{}", field.number);
    match (field.kind.as_str(), sqlite) {
        ("boolean", true) => format!("CASE {column} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
        ("float", true) => format!(
            "CASE WHEN {column} = CAST({column} AS INTEGER) AND abs({column}) < 1e15 THEN CAST(CAST({column} AS INTEGER) AS TEXT) ELSE CAST({column} AS TEXT) END"
        ),
        ("datetime", false) => format!("to_char({column}, 'YYYY-MM-DD HH24:MI:SS')"),
        _ => format!("CAST({column} AS TEXT)"),
    }
}

fn read((key, link, values): (String, Option<String>, String)) -> Result<Row, StoreError> {
    let values = serde_json::from_str(&values).map_err(|_| StoreError::Corrupt("a row of an audience list".into()))?;
    Ok(Row { key, link, values })
}

/// A page of rows by their key.
pub async fn page(mut from: Read<'_>, audience_id: i64, fields: &[&Field], page: Page<'_>) -> Result<Vec<Row>, StoreError> {
    let name = table(audience_id);
    let numeric = fields_key_is_number(from, audience_id).await?;
    let key = format!("f{KEY}");
    // A number sorts as such; what is asked after must be one too.
    let after = if page.after.is_empty() {
        "CAST($1 AS TEXT) = ''".to_owned()
    } else if numeric {
        format!("{key} > CAST($1 AS BIGINT)")
    } else {
        format!("{key} > $1")
    };
    // PostgreSQL calls the text of the key by the key's name, and sorts by that unless told whose it is.
    let text = format!(
        "SELECT CAST({key} AS TEXT), link, {} FROM {name} r
            WHERE {after} AND ($2 = '' OR CAST({key} AS TEXT) LIKE $2 ESCAPE '\\' OR link = $4 OR link = $5) ORDER BY r.{key} LIMIT $3",
        cast_json(from.is_sqlite(), fields)
    );
    let starts = if page.search.is_empty() { String::new() } else { format!("{}%", escaped(page.search)) };
    // An address is linked in its canonical form, a Remote ID as it is.
    let address = rialto_core::address::canonical(page.search);
    let rows: Vec<(String, Option<String>, String)> =
        from.all_built(text, args![page.after, starts, page.limit, address, page.search.trim()]).await?;
    rows.into_iter().map(read).collect()
}

fn cast_json(sqlite: bool, fields: &[&Field]) -> String {
    if sqlite { shown(true, fields) } else { format!("CAST({} AS TEXT)", shown(false, fields)) }
}

async fn fields_key_is_number(from: Read<'_>, audience_id: i64) -> Result<bool, StoreError> {
    let fields = super::fields(from, audience_id).await?;
    Ok(fields.iter().any(|f| f.is_key() && f.kind != "text"))
}

/// `LIKE`'s own signs as plain characters.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// The rows with these keys, in no order.
pub async fn values(mut from: Read<'_>, audience_id: i64, fields: &[&Field], keys: &[String]) -> Result<Vec<Row>, StoreError> {
    let numeric = fields_key_is_number(from, audience_id).await?;
    let among = super::write::among(from.is_sqlite(), numeric, 1);
    let text = format!(
        "SELECT CAST(f{KEY} AS TEXT), link, {} FROM {} WHERE f{KEY} {among}",
        cast_json(from.is_sqlite(), fields),
        table(audience_id)
    );
    let rows: Vec<(String, Option<String>, String)> = from.all_built(text, args![serde_json::json!(keys).to_string()]).await?;
    rows.into_iter().map(read).collect()
}

/// How many rows there are, and how many of them meet a subscriber.
pub async fn count(from: Read<'_>, audience: &super::Audience) -> Result<(i64, i64), StoreError> {
    count_of(from, audience, i64::MAX).await
}

/// The same of `most` rows at most, whichever they are: for pages that must not wait for millions.
pub async fn count_of(mut from: Read<'_>, audience: &super::Audience, most: i64) -> Result<(i64, i64), StoreError> {
    let name = table(audience.id);
    let meets = match audience.match_by.as_deref() {
        Some("email") => "EXISTS (SELECT 1 FROM subscriber s WHERE s.canonical = r.link)".to_owned(),
        Some(_) => format!(
            "EXISTS (SELECT 1 FROM subscriber s WHERE s.bridge_id = {} AND s.remote_id = r.link)",
            audience.match_bridge.unwrap_or_default()
        ),
        None => "FALSE".to_owned(),
    };
    let text = format!(
        "SELECT COUNT(*), COALESCE(SUM(CASE WHEN r.link IS NOT NULL AND {meets} THEN 1 ELSE 0 END), 0)
         FROM (SELECT link FROM {name} LIMIT $1) r"
    );
    let rows: Vec<(i64, i64)> = from.all_built(text, args![most]).await?;
    rows.into_iter().next().ok_or(StoreError::NotFound)
}

/// How many rows there are, counted up to `most`.
pub async fn size(mut from: Read<'_>, audience_id: i64, most: i64) -> Result<i64, StoreError> {
    let text = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {} LIMIT $1) r", table(audience_id));
    let rows: Vec<(i64,)> = from.all_built(text, args![most]).await?;
    rows.into_iter().next().map(|(n,)| n).ok_or(StoreError::NotFound)
}
