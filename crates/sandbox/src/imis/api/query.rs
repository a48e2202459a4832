//! Running queries: flat rows on EMS, generic rows on the older route, which EMS still answers.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::request::Request;
use crate::faults::{Fault, Tweaks};
use crate::imis::contacts::Contact;
use crate::imis::dialect::{self, Slice};
use crate::imis::options::Generation;
use crate::imis::queries::{Column, Stored};
use crate::imis::rows::Cell;
use crate::imis::sandbox::{Sandbox, Selected};
use crate::imis::state::State;

pub(super) fn run(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>, generic: bool) -> Answer {
    if !generic && sandbox.options().generation == Generation::Y2017 {
        return Answer::missing();
    }
    let slice = request.slice(sandbox.options().max_rows);
    let path = request.option("QueryName").unwrap_or_default();
    if matches!(tweaks.0, Some(Fault::MovingRows)) {
        moves(sandbox, path, slice.offset);
    }
    let state = sandbox.read();
    let Some(query) = state.query(path) else { return Answer::missing() };
    if !query.shared {
        return Answer::json(403, &json!({ "Message": "You do not have permission to run this query." }));
    }
    let selected = sandbox.selected(&state, query);
    // Without the answer to its prompt a query finds nobody.
    let answered = query.prompt.is_none() || request.option("parameter").is_some();
    let empty = tweaks.empty() || !answered;
    let rows = if empty { Vec::new() } else { rows(&state, query, &selected, &slice, tweaks) };
    let total = if empty { 0 } else { tweaks.total(selected.len() as u64) };
    let count = rows.len();
    let items = if generic {
        let one = |(at, row): (usize, Vec<(String, Cell)>)| {
            let number = ("ResultRow".to_owned(), Cell::Text((slice.offset + at + 1).to_string()));
            let whole: Vec<_> = std::iter::once(number).chain(row).collect();
            dialect::core("GenericEntityData", json!({ "EntityTypeName": path, "Properties": dialect::properties(&whole) }))
        };
        rows.into_iter().enumerate().map(one).collect()
    } else {
        rows.into_iter().map(flat).collect()
    };
    Answer::json(200, &dialect::page(dialect::objects(items), count, &slice, total))
}

fn flat(row: Vec<(String, Cell)>) -> Value {
    let mut members: Map<String, Value> = row.into_iter().map(|(name, cell)| (name, cell.flat())).collect();
    members.insert("$type".into(), "System.Dynamic.ExpandoObject, System.Core".into());
    Value::Object(members)
}

fn rows(state: &State, query: &Stored, selected: &Selected, slice: &Slice, tweaks: Tweaks<'_>) -> Vec<Vec<(String, Cell)>> {
    let repeated = (tweaks.duplicates() && slice.offset > 0).then(|| slice.offset - 1);
    let places = repeated.into_iter().chain(slice.offset..slice.offset.saturating_add(slice.limit)).take(slice.limit);
    let there = places.filter_map(|place| Some((place, *selected.get(place)?)));
    let one =
        |(at, (place, index)): (usize, (usize, u64))| row(query, &state.contact_at(index), place, at == 0 && slice.offset == 0, tweaks);
    there.enumerate().map(one).collect()
}

fn row(query: &Stored, contact: &Contact, place: usize, first: bool, tweaks: Tweaks<'_>) -> Vec<(String, Cell)> {
    let mut spoiled = !first;
    let one = |column: &Column| {
        let mut cell = column.of(contact);
        if *column == Column::Id && tweaks.drops_key(place as u64) {
            return None;
        }
        if let (false, Column::FirstName, Cell::Text(text)) = (spoiled, column, &cell)
            && let Some(other) = tweaks.first_text(text)
        {
            spoiled = true;
            cell = Cell::Text(other);
        }
        Some((column.alias().to_owned(), cell))
    };
    query.columns.iter().filter_map(one).collect()
}

/// Somebody not yet read leaves, and somebody behind the position joins, if anybody is left for that.
fn moves(sandbox: &Sandbox, path: &str, offset: usize) {
    let (number, leaves, joins) = {
        let state = sandbox.read();
        let Some(query) = state.query(path) else { return };
        let selected = sandbox.selected(&state, query);
        let position = selected.get(offset).copied().unwrap_or(state.end);
        let joins = (1..position).find(|index| !state.selects(query, *index));
        (query.number, selected.get(offset + 1).copied(), joins)
    };
    let id = |index: u64| vec![crate::imis::contacts::Population::id(index)];
    if let Some(index) = leaves {
        sandbox.answer(number, &id(index), false);
    }
    if let Some(index) = joins {
        sandbox.answer(number, &id(index), true);
    }
}
