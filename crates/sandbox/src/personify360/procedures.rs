//! `GetStoredProcedureDataXML` and the procedures.

use std::collections::HashMap;

use crate::faults::{Fault, Tweaks};
use crate::personify360::answer::Refusal;
use crate::personify360::dataset::{DataSet, MEMBER_COLUMNS, MEMBER_VICTIM, member, no_data};
use crate::personify360::interests::Interest;
use crate::personify360::odata::value::Value;
use crate::personify360::people::parse_master;
use crate::personify360::sandbox::Sandbox;
use crate::personify360::state::{State, Table};
use crate::personify360::xml::leaves;

/// A parsed request to run a procedure.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub name: String,
    /// By parameter name in lower case, with the `@`.
    parameters: HashMap<String, String>,
}

impl Call {
    /// Reads the body of a request.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let text = str::from_utf8(body).map_err(|_| Refusal::bad("The body is not UTF-8."))?;
        let text = text.trim_start_matches('\u{feff}');
        let mut call = Self::default();
        let mut parameter = None;
        for leaf in leaves(text).map_err(|error| Refusal::bad(format!("Bad XML: {error}")))? {
            let text = leaf.text.unwrap_or_default();
            match leaf.name.as_str() {
                "StoredProcedureName" => call.name = text.trim().to_owned(),
                "Name" => parameter = Some(text.trim().to_ascii_lowercase()),
                "Value" => {
                    if let Some(name) = parameter.take() {
                        call.parameters.insert(name, text);
                    }
                }
                _ => {}
            }
        }
        if call.name.is_empty() {
            return Err(Refusal::bad("StoredProcedureName is missing."));
        }
        Ok(call)
    }

    fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", |value| value.trim())
    }

    fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let text = self.parameter(name);
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse().map_err(|_| Refusal::new(500, format!("Error converting data type varchar to int ({name}).")));
        number.map(Some)
    }

    /// Whether this asks for the first page of something.
    pub(crate) fn first_page(&self) -> Option<bool> {
        let paged = self.parameters.contains_key("@aftermaster");
        let has_list = self.parameters.contains_key("@listcode");
        (paged || has_list).then(|| self.parameter("@aftermaster").is_empty())
    }
}

/// Runs a procedure.
pub(crate) fn run(sandbox: &Sandbox, call: &Call, tweaks: Tweaks<'_>) -> Result<String, Refusal> {
    let names = &sandbox.options().procedures;
    let is = |name: &str| call.name.eq_ignore_ascii_case(name);
    if !sandbox.read().installed.contains(&call.name.to_ascii_lowercase()) {
        let text = format!("Could not find stored procedure '{}'.", call.name);
        return Err(Refusal::new(404, text));
    }
    if is(&names.list_members) {
        return list_members(sandbox, call, tweaks);
    }
    let state = sandbox.read();
    if tweaks.empty() {
        return Ok(no_data());
    }
    if is(&names.lists) {
        Ok(lists(&state, tweaks))
    } else if is(&names.fields) {
        Ok(fields(tweaks))
    } else if is(&names.activities) {
        activities(&state, call, tweaks)
    } else if is(&names.codes) {
        Ok(codes(&state, tweaks))
    } else if is(&names.interests) {
        Ok(interests(&state, tweaks))
    } else if is(&names.interests_of) {
        interests_of(&state, call, tweaks)
    } else if is(&names.interest_members) {
        interest_members(&state, call, sandbox.options().max_rows, tweaks)
    } else {
        Err(Refusal::new(500, format!("'{}' is not simulated.", call.name)))
    }
}

fn lists(state: &State, tweaks: Tweaks<'_>) -> String {
    const COLUMNS: &[&str] = &[
        "LIST_CODE",
        "LIST_NAME",
        "DESCRIPTION",
        "ACTIVE_FLAG",
        "REGENERATION_FREQUENCY",
        "LAST_REFRESHED",
        "MODIFIED_ON",
        "MEMBER_COUNT",
    ];
    let mut set = DataSet::new(COLUMNS, 1, tweaks, state.lists.len());
    for list in state.lists.values().map(|list| state.show(list)) {
        set.begin();
        set.text(0, &list.code);
        set.text(1, &list.name);
        set.text(2, &list.description);
        set.flag(3, list.active);
        set.text(4, &list.regeneration_frequency);
        if list.generated {
            set.plain(5, list.last_refreshed);
        }
        set.plain(6, list.modified_on);
        set.plain(7, tweaks.total(list.member_count));
        set.end();
    }
    set.finish()
}

/// Columns of the personalization view: name, type, length, label.
const VIEW: &[(&str, &str, u32, &str)] = &[
    ("FIRST_NAME", "varchar", 40, "First name"),
    ("LAST_NAME", "varchar", 80, "Last name"),
    ("LABEL_NAME", "varchar", 120, "Full name"),
    ("JOB_TITLE", "varchar", 80, "Job title"),
    ("COMPANY_NAME", "varchar", 120, "Company"),
    ("CITY", "varchar", 60, "City"),
    ("STATE", "varchar", 15, "State"),
    ("COUNTRY_CODE", "varchar", 24, "Country"),
    ("MEMBER_SINCE", "datetime", 8, "Member since"),
    ("MEMBER_FLAG", "bit", 1, "Is a member"),
    ("MEMBER_NUMBER", "int", 4, "Member number"),
    ("DUES_BALANCE", "decimal", 9, "Dues balance"),
];

fn fields(tweaks: Tweaks<'_>) -> String {
    const COLUMNS: &[&str] = &["COLUMN_NAME", "DATA_TYPE", "LENGTH", "LABEL"];
    let mut set = DataSet::new(COLUMNS, 3, tweaks, VIEW.len());
    for (name, kind, length, label) in VIEW {
        set.begin();
        set.text(0, tweaks.name(name));
        set.text(1, kind);
        set.plain(2, length);
        set.text(3, label);
        set.end();
    }
    set.finish()
}

fn codes(state: &State, tweaks: Tweaks<'_>) -> String {
    let mut set = DataSet::new(&["CODE", "DESCRIPTION"], 1, tweaks, state.codes.len());
    for (code, description) in &state.codes {
        set.begin();
        set.text(0, code);
        set.text(1, description);
        set.end();
    }
    set.finish()
}

fn interests(state: &State, tweaks: Tweaks<'_>) -> String {
    const COLUMNS: &[&str] = &["SOURCE", "CODE", "SUBCODE", "NAME", "ACTIVE_FLAG", "MEMBER_COUNT"];
    let mut set = DataSet::new(COLUMNS, 3, tweaks, Interest::all().count());
    for interest in Interest::all() {
        let (source, code, sub, name, active) = interest.told();
        set.begin();
        set.text(0, source);
        set.text(1, code);
        if !sub.is_empty() {
            set.text(2, sub);
        }
        set.text(3, name);
        set.flag(4, active);
        set.plain(5, tweaks.total(state.interested(interest, 1).count() as u64));
        set.end();
    }
    set.finish()
}

fn interests_of(state: &State, call: &Call, tweaks: Tweaks<'_>) -> Result<String, Refusal> {
    let sub = call.number("@subcustomerid")?.unwrap_or(0);
    let Some(index) = state.index(call.parameter("@mastercustomerid"), sub) else {
        return Ok(no_data());
    };
    let (areas, codes) = (state.rows_of(Table::OptIns, index), state.rows_of(Table::Demographics, index));
    let mut set = DataSet::new(&["SOURCE", "CODE", "SUBCODE"], 1, tweaks, areas.len() + codes.len());
    let text = |row: &[Value], at: usize| row.get(at).map(Value::text).unwrap_or_default();
    for row in areas.iter().filter(|row| row.get(4) == Some(&Value::Bool(true))) {
        set.begin();
        set.text(0, "area");
        set.text(1, &text(row, 3));
        set.end();
    }
    for row in codes.iter() {
        set.begin();
        set.text(0, "demographic");
        set.text(1, &text(row, 3));
        set.text(2, &text(row, 4));
        set.end();
    }
    Ok(set.finish())
}

fn activities(state: &State, call: &Call, tweaks: Tweaks<'_>) -> Result<String, Refusal> {
    const COLUMNS: &[&str] = &["ACTIVITY_ID", "ACTIVITY_CODE", "ACTIVITY_DATE", "ACTIVITY_TEXT"];
    let sub = call.number("@subcustomerid")?.unwrap_or(0);
    let Some(index) = state.index(call.parameter("@mastercustomerid"), sub) else {
        return Ok(no_data());
    };
    let rows = state.rows_of(Table::Activities, index);
    let mut set = DataSet::new(COLUMNS, 3, tweaks, rows.len());
    for row in rows.iter() {
        let value = |at: usize| row.get(at).unwrap_or(&Value::Null);
        set.begin();
        set.plain(0, value(0).text());
        set.text(1, &value(3).text());
        set.plain(2, value(5).text());
        set.text(3, &value(4).text());
        set.end();
    }
    Ok(set.finish())
}

/// Where a page of members begins.
struct Position {
    /// First index not yet read; 1 on the first page.
    next: u64,
    first: bool,
}

fn position(state: &State, call: &Call) -> Result<Position, Refusal> {
    let master = call.parameter("@aftermaster");
    if master.is_empty() {
        return Ok(Position { next: 1, first: true });
    }
    let number = parse_master(master).ok_or_else(|| Refusal::new(500, "@AfterMaster is no MASTER_CUSTOMER_ID."))?;
    let sub = call.number("@aftersub")?.unwrap_or(0);
    Ok(Position { next: state.population.after(number, sub), first: false })
}

fn list_members(sandbox: &Sandbox, call: &Call, tweaks: Tweaks<'_>) -> Result<String, Refusal> {
    let code = call.parameter("@listcode");
    let position = position(&sandbox.read(), call)?;
    match tweaks.0 {
        Some(Fault::RegenerateDuring) => {
            sandbox.regenerate(code);
        }
        Some(Fault::MovingRows) => move_rows(sandbox, code, position.next),
        _ => {}
    }
    let rows = asked_rows(call, sandbox.options().max_rows)?;
    Ok(page(&sandbox.read(), code, &position, rows, tweaks))
}

/// How many rows a page may have.
fn asked_rows(call: &Call, most: u64) -> Result<usize, Refusal> {
    let rows = call.number("@rows")?.unwrap_or(500);
    if rows < 1 {
        return Err(Refusal::new(500, "@Rows must be positive."));
    }
    let rows = u64::try_from(rows).unwrap_or(1).min(most.max(1));
    Ok(usize::try_from(rows).unwrap_or(1))
}

fn interest_members(state: &State, call: &Call, most: u64, tweaks: Tweaks<'_>) -> Result<String, Refusal> {
    let from = position(state, call)?;
    let rows = asked_rows(call, most)?;
    let interest = Interest::find(call.parameter("@source"), call.parameter("@code"), call.parameter("@subcode"));
    let Some(interest) = interest else { return Ok(no_data()) };
    let mut set = DataSet::new(MEMBER_COLUMNS, MEMBER_VICTIM, tweaks, rows.min(20_000));
    for index in state.interested(interest, from.next).take(rows) {
        member(&mut set, &state.person_at(index));
    }
    Ok(set.finish())
}

fn page(state: &State, code: &str, from: &Position, rows: usize, tweaks: Tweaks<'_>) -> String {
    let Some(list) = state.lists.get(code).filter(|_| !tweaks.empty()) else {
        return no_data();
    };
    let mut members = state.members(list, from.next).peekable();
    let mut set = DataSet::new(MEMBER_COLUMNS, MEMBER_VICTIM, tweaks, rows.min(20_000));
    let mut room = rows;
    let repeats = tweaks.duplicates() && !from.first && rows > 1 && members.peek().is_some();
    if repeats && let Some(last) = (1..from.next).rev().find(|i| state.on_list(list, *i)) {
        member(&mut set, &state.person_at(last));
        room -= 1;
    }
    for index in members.take(room) {
        match state.overrides.get(&index) {
            Some(person) => member(&mut set, person),
            None => member(&mut set, &state.population.person(index, &state.changes)),
        }
    }
    set.finish()
}

/// A member not yet read leaves; someone behind the position joins.
fn move_rows(sandbox: &Sandbox, code: &str, next: u64) {
    let now = sandbox.now();
    let mut state = sandbox.write();
    let Some(list) = state.lists.get(code) else {
        return;
    };
    let leaves = state.members(list, next).next();
    let joins = (1..next.min(state.end + 1)).rev().find(|i| state.exists(*i) && !state.on_list(list, *i));
    state.set_members(code, leaves.as_slice(), false, now);
    state.set_members(code, joins.as_slice(), true, now);
}
