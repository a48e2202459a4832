//! What there is beside individuals: saved searches, configurable types, activities.

use jiff::Timestamp;
use serde::Serialize;

use crate::membersuite::criteria::{Criteria, Op};
use crate::membersuite::ids;
use crate::membersuite::schema::{ACTIVITY, ACTIVITY_STATUS, ACTIVITY_TYPE, Class, MESSAGE_CATEGORY, SAVED_SEARCH};
use crate::membersuite::search::Search;
use crate::membersuite::value::{Object, Value};

/// A saved search.
#[derive(Clone, Debug)]
pub(crate) struct SavedSearch {
    pub number: u64,
    pub name: String,
    pub description: String,
    pub public: bool,
    pub active: bool,
    pub search: Search,
    /// Whether the search is kept as XML text instead of a nested object.
    pub as_text: bool,
    pub modified: Timestamp,
}

impl SavedSearch {
    pub(crate) fn object(&self, seed: u64) -> Object {
        let search = if self.as_text { Value::Text(self.search.text()) } else { Value::Search(Box::new(self.search.clone())) };
        let values = vec![
            Value::Text(ids::id(seed, &SAVED_SEARCH, self.number)),
            Value::Text(self.name.clone()),
            Value::Text(self.description.clone()),
            Value::Text(self.search.kind.clone()),
            Value::Bool(self.public),
            Value::Bool(self.active),
            search,
            Value::Date(self.modified),
        ];
        Object { class: &SAVED_SEARCH, values }
    }
}

/// The searches a sandbox starts with.
pub(crate) fn searches(start: Timestamp) -> Vec<SavedSearch> {
    let is = |field: &str, value: &str| vec![Criteria::is(field, Op::Equals, value)];
    let west = vec![Criteria::Any(vec![Criteria::is("Region__c", Op::Equals, "West"), Criteria::is("Region__c", Op::Equals, "North")])];
    let cases = [
        ("All individuals", "Individual", Vec::new()),
        ("Newsletter readers", "Individual", is("Newsletter__c", "true")),
        ("Annual conference", "Individual", is("Conference__c", "2025")),
        ("West and North", "Individual", west),
        ("Board", "Individual", is("Committee__c", "Board")),
        ("Student members", "Individual", is("MemberType__c", "Student")),
        ("Lapsed members", "Individual", is("MemberType__c", "Lapsed")),
        ("Nobody yet", "Individual", is("Committee__c", "Archive")),
        ("Staff worklist", "Individual", is("Title", "Dr.")),
        ("Appeal 2019", "Individual", vec![Criteria::is("MemberSince__c", Op::IsLessThan, "2000-01-01T00:00:00Z")]),
        ("Organizations", "Organization", Vec::new()),
    ];
    let make = |(at, (name, kind, criteria)): (usize, (&str, &str, Vec<Criteria>))| SavedSearch {
        number: at as u64 + 1,
        name: name.to_owned(),
        description: format!("{name}, kept by the membership office"),
        public: name != "Staff worklist",
        active: name != "Appeal 2019",
        search: Search::of(kind, criteria),
        as_text: name == "Student members",
        modified: start,
    };
    cases.into_iter().enumerate().map(make).collect()
}

/// An activity type, an activity status or a message category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Configurable {
    /// Its ID.
    pub id: String,
    /// As people see it.
    pub name: String,
    /// Its code.
    pub code: String,
    /// Whether it is in use.
    pub active: bool,
}

impl Configurable {
    pub(crate) fn object(&self, class: &'static Class) -> Object {
        let text = |text: &str| Value::Text(text.to_owned());
        Object { class, values: vec![text(&self.id), text(&self.name), text(&self.code), Value::Bool(self.active)] }
    }
}

fn configured(seed: u64, class: &Class, all: &[(&str, &str, bool)]) -> Vec<Configurable> {
    let make = |(at, (name, code, active)): (usize, &(&str, &str, bool))| Configurable {
        id: ids::id(seed, class, at as u64 + 1),
        name: (*name).to_owned(),
        code: (*code).to_owned(),
        active: *active,
    };
    all.iter().enumerate().map(make).collect()
}

pub(crate) fn categories(seed: u64) -> Vec<Configurable> {
    let all = [
        ("Newsletter", "NEWS", true),
        ("Events & conferences", "EVENTS", true),
        ("Jobs", "JOBS", true),
        ("Advocacy", "ADVOCACY", true),
        ("Yearbook", "YEARBOOK", false),
    ];
    configured(seed, &MESSAGE_CATEGORY, &all)
}

pub(crate) fn activity_types(seed: u64, set_up: bool) -> Vec<Configurable> {
    let all = [("Phone call", "CALL", true), ("Meeting", "MEETING", true), ("Rialto", "RIALTO", true)];
    configured(seed, &ACTIVITY_TYPE, &all[..if set_up { 3 } else { 2 }])
}

pub(crate) fn activity_statuses(seed: u64) -> Vec<Configurable> {
    configured(seed, &ACTIVITY_STATUS, &[("Open", "OPEN", true), ("Complete", "COMPLETE", true)])
}

/// An activity of an individual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The individual's ID.
    pub entity: String,
    /// ID of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// ID of its status.
    pub status: String,
    /// When it happened.
    pub date: Option<Timestamp>,
    /// What happened.
    pub description: String,
    /// When it was saved.
    pub last_modified: Timestamp,
}

impl Activity {
    pub(crate) fn object(&self) -> Object {
        let text = |text: &str| Value::Text(text.to_owned());
        let values = vec![
            text(&self.id),
            text(&self.name),
            text(&self.entity),
            text(&self.kind),
            text(&self.status),
            self.date.map_or(Value::Nil, Value::Date),
            text(&self.description),
            Value::Date(self.last_modified),
        ];
        Object { class: &ACTIVITY, values }
    }
}
