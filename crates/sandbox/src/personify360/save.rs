//! Create, Save and Delete, the write path of the service.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::personify360::answer::Refusal;
use crate::personify360::interests;
use crate::personify360::odata::entities;
use crate::personify360::odata::schema::{Entity, Kind};
use crate::personify360::odata::value::Value;
use crate::personify360::people::Person;
use crate::personify360::sandbox::Sandbox;
use crate::personify360::state::{Row, State, Table};
use crate::personify360::xml::leaves;

/// The values a body gives, by column.
type Given = Vec<Option<Value>>;

/// A blank entity with the server's defaults.
pub(crate) fn create(sandbox: &Sandbox, entity: &Entity) -> Row {
    let default = |name: &str| match (entity.kind, name) {
        (_, "SubCustomerId" | "ActivityId" | "OptInId" | "DemographicId") => Value::Int(0),
        (Kind::CusActivity, "Subsystem") => Value::Text("MRM".to_owned()),
        (Kind::CusActivity, "ResolvedFlag") => Value::Bool(false),
        (Kind::CusActivity, "ActivityDate") => Value::Date(sandbox.now().as_millisecond()),
        (Kind::CusOptInOption, "OptInFlag") => Value::Bool(true),
        (Kind::CusCommunication, "ActiveFlag") => Value::Bool(true),
        _ => Value::Null,
    };
    entity.fields.iter().map(|field| default(field.name)).collect()
}

/// Reads an entity from a body in JSON or XML.
pub(crate) fn parse(entity: &Entity, body: &[u8], json: bool) -> Result<Given, Refusal> {
    let text = str::from_utf8(body).map_err(|_| Refusal::bad("The body is not UTF-8."))?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let given = if json && !text.starts_with('<') { from_json(entity, text)? } else { from_xml(entity, text)? };
    for (field, value) in entity.fields.iter().zip(&given) {
        let long = |text: &str| field.length > 0 && text.chars().count() > field.length;
        if value.as_ref().and_then(Value::as_text).is_some_and(long) {
            let text = format!("{} is longer than {} characters.", field.name, field.length);
            return Err(Refusal::bad(text));
        }
    }
    Ok(given)
}

fn place(entity: &Entity, given: &mut Given, name: &str, value: Option<Value>) -> Result<(), Refusal> {
    let bad = || Refusal::bad(format!("The value of property '{name}' is not valid."));
    let slot = entity.column(name).and_then(|column| given.get_mut(column));
    let slot = slot.ok_or_else(|| Refusal::bad(format!("The property '{name}' does not exist on type '{}'.", entity.name)))?;
    *slot = Some(value.ok_or_else(bad)?);
    Ok(())
}

fn from_json(entity: &Entity, text: &str) -> Result<Given, Refusal> {
    let json: Json = serde_json::from_str(text).map_err(|error| Refusal::bad(format!("Bad JSON: {error}")))?;
    let object = json.get("d").unwrap_or(&json).as_object();
    let object = object.ok_or_else(|| Refusal::bad("The body is no entity."))?;
    let mut given = vec![None; entity.fields.len()];
    for (name, value) in object {
        if name == "__metadata" || value.get("__deferred").is_some() {
            continue;
        }
        let edm = entity.column(name).and_then(|at| entity.fields.get(at)).map(|field| field.edm);
        let value = edm.and_then(|edm| Value::from_json(edm, value));
        place(entity, &mut given, name, value)?;
    }
    Ok(given)
}

fn from_xml(entity: &Entity, text: &str) -> Result<Given, Refusal> {
    const ENVELOPE: &[&str] = &["id", "title", "updated", "name", "link", "category", "author"];
    let leaves = leaves(text).map_err(|error| Refusal::bad(format!("Bad XML: {error}")))?;
    let mut given = vec![None; entity.fields.len()];
    for leaf in leaves.into_iter().filter(|leaf| !ENVELOPE.contains(&leaf.name.as_str())) {
        let field = entity.column(&leaf.name).and_then(|at| entity.fields.get(at));
        let value = match (field, leaf.text) {
            (Some(field), Some(text)) => Value::from_text(field.edm, &text),
            (_, None) => Some(Value::Null),
            (None, _) => None,
        };
        place(entity, &mut given, &leaf.name, value)?;
    }
    Ok(given)
}

fn given<'g>(entity: &Entity, given: &'g Given, name: &str) -> Option<&'g Value> {
    entity.column(name).and_then(|at| given.get(at)).and_then(Option::as_ref)
}

fn owner(state: &State, entity: &Entity, values: &Given) -> Result<u64, Refusal> {
    let master = given(entity, values, "MasterCustomerId").and_then(Value::as_text);
    let sub = given(entity, values, "SubCustomerId").and_then(Value::as_int).unwrap_or(0);
    let master = master.ok_or_else(|| Refusal::bad("MasterCustomerId is required."))?;
    state.index(master, sub).ok_or_else(|| Refusal::new(404, format!("Customer '{master}-{sub}' does not exist.")))
}

/// Saves an entity and answers it as stored.
pub(crate) fn save(sandbox: &Sandbox, entity: &Entity, values: &Given) -> Result<Row, Refusal> {
    let now = sandbox.now().as_millisecond();
    let mut state = sandbox.write();
    match entity.kind {
        Kind::MarketingList | Kind::MarketingListMember => Err(Refusal::bad(format!("'{}' is read-only.", entity.name))),
        Kind::CustomerInfo => save_customer(&mut state, entity, values),
        Kind::CusCommunication => save_communication(&mut state, entity, values),
        Kind::CusActivity => {
            check_activity(&state, entity, values)?;
            store(&mut state, entity, Table::Activities, values, now)
        }
        Kind::CusOptInOption => {
            check_interest(entity, values)?;
            store(&mut state, entity, Table::OptIns, values, now)
        }
        Kind::CusDemographic => {
            check_interest(entity, values)?;
            store(&mut state, entity, Table::Demographics, values, now)
        }
    }
}

fn save_customer(state: &mut State, entity: &Entity, values: &Given) -> Result<Row, Refusal> {
    let index = owner(state, entity, values)?;
    let person = state.edit(index, |person| apply_customer(person, entity, values));
    Ok(entities::customer(&person))
}

fn apply_customer(person: &mut Person, entity: &Entity, values: &Given) {
    let flag = |name| given(entity, values, name).and_then(Value::as_bool);
    let text = |name| given(entity, values, name).and_then(Value::as_text).map(str::to_owned);
    let nullable = |name| given(entity, values, name).map(|value| value.as_text().map(str::to_owned));
    if let Some(allow) = flag("AllowEmailFlag") {
        person.allow_email = allow;
    }
    if let Some(allow) = flag("AllowSolicitationFlag") {
        person.allow_solicitation = allow;
    }
    if let Some(email) = nullable("PrimaryEmailAddress") {
        person.email = email;
    }
    if let Some(name) = text("FirstName") {
        person.first_name = Cow::Owned(name);
    }
    if let Some(name) = text("LastName") {
        person.last_name = Cow::Owned(name);
    }
    if let Some(name) = text("LabelName") {
        person.label_name = name;
    }
    if let Some(title) = nullable("JobTitle") {
        person.job_title = title.map(Cow::Owned);
    }
    if let Some(company) = nullable("CompanyName") {
        person.company_name = company.map(Cow::Owned);
    }
    if let Some(city) = text("City") {
        person.city = Cow::Owned(city);
    }
}

fn save_communication(state: &mut State, entity: &Entity, values: &Given) -> Result<Row, Refusal> {
    let index = owner(state, entity, values)?;
    match given(entity, values, "ActiveFlag").and_then(Value::as_bool) {
        Some(true) => {
            state.inactive_addresses.remove(&index);
        }
        Some(false) => {
            state.inactive_addresses.insert(index);
        }
        None => {}
    }
    let address = given(entity, values, "FormattedPhoneAddress").and_then(Value::as_text);
    if let Some(address) = address
        && state.person_at(index).email.as_deref() != Some(address)
    {
        state.edit(index, |person| person.email = Some(address.to_owned()));
    }
    let active = !state.inactive_addresses.contains(&index);
    entities::communication(&state.person_at(index), active).ok_or_else(|| Refusal::new(404, "This customer has no e-mail address."))
}

fn check_activity(state: &State, entity: &Entity, values: &Given) -> Result<(), Refusal> {
    let code = given(entity, values, "ActivityCode").and_then(Value::as_text).unwrap_or_default();
    if state.codes.iter().any(|(known, _)| known == code) {
        Ok(())
    } else {
        Err(Refusal::bad(format!("ActivityCode '{code}' is not a valid code.")))
    }
}

fn check_interest(entity: &Entity, values: &Given) -> Result<(), Refusal> {
    let text = |name: &str| given(entity, values, name).and_then(Value::as_text).unwrap_or_default();
    let (known, name, code) = match entity.kind {
        Kind::CusOptInOption => (interests::is_area(text("OptInCode")), "OptInCode", text("OptInCode")),
        _ => {
            let (code, sub) = (text("DemographicCode"), text("DemographicSubcode"));
            (interests::is_demographic(code, sub), "DemographicCode", code)
        }
    };
    if known { Ok(()) } else { Err(Refusal::bad(format!("{name} '{code}' is not a valid code."))) }
}

/// Where a row to be replaced stands: by its id, or else by its codes.
fn position(entity: &Entity, rows: &[Row], values: &Given) -> Result<Option<usize>, Refusal> {
    let id = values.first().and_then(Option::as_ref).and_then(Value::as_int).unwrap_or(0);
    if id != 0 {
        let found = rows.iter().position(|row| row.first() == Some(&Value::Int(id)));
        return found.map(Some).ok_or_else(|| Refusal::missing(entity.name));
    }
    let columns: &[usize] = match entity.kind {
        Kind::CusOptInOption => &[3],
        Kind::CusDemographic => &[3, 4],
        _ => return Ok(None),
    };
    let given = |at: usize| values.get(at).and_then(Option::as_ref).unwrap_or(&Value::Null);
    let same = |row: &Row| columns.iter().all(|at| row.get(*at) == Some(given(*at)));
    Ok(rows.iter().position(same))
}

fn store(state: &mut State, entity: &Entity, table: Table, values: &Given, now: i64) -> Result<Row, Refusal> {
    let index = owner(state, entity, values)?;
    let at = position(entity, &state.rows_of(table, index), values)?;
    let mut row = match at.and_then(|at| state.rows_of(table, index).get(at).cloned()) {
        Some(row) => row,
        None => blank(entity, now),
    };
    for (slot, value) in row.iter_mut().zip(values).skip(1) {
        if let Some(value) = value {
            *slot = value.clone();
        }
    }
    if at.is_none() {
        let id = Value::Int(state.next_id());
        row.splice(..1, [id]);
    }
    let rows = state.rows_mut(table, index);
    match at.and_then(|at| rows.get_mut(at)) {
        Some(slot) => slot.clone_from(&row),
        None => rows.push(row.clone()),
    }
    Ok(row)
}

fn blank(entity: &Entity, now: i64) -> Row {
    let default = |name: &str| match name {
        "SubCustomerId" => Value::Int(0),
        "ActivityDate" | "OptInDate" => Value::Date(now),
        _ => Value::Null,
    };
    entity.fields.iter().map(|field| default(field.name)).collect()
}

/// Deletes a stored row, named by its id or its codes.
pub(crate) fn delete(sandbox: &Sandbox, entity: &Entity, values: &Given) -> Result<Row, Refusal> {
    let table = match entity.kind {
        Kind::CusActivity => Table::Activities,
        Kind::CusOptInOption => Table::OptIns,
        Kind::CusDemographic => Table::Demographics,
        _ => {
            return Err(Refusal::bad(format!("'{}' cannot be deleted.", entity.name)));
        }
    };
    let mut state = sandbox.write();
    let index = owner(&state, entity, values)?;
    let at = position(entity, &state.rows_of(table, index), values)?;
    let rows = state.rows_mut(table, index);
    match at.filter(|at| *at < rows.len()) {
        Some(at) => Ok(rows.remove(at)),
        None => Err(Refusal::missing(entity.name)),
    }
}
