//! People as lines of a list: the columns that every list of people shares.

use std::collections::HashMap;

use rialto_core::AddressState;
use rialto_core::consent::Cause;
use rialto_core::upload::{ID_COLUMN, SOURCE};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::bridges;
use rialto_store::fields::Field;
use rialto_store::views::members::{self, Member};
use rialto_store::views::people::{self, Profile};

use super::links;
use super::run_changes::value;
use super::shell::Reader;
use super::table::{Cell, Column};
use super::text::Chip;
use crate::error::Error;
use crate::state::App;

/// A person as a line of a list.
pub struct Person {
    pub member: Member,
    pub causes: Vec<Cause>,
    /// Empty when there is only one bridge: its name would only repeat itself.
    pub bridge: String,
    /// Personalization fields, where the list asked for them.
    pub profile: Profile,
    /// Names of the target groups they are in, for an export.
    pub groups: Vec<String>,
}

/// Lines for some people, with everything that stands against mailing them.
pub async fn persons(app: &App, found: Vec<Member>) -> Result<Vec<Person>, Error> {
    let db = &app.db;
    let mut causes = members::causes(db, &found).await?;
    let all = bridges::list(db.read()).await?;
    let several = all.len() > 1 || found.iter().any(|m| m.bridge_id == SOURCE);
    let mut names: HashMap<i64, String> = if several { all.into_iter().map(|b| (b.id, b.name)).collect() } else { HashMap::new() };
    names.insert(SOURCE, "Upload".into());
    Ok(found
        .into_iter()
        .map(|member| Person {
            causes: causes.remove(&member.id).unwrap_or_default(),
            bridge: names.get(&member.bridge_id).cloned().unwrap_or_default(),
            profile: Profile::new(),
            groups: Vec::new(),
            member,
        })
        .collect())
}

/// Whether people of several bridges stand here, so that the bridge tells them apart.
pub fn with_bridge(people: &[Person]) -> bool {
    people.iter().any(|p| !p.bridge.is_empty())
}

/// What every list of people shows.
pub fn columns(reader: &Reader, bridge: bool) -> Vec<Column<Person>> {
    let here = reader.here();
    let mut columns = vec![
        Column::new("address", "Address", |p: &Person| Cell::link(links::person(p.member.created_at, p.member.id), &*p.member.address))
            .always()
            .wide(),
        Column::new("remote_id", "Remote ID", |p: &Person| Cell::Code(p.member.remote_id.clone())),
        Column::new("mailable", "May be mailed", |p: &Person| Cell::Chips(chips(p.member.address_state, &p.causes))),
        Column::new("came", "Came", move |p: &Person| Cell::Time(here.when(p.member.created_at))).short().on_request(),
    ];
    if bridge {
        columns.insert(2, Column::new("bridge", "Bridge", |p: &Person| Cell::Text(p.bridge.clone())));
    }
    columns
}

/// A column for a personalization field, an empty value by its default (`docs/adr/0077`). Its key is `f<number>`, as the store names
/// it. `filled`: an export that is to hold what a mailing would use.
pub fn field_column(field: &Field, filled: bool) -> Column<Person> {
    let (number, kind, default) = (field.number, field.kind.clone(), field.default_shown());
    let cell = move |p: &Person| match (value(p.profile.get(&number), &kind), filled) {
        (own, _) if !own.is_empty() || default.is_empty() => Cell::Text(own),
        (_, true) => Cell::Text(default.clone()),
        _ => Cell::Default(default.clone()),
    };
    Column::new(format!("f{number}"), field.title().to_owned(), cell).wide().on_request()
}

/// The columns of an export of people: those that the reader sees, and in place of marks what they say.
pub fn export_columns(shown: Vec<Column<Person>>) -> Vec<Column<Person>> {
    told_columns(shown.into_iter().filter(|c| c.key != "mailable").collect(), |p| Some(p))
}

/// Columns of an export of lines that are about people: the record itself, which an upload of the file finds again, and at the end what
/// stands today about consent and membership. Blank where a line is about nobody who is here.
pub fn told_columns<T: 'static>(shown: Vec<Column<T>>, of: fn(&T) -> Option<&Person>) -> Vec<Column<T>> {
    let told = move |key, name, tell: fn(&Person) -> String| {
        Column::new(key, name, move |line: &T| Cell::Text(of(line).map(tell).unwrap_or_default()))
    };
    let mut columns =
        vec![told("id", ID_COLUMN, |p| PublicId::new(Kind::Subscriber, Instant(p.member.created_at), p.member.id).to_string())];
    columns.extend(shown);
    columns.extend([
        told("consent", "Consent", |p| if is_mailable(p) { "yes" } else { "no" }.to_owned()),
        told("reason", "Reason", reasons),
        told("groups", "Member of", |p| p.groups.join("; ")),
    ]);
    columns
}

/// Adds what only exports tell.
pub async fn with_groups(app: &App, mut people: Vec<Person>) -> Result<Vec<Person>, Error> {
    let ids: Vec<i64> = people.iter().map(|p| p.member.id).collect();
    let mut groups = people::groups_of(app.db.read(), &ids).await?;
    for p in &mut people {
        p.groups = groups.remove(&p.member.id).unwrap_or_default();
    }
    Ok(people)
}

fn is_mailable(p: &Person) -> bool {
    p.causes.is_empty() && AddressState::from_i16(p.member.address_state) == AddressState::Usable
}

/// Why somebody is not mailed; empty when nothing stands against it.
fn reasons(p: &Person) -> String {
    let of_address = match AddressState::from_i16(p.member.address_state) {
        AddressState::Usable => None,
        AddressState::Missing => Some("No address"),
        AddressState::Malformed => Some("Malformed address"),
    };
    of_address.into_iter().chain(p.causes.iter().map(|c| c.label())).collect::<Vec<_>>().join("; ")
}

/// What stands against mailing somebody; `Mailable` when nothing does.
pub fn chips(address_state: i16, causes: &[Cause]) -> Vec<Chip> {
    let mut chips = match AddressState::from_i16(address_state) {
        AddressState::Usable => Vec::new(),
        AddressState::Missing => vec![Chip::off("No address")],
        AddressState::Malformed => vec![Chip::look("Malformed address")],
    };
    chips.extend(causes.iter().map(|c| Chip::stop(c.label())));
    if chips.is_empty() {
        chips.push(Chip::ok("Mailable"));
    }
    chips
}
