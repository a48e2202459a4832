//! `/bridges/{id}/fields`: the List of Attributes, checked the same for API and page (`docs/adr/0073`).

use axum::Json;
use axum::extract::State;
use rialto_core::fields::{self as values, FieldType, Misfit};
use rialto_core::permissions::Permission;
use rialto_store::fields::{self, Attribute, Field};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bridges::load;
use super::extract::{Body, Faults, Id, List, Paging, Params, Problem, after, limit, maybe_time, page};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// Most characters of a display name, and of a comment.
pub const LONGEST_NAME: usize = 100;
pub const LONGEST_COMMENT: usize = 500;
/// Most fields that one request changes.
const MOST_FIELDS: usize = 300;

#[derive(Serialize, ToSchema)]
pub struct FieldView {
    /// Names the field within its bridge.
    pub number: i64,
    pub name: String,
    /// The remote's own label.
    pub label: String,
    /// `text`, `integer`, `decimal`, `date_time` or `boolean`.
    pub r#type: String,
    pub length: Option<i64>,
    /// Still offered by the remote, and of a type that can be used.
    pub valid: bool,
    /// Why it is not valid; empty when it is.
    pub why_invalid: String,
    /// Since when the remote no longer offers it.
    #[schema(format = "date-time")]
    pub gone_at: Option<String>,
    /// Offered for use in mailings.
    pub shown: bool,
    /// As mailings and pages call it; empty: `label` holds.
    pub display_name: String,
    /// Stands in for an empty value, written as the type; empty for none.
    pub default: String,
    /// An administrator's note.
    pub comment: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldsChange {
    /// At most 300, each field once. The answer shows all fields of the bridge.
    pub fields: Vec<FieldChange>,
}

/// What is left out stays; an empty text clears.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct FieldChange {
    pub number: i64,
    pub shown: Option<bool>,
    /// Up to 100 characters, different from the names of the bridge's other valid fields.
    pub display_name: Option<String>,
    /// A value of the field's type.
    pub default: Option<String>,
    /// Up to 500 characters.
    pub comment: Option<String>,
}

/// Why a field cannot be used; empty when it can.
pub fn why_invalid(field: &Field) -> &'static str {
    if FieldType::from_name(&field.kind).is_none() {
        "This version of Rialto cannot use fields of this type."
    } else if field.gone_at.is_some() {
        "The remote system no longer offers it. Its values are kept as they were."
    } else {
        ""
    }
}

/// Checks changes against the fields there are; answers what to store, in the order entered. `path` names a part of the n-th change.
pub fn check(known: &[Field], changes: &[FieldChange], path: impl Fn(usize, &str) -> String, faults: &mut Faults) -> Vec<(i64, Attribute)> {
    let mut checked = Vec::with_capacity(changes.len());
    for (n, change) in changes.iter().enumerate() {
        let Some(field) = known.iter().find(|k| k.number == change.number) else {
            faults.add(path(n, "number"), "This bridge has no such field.");
            continue;
        };
        if checked.iter().any(|(number, _)| *number == change.number) {
            faults.add(path(n, "number"), "This field stands here twice.");
            continue;
        }
        checked.push((change.number, attribute(field, change, |part| path(n, part), faults)));
    }
    // Two fields of one name could not be told apart in a mailing. Names as they will be, also of fields that were not sent.
    let will_be = |f: &Field| {
        let entered = checked.iter().find(|(number, _)| *number == f.number).map(|(_, a)| a.display_name.as_str());
        let name = entered.unwrap_or(&f.display_name);
        rialto_core::address::canonical(if name.is_empty() { &f.label } else { name })
    };
    for (n, change) in changes.iter().enumerate().filter(|(_, c)| c.display_name.as_deref().is_some_and(|d| !d.trim().is_empty())) {
        let Some(field) = known.iter().find(|k| k.number == change.number && k.is_valid()) else { continue };
        if let Some(other) = known.iter().find(|k| k.number != field.number && k.is_valid() && will_be(k) == will_be(field)) {
            faults.add(path(n, "display_name"), format!("The field {} has this name already.", other.name));
        }
    }
    checked
}

fn attribute(field: &Field, change: &FieldChange, path: impl Fn(&str) -> String, faults: &mut Faults) -> Attribute {
    let before = field.attribute();
    let mut text = |entered: &Option<String>, part: &str, most: usize, before: String| {
        let Some(entered) = entered else { return before };
        let entered = entered.trim();
        if entered.chars().count() > most || entered.chars().any(char::is_control) {
            faults.add(path(part), format!("Enter at most {most} characters, on one line."));
        }
        entered.to_owned()
    };
    let display_name = text(&change.display_name, "display_name", LONGEST_NAME, before.display_name);
    let comment = text(&change.comment, "comment", LONGEST_COMMENT, before.comment);
    // The remote's own label as display name would stay behind when the label changes.
    let display_name = if display_name == field.label { String::new() } else { display_name };
    let default_value = match &change.default {
        None => before.default_value,
        Some(entered) => default_of(field, entered).unwrap_or_else(|fault| {
            faults.add(path("default"), fault);
            entered.clone()
        }),
    };
    Attribute { shown: change.shown.unwrap_or(field.shown), display_name, default_value, comment }
}

fn default_of(field: &Field, entered: &str) -> Result<String, String> {
    let length = field.length.and_then(|n| u32::try_from(n).ok());
    let kind = FieldType::from_name(&field.kind).unwrap_or(FieldType::Text);
    if entered.chars().any(char::is_control) {
        return Err("Enter one line.".into());
    }
    values::default_value(entered, kind, length).map_err(|misfit| match misfit {
        Misfit::TooLong => format!("Enter at most {} characters: the field is that long.", length.unwrap_or(values::MAX_TEXT as u32)),
        Misfit::Integer => "Enter a whole number, such as 12.".into(),
        Misfit::Decimal => "Enter a number, such as 12.5.".into(),
        Misfit::DateTime => "Enter a date such as 2026-01-31, or a date and time such as 2026-01-31T09:30.".into(),
        Misfit::Boolean => "Enter yes or no.".into(),
    })
}

/// Personalization fields, also those that the remote no longer offers.
#[utoipa::path(get, path = "/bridges/{id}/fields", tag = "bridges", params(("id" = String, Path), Paging),
    responses((status = 200, body = List<FieldView>), (status = 404, body = Problem)))]
pub async fn list(State(app): State<App>, _: Caller, id: Id, Params(paging): Params<Paging>) -> Result<Json<List<FieldView>>, Error> {
    let limit = limit(paging.limit)?;
    let last = after::<i64>(paging.cursor.as_deref())?.unwrap_or(i64::MIN);
    let bridge = load(&app, &id).await?;
    let all = field_views(&app, bridge.id).await?;
    let total = all.len() as i64;
    let rows = all.into_iter().filter(|f| f.number > last).take(usize::try_from(limit).unwrap_or(0) + 1).collect();
    Ok(Json(page(rows, limit, total, |f: &FieldView| f.number, |f| f)))
}

/// All fields of a bridge by their numbers.
async fn field_views(app: &App, bridge_id: i64) -> Result<Vec<FieldView>, Error> {
    let view = |f: Field| FieldView {
        number: f.number,
        valid: f.is_valid(),
        why_invalid: why_invalid(&f).to_owned(),
        name: f.name,
        label: f.label,
        r#type: f.kind,
        length: f.length,
        gone_at: maybe_time(f.gone_at),
        shown: f.shown,
        display_name: f.display_name,
        default: f.default_value,
        comment: f.comment,
    };
    let mut items: Vec<FieldView> = fields::list(app.db.read(), bridge_id).await?.into_iter().map(view).collect();
    items.sort_by_key(|f| f.number);
    Ok(items)
}

/// Says which fields are offered for use in mailings, under which names, and what stands in for an empty value. All or nothing.
#[utoipa::path(patch, path = "/bridges/{id}/fields", tag = "bridges", params(("id" = String, Path)), request_body = FieldsChange,
    responses((status = 200, body = List<FieldView>), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<FieldsChange>) -> Result<Json<List<FieldView>>, Error> {
    caller.require(Permission::BridgesAdmin)?;
    let change = body.read()?;
    let bridge = load(&app, &id).await?;
    if change.fields.len() > MOST_FIELDS {
        return Err(Error::field("fields", &format!("Send at most {MOST_FIELDS} at once.")));
    }
    let known = fields::list(app.db.read(), bridge.id).await?;
    let mut faults = Faults::default();
    let checked = check(&known, &change.fields, |n, part| format!("fields[{n}].{part}"), &mut faults);
    faults.none_or()?;
    let mut tx = app.db.write().await?;
    for (number, attribute) in &checked {
        fields::set(&mut tx, bridge.id, *number, attribute, &caller.actor(&app)).await?;
    }
    tx.commit().await?;
    let items = field_views(&app, bridge.id).await?;
    Ok(Json(List { total: items.len() as i64, items, next_cursor: None }))
}
