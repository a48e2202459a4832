//! Audience lists and profile extensions (LO-10, LO-11, LO-16): what they are called and which fields they have. Their rows stand in a typed
//! table of their own, `audience_<id>`, columns `f<number>`: identifiers of ours, never what somebody entered (docs/adr/0150).

mod fields;
mod meets;
mod rows;
mod usage;
mod write;

use rialto_core::audience::FieldType;
use rialto_core::data_sync::{MatchBy, Target};
use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::groups::fold;
use crate::ids;
use crate::sql::{sql, statements};

pub use fields::{NewField, add, rename, retire};
pub use meets::{Met, met};
pub use rows::{Page, Row, count, count_of, page, size, values};
pub use usage::{Use, usage};
pub use write::{Of, Written, clear, delete, known, upsert};
pub(crate) use write::{add_version, drop_version};
#[cfg(test)]
pub(crate) use {fields::ALL as FIELDS_ALL, meets::ALL as MEETS_ALL, usage::ALL as USAGE_ALL, write::ALL as WRITE_ALL};

statements! {
    EVERY = sql!("SELECT * FROM audience ORDER BY name_folded, id");
    GET = sql!("SELECT * FROM audience WHERE id = $1");
    FIELDS = sql!("SELECT * FROM audience_field WHERE audience_id = $1 ORDER BY position, number");
    INSERT = sql!("INSERT INTO audience (id, created_at, name, name_folded, api_name, api_name_folded, folder, description, list_id, scope, next_field)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)");
    UPDATE = sql!("UPDATE audience SET name = $2, name_folded = $3, folder = $4, description = $5 WHERE id = $1");
    API_NAME = sql!("SELECT COUNT(*) FROM audience WHERE api_name_folded = $1");
    SCOPE = sql!("SELECT COUNT(*) FROM audience WHERE list_id = $1 AND lower(scope) = lower($2)");
    LOCK = sql!(
        sqlite "SELECT id FROM audience WHERE id = $1",
        postgres "SELECT id FROM audience WHERE id = $1 FOR UPDATE"
    );
    EXTENSIONS = sql!("SELECT COUNT(*) FROM audience WHERE list_id = $1");
    GONE_SYNC_PAIRS = sql!("DELETE FROM data_sync_pair WHERE sync_id IN (SELECT id FROM data_sync WHERE audience_id = $1)");
    GONE_SYNC_LABELS = sql!("DELETE FROM data_sync_label WHERE sync_id IN (SELECT id FROM data_sync WHERE audience_id = $1)");
    GONE_SYNC_BOOKS = sql!("DELETE FROM data_sync_minute WHERE sync_id IN (SELECT id FROM data_sync WHERE audience_id = $1)");
    GONE_SYNC_REJECTED = sql!("DELETE FROM stream_rejected WHERE sync_id IN (SELECT id FROM data_sync WHERE audience_id = $1)");
    GONE_SYNCS = sql!("DELETE FROM data_sync WHERE audience_id = $1");
    GONE_TOMBSTONES = sql!("DELETE FROM audience_tombstone WHERE audience_id = $1");
    GONE_FIELDS = sql!("DELETE FROM audience_field WHERE audience_id = $1");
    GONE = sql!("DELETE FROM audience WHERE id = $1");
    MATCHED = sql!("UPDATE audience SET match_by = $2, match_bridge = $3 WHERE id = $1");
}

/// An audience list, or an extension of one.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Audience {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub api_name: String,
    pub folder: String,
    pub description: String,
    /// The list that an extension extends; `None` for a list.
    pub list_id: Option<i64>,
    /// By which name personalization reaches an extension's fields; empty for a list.
    pub scope: String,
    pub match_by: Option<String>,
    pub match_bridge: Option<i64>,
    pub next_field: i64,
}

impl Audience {
    pub fn is_extension(&self) -> bool {
        self.list_id.is_some()
    }

    /// How its rows meet subscribers, once a data sync has said so.
    pub fn matching(&self) -> Option<MatchBy> {
        self.match_by.as_deref().and_then(MatchBy::from_name)
    }

    /// `LOYALTY.tier`, or the field alone for a list.
    pub fn reference(&self, field: &Field) -> String {
        if self.scope.is_empty() { field.api_name.clone() } else { format!("{}.{}", self.scope, field.api_name) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Field {
    pub audience_id: i64,
    /// 1 is the unique key.
    pub number: i64,
    pub position: i64,
    pub name: String,
    pub api_name: String,
    pub kind: String,
    /// Of a text, in characters.
    pub length: Option<i64>,
    pub description: String,
    pub default_value: String,
    pub retired_at: Option<i64>,
}

impl Field {
    /// # Errors
    /// A type that this version does not know.
    pub fn field_type(&self) -> Result<FieldType, StoreError> {
        FieldType::from_name(&self.kind).ok_or_else(|| StoreError::Corrupt(format!("a field of type {}", self.kind)))
    }

    pub fn is_key(&self) -> bool {
        self.number == KEY
    }

    /// `text(50)`, or the type alone.
    pub fn type_words(&self) -> String {
        self.length.map_or_else(|| self.kind.clone(), |n| format!("{}({n})", self.kind))
    }

    /// As a field matching sees it.
    ///
    /// # Errors
    /// As [`Self::field_type`].
    pub fn target(&self) -> Result<Target, StoreError> {
        Ok(Target {
            number: u32::try_from(self.number).unwrap_or(0),
            name: self.name.clone(),
            kind: self.field_type()?,
            length: self.length.and_then(|n| u32::try_from(n).ok()),
            retired: self.retired_at.is_some(),
        })
    }
}

/// Number of the field by which rows are found.
pub const KEY: i64 = 1;

/// A list or extension as entered; checked by the caller (`rialto_core::audience`).
#[derive(Clone, Debug)]
pub struct New<'a> {
    pub name: &'a str,
    pub api_name: &'a str,
    /// A path, or empty.
    pub folder: &'a str,
    pub description: &'a str,
    /// The list to be extended, and the extension's scope name.
    pub extends: Option<(i64, &'a str)>,
    /// The unique key first.
    pub fields: &'a [NewField],
}

/// Name of the table that holds the rows.
pub fn table(audience_id: i64) -> String {
    format!("audience_{audience_id}")
}

pub async fn list(mut read: Read<'_>) -> Result<Vec<Audience>, StoreError> {
    read.all(EVERY, args![]).await
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Audience>, StoreError> {
    read.opt(GET, args![id]).await
}

/// All fields in their order, also retired ones.
pub async fn fields(mut read: Read<'_>, id: i64) -> Result<Vec<Field>, StoreError> {
    read.all(FIELDS, args![id]).await
}

pub(crate) async fn get_in(tx: &mut Tx, id: i64) -> Result<Audience, StoreError> {
    tx.one(GET, args![id]).await
}

/// Makes a list or extension with its table; answers its id. `Conflict` where the API name or the scope is taken, or the first field
/// cannot be a key.
pub async fn create(tx: &mut Tx, new: &New<'_>, who: &Actor) -> Result<i64, StoreError> {
    let Some(key) = new.fields.first().filter(|f| f.kind.can_be_key()) else {
        return Err(StoreError::Conflict("The first field is the unique key: give it the type integer, long or text.".into()));
    };
    let id = ids::next(tx, "audience").await?;
    if tx.one::<(i64,)>(API_NAME, args![fold(new.api_name)]).await?.0 > 0 {
        return Err(StoreError::Conflict(format!("There is a list or extension with the API name {} already.", new.api_name)));
    }
    if let Some((list_id, scope)) = new.extends {
        extends(tx, list_id, scope).await?;
    }
    let (list_id, scope) = new.extends.map_or((None, ""), |(id, scope)| (Some(id), scope));
    let row = args![id, who.at, new.name, fold(new.name), new.api_name, fold(new.api_name), new.folder, new.description, list_id, scope];
    tx.run(INSERT, row).await?;
    fields::create_table(tx, id, key).await?;
    for field in new.fields {
        fields::insert(tx, id, field).await?;
    }
    let detail = json!({"name": new.name, "api_name": new.api_name, "scope": scope, "fields": new.fields.len()});
    audit::write(tx, who, "audience.create", "audience", Some(id), detail).await?;
    Ok(id)
}

async fn extends(tx: &mut Tx, list_id: i64, scope: &str) -> Result<(), StoreError> {
    if get_in(tx, list_id).await?.is_extension() {
        return Err(StoreError::Conflict("An extension extends an audience list, not another extension.".into()));
    }
    if tx.one::<(i64,)>(SCOPE, args![list_id, scope]).await?.0 > 0 {
        return Err(StoreError::Conflict(format!("The list has an extension with the scope name {scope} already.")));
    }
    Ok(())
}

/// Changes what it is called and where it stands.
pub async fn update(tx: &mut Tx, id: i64, name: &str, folder: &str, description: &str, who: &Actor) -> Result<(), StoreError> {
    get_in(tx, id).await?;
    tx.run(UPDATE, args![id, name, fold(name), folder, description]).await?;
    audit::write(tx, who, "audience.update", "audience", Some(id), json!({"name": name, "folder": folder})).await
}

/// Deletes it with all its rows, and with what is known of data syncs that were deleted before. `Conflict` while anything uses it, or an extension stands beside it.
pub async fn remove(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    lock(tx, id).await?;
    let audience = get_in(tx, id).await?;
    if tx.one::<(i64,)>(EXTENSIONS, args![id]).await?.0 > 0 {
        return Err(StoreError::Conflict("The list has extensions. Delete them first.".into()));
    }
    if let Some(first) = usage::in_tx(tx, id).await?.into_iter().next() {
        return Err(StoreError::Conflict(format!("{} uses it. Delete or change that first.", first.name)));
    }
    let syncs = [GONE_SYNC_PAIRS, GONE_SYNC_LABELS, GONE_SYNC_BOOKS, GONE_SYNC_REJECTED, GONE_SYNCS];
    for text in syncs.into_iter().chain([GONE_TOMBSTONES, GONE_FIELDS, GONE]) {
        tx.run(text, args![id]).await?;
    }
    tx.run_built(format!("DROP TABLE {}", table(id)), args![]).await?;
    audit::write(tx, who, "audience.delete", "audience", Some(id), json!({"name": audience.name})).await
}

/// Holds a list against other changes of it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: i64) -> Result<(), StoreError> {
    tx.one::<(i64,)>(LOCK, args![id]).await.map(drop)
}

/// Decides how rows meet subscribers. `Conflict` where it was decided otherwise.
pub(crate) async fn decide_match(tx: &mut Tx, id: i64, by: MatchBy, bridge: Option<i64>) -> Result<(), StoreError> {
    lock(tx, id).await?;
    let known = get_in(tx, id).await?;
    match known.matching() {
        None => tx.run(MATCHED, args![id, by.name(), bridge]).await.map(drop),
        Some(before) if before == by && known.match_bridge == bridge => Ok(()),
        Some(before) => Err(StoreError::Conflict(format!(
            "Another data sync matches the rows of {} with subscribers by {}; all data syncs of a destination match alike.",
            known.name,
            if before == MatchBy::Email { "email" } else { "the Remote ID of a bridge" },
        ))),
    }
}
