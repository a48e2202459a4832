//! A bridge's personalization fields and the typed table that holds their values: `profile_<bridge>`, columns `f<number>`.
//! Identifiers are made from numbers of ours, never from what a remote calls its columns.

use rialto_core::Instant;
use rialto_core::fields::FieldType;
use rialto_core::person::FieldSpec;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    LIST = sql!("SELECT number, position, name, label, kind, length, shown, gone_at, display_name, default_value, comment FROM bridge_field
        WHERE bridge_id = $1 ORDER BY position, number");
    INSERT = sql!("INSERT INTO bridge_field (bridge_id, number, position, name, label, kind, length) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    UPDATE = sql!("UPDATE bridge_field SET position = $3, label = $4, length = $5, gone_at = NULL WHERE bridge_id = $1 AND number = $2");
    GONE = sql!("UPDATE bridge_field SET gone_at = $3 WHERE bridge_id = $1 AND number = $2 AND gone_at IS NULL");
    /// Two runs that find the same new column make it one after the other.
    LOCK = sql!(
        sqlite "SELECT id FROM bridge WHERE id = $1",
        postgres "SELECT id FROM bridge WHERE id = $1 FOR UPDATE"
    );
    SET = sql!("UPDATE bridge_field SET shown = $3, display_name = $4, default_value = $5, comment = $6 WHERE bridge_id = $1 AND number = $2");
}

/// Most fields a bridge may have; more are refused (a remote that sends 100,000 columns is a fault, not a wish).
pub const MAX_FIELDS: usize = 300;

/// Most fields that a bridge may ever have had: PostgreSQL holds 1,600 columns a table.
const MAX_COLUMNS: usize = 1_000;

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Field {
    pub number: i64,
    pub position: i64,
    /// The remote's name of the column.
    pub name: String,
    pub label: String,
    pub kind: String,
    pub length: Option<i64>,
    /// Offered for use in mailings.
    pub shown: bool,
    pub gone_at: Option<i64>,
    /// As mailings and pages call it; empty for the remote's own label.
    pub display_name: String,
    /// Stands in for an empty value, written as its type; empty for none.
    pub default_value: String,
    /// An administrator's note.
    pub comment: String,
}

impl Field {
    /// The name that people see.
    pub fn title(&self) -> &str {
        if self.display_name.is_empty() { &self.label } else { &self.display_name }
    }

    /// Still offered by the remote, and of a type that Rialto can use.
    pub fn is_valid(&self) -> bool {
        self.gone_at.is_none() && FieldType::from_name(&self.kind).is_some()
    }

    /// The default as people read it: dates without a midnight.
    pub fn default_shown(&self) -> String {
        self.default_value.trim_end_matches(" 00:00:00").to_owned()
    }

    pub fn attribute(&self) -> Attribute {
        Attribute {
            shown: self.shown,
            display_name: self.display_name.clone(),
            default_value: self.default_value.clone(),
            comment: self.comment.clone(),
        }
    }
}

/// What a person says about a field in the List of Attributes. `rialto_core::fields::default_value` checks the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub shown: bool,
    pub display_name: String,
    pub default_value: String,
    pub comment: String,
}

/// A field as the remote offers it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    pub name: String,
    pub label: String,
    pub kind: FieldType,
    pub length: Option<u32>,
}

/// All fields of a bridge, also those that the remote no longer offers (`gone_at`).
pub async fn list(mut read: Read<'_>, bridge_id: i64) -> Result<Vec<Field>, StoreError> {
    read.all(LIST, args![bridge_id]).await
}

/// Changes what is said about a field; answers what stood there before, or `None` when it says the same: then nothing is written.
pub async fn set(tx: &mut Tx, bridge_id: i64, number: i64, to: &Attribute, who: &Actor) -> Result<Option<Attribute>, StoreError> {
    tx.one::<(i64,)>(LOCK, args![bridge_id]).await?;
    let known: Vec<Field> = tx.all(LIST, args![bridge_id]).await?;
    let before = known.iter().find(|f| f.number == number).ok_or(StoreError::NotFound)?.attribute();
    if before == *to {
        return Ok(None);
    }
    tx.run(SET, args![bridge_id, number, to.shown, &to.display_name, &to.default_value, &to.comment]).await?;
    let told = |a: &Attribute| serde_json::json!({"shown": a.shown, "display_name": a.display_name, "default": a.default_value, "comment": a.comment});
    let detail = serde_json::json!({"field": number, "to": told(to), "before": told(&before)});
    audit::write(tx, who, "bridge_field.update", "bridge", Some(bridge_id), detail).await?;
    Ok(Some(before))
}

/// The fields as mapping needs them, in the order offered, without writing: numbers of new ones are those they would get.
pub fn specs(known: &[Field], offered: &[Offered]) -> Vec<FieldSpec> {
    let mut next = known.iter().map(|f| f.number).max().unwrap_or(0);
    offered
        .iter()
        .map(|o| {
            let number = find(known, o).map_or_else(
                || {
                    next += 1;
                    next
                },
                |f| f.number,
            );
            FieldSpec { number: u32::try_from(number).unwrap_or(u32::MAX), name: o.name.clone(), kind: o.kind, length: o.length }
        })
        .collect()
}

/// A column that changes its type is a new field: the old values stay readable under the old one.
fn find<'a>(known: &'a [Field], offered: &Offered) -> Option<&'a Field> {
    known.iter().find(|f| f.name == offered.name && f.kind == offered.kind.name())
}

/// Brings fields and profile table in line with what the remote offers; answers the specs in the order offered.
pub async fn mirror(tx: &mut Tx, bridge_id: i64, offered: &[Offered], now: Instant) -> Result<Vec<FieldSpec>, StoreError> {
    if offered.len() > MAX_FIELDS {
        return Err(StoreError::Unsupported(format!(
            "The remote system offers {} fields; Rialto takes at most {MAX_FIELDS} a bridge.",
            offered.len()
        )));
    }
    tx.one::<(i64,)>(LOCK, args![bridge_id]).await?;
    let known: Vec<Field> = tx.all(LIST, args![bridge_id]).await?;
    let new = offered.iter().filter(|o| find(&known, o).is_none()).count();
    if known.len() + new > MAX_COLUMNS {
        return Err(StoreError::Unsupported(format!(
            "The remote system has renamed its fields so often that there were {} of them; a bridge keeps at most {MAX_COLUMNS}.",
            known.len() + new
        )));
    }
    create_table(tx, bridge_id).await?;
    let specs = specs(&known, offered);
    for (position, (o, spec)) in offered.iter().zip(&specs).enumerate() {
        let (position, number, length) = (position as i64, i64::from(spec.number), o.length.map(i64::from));
        match find(&known, o) {
            None => {
                tx.run(INSERT, args![bridge_id, number, position, &o.name, &o.label, o.kind.name(), length]).await?;
                let text = format!("ALTER TABLE {} ADD COLUMN f{number} {}", table(bridge_id), column_type(o.kind));
                tx.run_built(text, args![]).await?;
            }
            Some(f) if f.position == position && f.label == o.label && f.length == length && f.gone_at.is_none() => {}
            Some(_) => {
                tx.run(UPDATE, args![bridge_id, number, position, &o.label, length]).await?;
            }
        }
    }
    for gone in known.iter().filter(|k| k.gone_at.is_none() && !specs.iter().any(|s| i64::from(s.number) == k.number)) {
        tx.run(GONE, args![bridge_id, gone.number, now]).await?;
    }
    Ok(specs)
}

async fn create_table(tx: &mut Tx, bridge_id: i64) -> Result<(), StoreError> {
    let key = if tx.is_sqlite() { "INTEGER" } else { "BIGINT" };
    let text = format!("CREATE TABLE IF NOT EXISTS {} (subscriber_id {key} NOT NULL PRIMARY KEY)", table(bridge_id));
    tx.run_built(text, args![]).await.map(drop)
}

/// Name of a bridge's profile table.
pub fn table(bridge_id: i64) -> String {
    format!("profile_{bridge_id}")
}

/// An expression: the row `p` of a profile table as a JSON object with keys `f<number>`. PostgreSQL tells all its columns, `subscriber_id` among
/// them: it takes no more than 100 arguments a function. SQLite writes decimals with 15 digits by itself; two of 17 may be the same then.
pub(crate) fn profile_object(sqlite: bool, fields: impl Iterator<Item = (i64, Option<FieldType>)>) -> String {
    if !sqlite {
        return "row_to_json(p)".to_owned();
    }
    let columns: Vec<String> = fields
        .map(|(n, kind)| match kind {
            Some(FieldType::Decimal) => {
                format!("'f{n}', CASE typeof(p.f{n}) WHEN 'real' THEN json(printf('%!.17g', p.f{n})) ELSE p.f{n} END")
            }
            _ => format!("'f{n}', p.f{n}"),
        })
        .collect();
    format!("json_object({})", columns.join(", "))
}

/// A field as `profile_object` takes it.
pub(crate) fn typed(spec: &FieldSpec) -> (i64, Option<FieldType>) {
    (i64::from(spec.number), Some(spec.kind))
}

/// A bracketed statement: the ids of a JSON list that is the argument of this number.
pub(crate) fn listed_ids(sqlite: bool, argument: usize) -> String {
    if sqlite {
        format!("(SELECT value FROM json_each(${argument}))")
    } else {
        format!("(SELECT value::bigint FROM json_array_elements_text(${argument}::json))")
    }
}

fn column_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Text => "TEXT",
        FieldType::Integer => "BIGINT",
        FieldType::Decimal => "DOUBLE PRECISION",
        FieldType::DateTime => "TIMESTAMP",
        FieldType::Boolean => "BOOLEAN",
    }
}
