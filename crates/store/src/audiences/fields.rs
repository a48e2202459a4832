//! Fields of lists and extensions: added, renamed, retired. A retired field's values stay, so that nothing is lost by a slip.

use rialto_core::audience::{FieldType, MAX_FIELDS};
use serde_json::json;

use super::{FIELDS, Field, KEY, table};
use crate::args;
use crate::audit::{self, Actor};
use crate::db::Tx;
use crate::error::StoreError;
use crate::groups::fold;
use crate::segments;
use crate::sql::{sql, statements};

statements! {
    TAKE = sql!("UPDATE audience SET next_field = next_field + 1 WHERE id = $1 RETURNING next_field - 1");
    INSERT = sql!("INSERT INTO audience_field (audience_id, number, position, name, api_name, api_name_folded, kind, length, description, default_value)
        VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9)");
    GET = sql!("SELECT * FROM audience_field WHERE audience_id = $1 AND number = $2");
    RENAME = sql!("UPDATE audience_field SET name = $3, description = $4, default_value = $5, length = $6 WHERE audience_id = $1 AND number = $2");
    RETIRE = sql!("UPDATE audience_field SET retired_at = $3 WHERE audience_id = $1 AND number = $2 AND retired_at IS NULL");
    BACK = sql!("UPDATE audience_field SET retired_at = NULL WHERE audience_id = $1 AND number = $2 AND retired_at IS NOT NULL");
    MAPPED = sql!("SELECT s.name FROM data_sync s JOIN data_sync_pair p ON p.sync_id = s.id
        WHERE s.audience_id = $1 AND p.target = $2 AND s.deleted_at IS NULL ORDER BY s.id LIMIT 1");
}

/// A field as entered; names, length and default are checked by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewField {
    pub name: String,
    pub api_name: String,
    pub kind: FieldType,
    /// Of a text, in characters.
    pub length: Option<u32>,
    pub description: String,
    /// Written as its type; empty for none.
    pub default_value: String,
}

/// The type of a column. Lengths are checked as values come in: a column of another length has to be written anew.
fn column_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Integer => "INTEGER",
        FieldType::Long => "BIGINT",
        FieldType::Text | FieldType::LongText => "TEXT",
        FieldType::Float => "DOUBLE PRECISION",
        FieldType::DateTime => "TIMESTAMP",
        FieldType::Date => "DATE",
        FieldType::Boolean => "BOOLEAN",
    }
}

/// The table with its key and the text by which rows meet subscribers.
pub(super) async fn create_table(tx: &mut Tx, id: i64, key: &NewField) -> Result<(), StoreError> {
    let name = table(id);
    let tail = if tx.is_sqlite() { " WITHOUT ROWID" } else { "" };
    let text = format!("CREATE TABLE {name} (f{KEY} {} NOT NULL PRIMARY KEY, link TEXT){tail}", column_type(key.kind));
    tx.run_built(text, args![]).await?;
    tx.run_built(format!("CREATE INDEX {name}_link ON {name} (link)"), args![]).await.map(drop)
}

/// A field and its column; the first one's column was made with the table.
pub(super) async fn insert(tx: &mut Tx, id: i64, new: &NewField) -> Result<i64, StoreError> {
    let known: Vec<Field> = tx.all(FIELDS, args![id]).await?;
    if known.len() >= MAX_FIELDS {
        return Err(StoreError::Conflict(format!("A list has at most {MAX_FIELDS} fields, retired ones among them.")));
    }
    if let Some(same) = known.iter().find(|f| fold(&f.api_name) == fold(&new.api_name)) {
        let retired = if same.retired_at.is_some() { ", which is retired" } else { "" };
        return Err(StoreError::Conflict(format!("The field {}{retired} has the API name {} already.", same.name, same.api_name)));
    }
    let (number,): (i64,) = tx.one(TAKE, args![id]).await?;
    let length = (new.kind == FieldType::Text).then(|| i64::from(new.length.unwrap_or(rialto_core::audience::MAX_TEXT)));
    let row =
        args![id, number, &new.name, &new.api_name, fold(&new.api_name), new.kind.name(), length, &new.description, &new.default_value];
    tx.run(INSERT, row).await?;
    if number != KEY {
        tx.run_built(format!("ALTER TABLE {} ADD COLUMN f{number} {}", table(id), column_type(new.kind)), args![]).await?;
    }
    Ok(number)
}

/// Adds a field; answers its number. `Conflict` where the API name is taken or there are too many.
pub async fn add(tx: &mut Tx, id: i64, new: &NewField, who: &Actor) -> Result<i64, StoreError> {
    super::lock(tx, id).await?;
    let number = insert(tx, id, new).await?;
    let detail = json!({"field": number, "name": new.name, "api_name": new.api_name, "type": new.kind.name()});
    audit::write(tx, who, "audience_field.add", "audience", Some(id), detail).await?;
    Ok(number)
}

/// Changes what a field is called; its API name and type stay, since templates and data syncs rest on them. A text may become longer.
pub async fn rename(tx: &mut Tx, id: i64, number: i64, to: &NewField, who: &Actor) -> Result<(), StoreError> {
    super::lock(tx, id).await?;
    let before: Field = tx.one(GET, args![id, number]).await?;
    let length = before.length.map(|n| to.length.map_or(n, i64::from));
    if length < before.length {
        return Err(StoreError::Conflict(format!(
            "{} holds values of up to {} characters; a field can become longer, not shorter.",
            before.name,
            before.length.unwrap_or_default()
        )));
    }
    tx.run(RENAME, args![id, number, &to.name, &to.description, &to.default_value, length]).await?;
    let detail = json!({"field": number, "name": to.name, "before": before.name, "length": length});
    audit::write(tx, who, "audience_field.update", "audience", Some(id), detail).await
}

/// Retires a field or brings it back. Its values stay. `Conflict` for the key, and while a data sync fills it or a segment asks about it.
pub async fn retire(tx: &mut Tx, id: i64, number: i64, retired: bool, who: &Actor) -> Result<(), StoreError> {
    super::lock(tx, id).await?;
    let field: Field = tx.one(GET, args![id, number]).await?;
    if retired {
        if number == KEY {
            return Err(StoreError::Conflict("The unique key cannot be retired.".into()));
        }
        if let Some((sync,)) = tx.opt::<(String,)>(MAPPED, args![id, number]).await? {
            return Err(StoreError::Conflict(format!(
                "The data sync {sync} fills {}. Take it out of its field matching first.",
                field.name
            )));
        }
        let segments = segments::users_of_audience(tx, id).await?;
        if let Some((.., segment, _)) = segments.into_iter().find(|(.., fields)| fields.contains(&number)) {
            return Err(StoreError::Conflict(format!(
                "The segment {segment} asks about {}. Take it out of its conditions first.",
                field.name
            )));
        }
        tx.run(RETIRE, args![id, number, who.at]).await?;
    } else {
        tx.run(BACK, args![id, number]).await?;
    }
    let action = if retired { "audience_field.retire" } else { "audience_field.bring_back" };
    audit::write(tx, who, action, "audience", Some(id), json!({"field": number, "name": field.name})).await
}
