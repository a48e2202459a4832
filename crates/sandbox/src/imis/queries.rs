//! IQA queries: in which folder they stand, what they show, and whom they select at this moment.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::imis::contacts::{Contact, guid};
use crate::imis::rows::Cell;
use crate::names::WEST;

/// The folder whose queries are mailing lists.
pub(crate) const LISTS: &str = "$/HigherLogic/MailingLists";
/// Another folder, whose queries are not.
pub(crate) const OTHER: &str = "$/Common/Queries";

/// By what rule people are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// All contacts.
    Everybody,
    /// Members of any type.
    Members,
    /// Students.
    Students,
    /// Contacts in the West.
    West,
    /// So many of a thousand contacts.
    Permille(u64),
    /// Nobody but those put in by hand.
    Nobody,
}

/// A column of a query's display tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// The party's id.
    Id,
    /// Given name.
    FirstName,
    /// Family name.
    LastName,
    /// Primary e-mail address.
    Email,
    /// Opted out of the communication type Email.
    DoNotEmail,
    /// Company.
    Company,
    /// Job title.
    Title,
    /// City.
    City,
    /// State or province.
    State,
    /// Customer type.
    MemberType,
    /// Whether a member.
    IsMember,
    /// Joined on.
    JoinDate,
    /// What they owe.
    Balance,
}

impl Column {
    /// All of them, in the usual order.
    pub const ALL: &'static [Self] = &[
        Self::Id,
        Self::FirstName,
        Self::LastName,
        Self::Email,
        Self::DoNotEmail,
        Self::Company,
        Self::Title,
        Self::City,
        Self::State,
        Self::MemberType,
        Self::IsMember,
        Self::JoinDate,
        Self::Balance,
    ];

    /// The alias on the display tab.
    pub fn alias(self) -> &'static str {
        self.described().0
    }

    /// Alias, caption, and the name of its type.
    pub(crate) fn described(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Id => ("ID", "ID", "String"),
            Self::FirstName => ("FirstName", "First name", "String"),
            Self::LastName => ("LastName", "Last name", "String"),
            Self::Email => ("Email", "E-mail", "String"),
            Self::DoNotEmail => ("DoNotEmail", "Do not email", "Boolean"),
            Self::Company => ("Company", "Company", "String"),
            Self::Title => ("Title", "Title", "String"),
            Self::City => ("City", "City", "String"),
            Self::State => ("StateProvince", "State or province", "String"),
            Self::MemberType => ("MemberType", "Member type", "String"),
            Self::IsMember => ("IsMember", "Is a member", "Boolean"),
            Self::JoinDate => ("JoinDate", "Joined on", "DateTime"),
            Self::Balance => ("Balance", "Balance", "Decimal"),
        }
    }

    pub(crate) fn of(self, contact: &Contact) -> Cell {
        let text = |t: &str| Cell::Text(t.to_owned());
        let maybe = |t: Option<&str>| t.map_or(Cell::Null, text);
        match self {
            Self::Id => text(&contact.id),
            Self::FirstName => text(&contact.first_name),
            Self::LastName => text(&contact.last_name),
            Self::Email => maybe(contact.email.as_deref()),
            Self::DoNotEmail => Cell::Bool(contact.do_not_email()),
            Self::Company => maybe(contact.company.as_deref()),
            Self::Title => maybe(contact.title.as_deref()),
            Self::City => text(&contact.city),
            Self::State => maybe(contact.state.as_deref()),
            Self::MemberType => text(&contact.member_type),
            Self::IsMember => Cell::Bool(contact.is_member),
            Self::JoinDate => contact.join_date.map_or(Cell::Null, |d| Cell::Text(format!("{d}T00:00:00"))),
            Self::Balance => Cell::Decimal(contact.balance_cents),
        }
    }
}

/// A query as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Query {
    /// Its number, which never changes.
    pub number: u64,
    /// Where it stands: folder and name.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: String,
    /// What it is for.
    pub description: String,
    /// Whom it selects.
    pub selection: Selection,
    /// Aliases of its columns.
    pub columns: Vec<&'static str>,
    /// Shared with everyone.
    pub shared: bool,
    /// What it asks whoever runs it for; none is asked by a mailing list.
    pub prompt: Option<String>,
    /// Published, or a draft.
    pub published: bool,
    /// Last changed.
    pub modified: Timestamp,
    /// How many it selects now.
    pub members: u64,
}

/// A query to be made, in the folder of mailing lists if no other is named.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewQuery {
    /// Its name, unique in its folder.
    pub name: String,
    /// Its folder.
    #[serde(default = "lists")]
    pub folder: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whom it selects.
    pub selection: Selection,
    /// Its columns; none means all.
    #[serde(default)]
    pub columns: Vec<Column>,
}

fn lists() -> String {
    LISTS.to_owned()
}

impl NewQuery {
    /// A query in the folder of mailing lists with all columns.
    pub fn new(name: &str, selection: Selection) -> Self {
        Self { name: name.into(), folder: lists(), description: String::new(), selection, columns: Vec::new() }
    }

    /// Whether names and folder can be told apart from others.
    pub(crate) fn fits(&self) -> bool {
        let plain = |t: &str, most: usize| !t.trim().is_empty() && t.chars().count() <= most && !t.chars().any(char::is_control);
        plain(&self.name, 80) && !self.name.contains('/') && plain(&self.folder, 200) && self.folder.starts_with("$/")
    }
}

/// Changes to a query; what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueryPatch {
    /// New name.
    pub name: Option<String>,
    /// Shared with everyone or not.
    pub shared: Option<bool>,
    /// A prompt; an empty text takes it away.
    pub prompt: Option<String>,
    /// Published or a draft.
    pub published: Option<bool>,
    /// Its columns.
    pub columns: Option<Vec<Column>>,
    /// Whom it selects.
    pub selection: Option<Selection>,
}

/// A query: what it selects and shows.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub number: u64,
    pub folder: String,
    pub name: String,
    pub description: String,
    pub columns: Vec<Column>,
    pub selection: Selection,
    /// Who is selected or not, whatever the rule says.
    pub answers: BTreeMap<u64, bool>,
    pub shared: bool,
    pub prompt: Option<String>,
    pub published: bool,
    pub modified: Timestamp,
}

impl Stored {
    pub(crate) fn new(number: u64, new: NewQuery, now: Timestamp) -> Self {
        let columns = if new.columns.is_empty() { Column::ALL.to_vec() } else { new.columns };
        Self {
            number,
            folder: new.folder,
            name: new.name,
            description: new.description,
            columns,
            selection: new.selection,
            answers: BTreeMap::new(),
            shared: true,
            prompt: None,
            published: true,
            modified: now,
        }
    }

    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }

    pub(crate) fn document_id(&self) -> String {
        guid(2, self.number)
    }

    /// Whether the rule selects a contact. `roll` spreads people evenly.
    pub(crate) fn selects(&self, contact: &Contact, roll: u64) -> bool {
        match self.selection {
            Selection::Everybody => true,
            Selection::Members => contact.is_member,
            Selection::Students => contact.member_type == "STU",
            Selection::West => contact.state.as_deref().is_some_and(|s| WEST.contains(&s)),
            Selection::Permille(n) => roll % 1000 < n,
            Selection::Nobody => false,
        }
    }

    /// Spreads people differently for each query.
    pub(crate) fn salt(&self) -> u64 {
        0x1000 + self.number
    }
}

/// The queries there are from the start: lists, lists that break a rule, and one in another folder.
pub(crate) fn initial(now: Timestamp) -> Vec<Stored> {
    let without = |column: Column| Column::ALL.iter().copied().filter(|c| *c != column).collect::<Vec<_>>();
    let mut made = Vec::new();
    let mut add = |name: &str, description: &str, selection: Selection| {
        let number = made.len() as u64 + 1;
        made.push(Stored::new(number, NewQuery { description: description.into(), ..NewQuery::new(name, selection) }, now));
    };
    add("All Contacts", "Everybody with a record", Selection::Everybody);
    add("Members", "Members of every type", Selection::Members);
    add("Students", "Student members", Selection::Students);
    add("Western Chapter", "Contacts in the West", Selection::West);
    add("Journal Readers", "Who asked for the journal", Selection::Permille(120));
    add("Conference Guests", "Without a column about Do Not Email", Selection::Permille(60));
    add("By State", "Asks for a state, and so is no list", Selection::West);
    add("Board", "Shared with the board only", Selection::Permille(2));
    add("Nobody Yet", "Selects nobody so far", Selection::Nobody);
    add("Names Only", "Shows no ID", Selection::Students);
    add("Dues Report", "No mailing list at all", Selection::Members);
    for query in &mut made {
        match query.name.as_str() {
            "Conference Guests" => query.columns = vec![Column::Id, Column::FirstName, Column::LastName, Column::Email, Column::City],
            "By State" => query.prompt = Some("State".into()),
            "Board" => query.shared = false,
            "Names Only" => query.columns = without(Column::Id),
            "Dues Report" => query.folder = OTHER.into(),
            _ => {}
        }
    }
    made
}
