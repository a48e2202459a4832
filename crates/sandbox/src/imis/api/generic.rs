//! Activities and rows of user-defined tables as generic entities.

use serde_json::Value;

use super::answer::Answer;
use super::paged;
use super::request::Request;
use crate::faults::Tweaks;
use crate::imis::contacts::Population;
use crate::imis::dialect;
use crate::imis::rows::{Cell, Filter};
use crate::imis::sandbox::Sandbox;
use crate::imis::state::State;
use crate::imis::tables::{Cells, Instances, Stored, TableError};

/// Names under which the contact's id is asked for.
const PARTY: &[&str] = &["ID", "PartyId"];

pub(super) fn answer(sandbox: &Sandbox, request: &Request, method: &str, tweaks: Tweaks<'_>) -> Answer {
    if request.entity.eq_ignore_ascii_case("Activity") {
        return match method {
            "GET" => activities(sandbox, request, tweaks),
            "POST" => new_activity(sandbox, request, tweaks),
            _ => Answer::text(501, "This operation is not implemented."),
        };
    }
    if sandbox.read().tables.get(&request.entity).is_none() {
        return Answer::missing();
    }
    match method {
        "GET" => rows(sandbox, request, tweaks),
        "POST" => insert(sandbox, request, tweaks),
        "PUT" => replace(sandbox, request, tweaks),
        "DELETE" => delete(sandbox, request),
        _ => Answer::text(501, "This operation is not implemented."),
    }
}

/// The contacts that filters on the id leave; `None` for everybody.
fn wanted(state: &State, filters: &[Filter]) -> Option<Vec<u64>> {
    let ids = filters.iter().find(|f| f.is_about(PARTY)).and_then(Filter::wanted)?;
    Some(ids.iter().filter_map(|id| state.index(id)).collect())
}

fn holds(filters: &[Filter], cells: &Cells) -> bool {
    filters.iter().filter(|f| !f.is_about(PARTY)).all(|f| {
        let cell = cells.iter().find(|(name, _)| f.is_about(&[name.as_str()]));
        f.holds(&cell.map(|(_, cell)| cell.text()).unwrap_or_default())
    })
}

fn activities(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Answer {
    let state = sandbox.read();
    let filters = request.filters();
    let only = wanted(&state, &filters);
    let theirs = state.activities.iter().filter(|(index, _)| only.as_ref().is_none_or(|only| only.contains(index)));
    let mut all = Vec::new();
    for (index, list) in theirs {
        let id = Population::id(*index);
        let rows = list.iter().map(|a| (a.seqn, a.row(&id))).filter(|(_, cells)| holds(&filters, cells));
        all.extend(rows.map(|(seqn, cells)| dialect::generic("Activity", &[&seqn.to_string()], &id, &cells)));
    }
    Answer::json(200, &paged(request, sandbox, all, tweaks))
}

/// Whose entity it is that was sent.
fn party(body: &Value) -> String {
    let named = dialect::read_properties(body).into_iter().find(|(name, _)| PARTY.iter().any(|p| p.eq_ignore_ascii_case(name)));
    named.map(|(_, cell)| cell.text()).or_else(|| dialect::parent(body)).unwrap_or_default()
}

/// The id of somebody else.
fn other(id: &str) -> String {
    Population::index(id).map_or_else(|| id.to_owned(), |index| Population::id(index + 1))
}

fn shown(id: &str, tweaks: Tweaks<'_>) -> String {
    if tweaks.wrong_entity() { other(id) } else { id.to_owned() }
}

fn new_activity(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Answer {
    let id = party(&request.body);
    match sandbox.add_activity(&id, dialect::read_properties(&request.body)) {
        Ok(stored) => {
            let id = shown(&id, tweaks);
            Answer::json(201, &dialect::generic("Activity", &[&stored.seqn.to_string()], &id, &stored.row(&id)))
        }
        Err(message) => Answer::refused(&message),
    }
}

fn entity(stored: &Stored, id: &str, ordinal: i64, cells: &Cells) -> Value {
    let (number, multi) = (ordinal.to_string(), stored.table.instances == Instances::Multi);
    let own = std::iter::once(("ID".to_owned(), Cell::Text(id.to_owned())));
    let ordinals = multi.then(|| ("Ordinal".to_owned(), Cell::Int(ordinal)));
    let all: Cells = own.chain(ordinals).chain(cells.iter().cloned()).collect();
    let parts: &[&str] = if multi { &[id, &number] } else { &[id] };
    dialect::generic(&stored.table.name, parts, id, &all)
}

fn rows(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Answer {
    let state = sandbox.read();
    let Some(stored) = state.tables.get(&request.entity) else { return Answer::missing() };
    if let Some(key) = key(&state, request) {
        let found = stored.rows.get(&key);
        return found.map_or_else(Answer::missing, |cells| Answer::json(200, &entity(stored, &Population::id(key.0), key.1, cells)));
    }
    if !request.rest.is_empty() {
        return Answer::missing();
    }
    let filters = request.filters();
    let only = wanted(&state, &filters);
    let theirs = stored.rows.iter().filter(|((index, _), cells)| only.as_ref().is_none_or(|o| o.contains(index)) && holds(&filters, cells));
    let all = theirs.map(|((index, ordinal), cells)| entity(stored, &Population::id(*index), *ordinal, cells)).collect();
    Answer::json(200, &paged(request, sandbox, all, tweaks))
}

/// The row that the address names.
fn key(state: &State, request: &Request) -> Option<(u64, i64)> {
    match request.identity().as_slice() {
        [id] => Some((state.index(id)?, 0)),
        [id, ordinal] => Some((state.index(id)?, ordinal.parse().ok()?)),
        _ => None,
    }
}

fn refused(error: &TableError) -> Answer {
    match error {
        TableError::Exists(_) => Answer::text(409, "A row with this key exists already."),
        TableError::Missing(_) => Answer::missing(),
        other => Answer::refused(&other.to_string()),
    }
}

/// A new row. For a table of several instances the answer says ordinal 0, whatever it is.
fn insert(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Answer {
    let mut state = sandbox.write();
    let id = party(&request.body);
    let Some(index) = state.index(&id) else { return Answer::refused(&format!("The contact {id} does not exist.")) };
    let Ok(stored) = state.tables.get_mut(&request.entity) else { return Answer::missing() };
    match stored.insert(index, dialect::read_properties(&request.body)) {
        Ok(ordinal) => {
            let cells = stored.rows.get(&(index, ordinal)).cloned().unwrap_or_default();
            Answer::json(201, &entity(stored, &shown(&id, tweaks), 0, &cells))
        }
        Err(error) => refused(&error),
    }
}

fn replace(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Answer {
    let mut state = sandbox.write();
    let Some((index, ordinal)) = key(&state, request) else { return Answer::missing() };
    let Ok(stored) = state.tables.get_mut(&request.entity) else { return Answer::missing() };
    match stored.replace(index, ordinal, dialect::read_properties(&request.body)) {
        Ok(()) => {
            let cells = stored.rows.get(&(index, ordinal)).cloned().unwrap_or_default();
            Answer::json(200, &entity(stored, &shown(&Population::id(index), tweaks), ordinal, &cells))
        }
        Err(error) => refused(&error),
    }
}

fn delete(sandbox: &Sandbox, request: &Request) -> Answer {
    let mut state = sandbox.write();
    let Some(key) = key(&state, request) else { return Answer::missing() };
    let removed = state.tables.get_mut(&request.entity).ok().and_then(|stored| stored.rows.remove(&key));
    removed.map_or_else(Answer::missing, |_| Answer::nothing())
}
