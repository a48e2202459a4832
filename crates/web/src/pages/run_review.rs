//! What one run did, or would do, to one person: membership, the remote system's word, whether they may be mailed, and fields, each
//! as it was and as it is or would be (`docs/adr/0076`).

use std::collections::HashMap;

use rialto_core::address::Address;
use rialto_core::consent::Cause;
use rialto_core::run::{RunKind, RunState};
use rialto_core::upload::SOURCE;
use rialto_store::fields::{self, Field};
use rialto_store::views::changes::{self, Review};
use rialto_store::views::members::{self, Member};
use rialto_store::views::people::{self, Profile};
use rialto_store::views::runs::{NoteRow, RunRow};

use super::people_table::chips;
use super::run_changes::value;
use super::text::Chip;
use crate::error::Error;
use crate::state::App;

/// One field of one person, before and after.
pub struct Difference {
    pub label: String,
    pub before: String,
    pub after: String,
}

/// Something as it was and as it is or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved<T> {
    pub before: T,
    pub after: T,
}

/// What a list shows of one person and one run.
pub struct Reviewed {
    pub person: Option<Member>,
    pub membership: Moved<&'static str>,
    pub flag: Moved<&'static str>,
    pub mailable: Moved<Vec<Chip>>,
    pub differences: Vec<Difference>,
}

/// A person on one side of the arrow.
#[derive(Clone)]
struct Side {
    /// `None` where Rialto did not know them.
    person: Option<Member>,
    member: &'static str,
    /// 1 yes, 2 no, 0 not known.
    flag: i16,
    profile: Profile,
}

const MEMBER: &str = "Member";
const NO_MEMBER: &str = "Not a member";

/// What is to become, or became, of members whose removal waited.
fn withheld(state: RunState) -> &'static str {
    match state {
        RunState::Held | RunState::Approved => NO_MEMBER,
        RunState::Discarded => "Stays: discarded",
        RunState::Superseded => "A newer sync decides",
        RunState::Incomplete => "Stays: incomplete read",
        _ => "Stays for now",
    }
}

fn flag(flag: i16) -> &'static str {
    match flag {
        1 => "Yes",
        2 => "No",
        _ => "Not known",
    }
}

fn membership(r: &Review, state: RunState) -> Moved<&'static str> {
    let (before, after) = match (r.member_op, r.member_now) {
        (1, _) => (NO_MEMBER, MEMBER),
        (2, _) => (MEMBER, NO_MEMBER),
        (3, _) => (MEMBER, withheld(state)),
        (4, _) => (MEMBER, "Stays: seen again"),
        (_, 1) => (MEMBER, MEMBER),
        _ => (NO_MEMBER, NO_MEMBER),
    };
    Moved { before, after }
}

/// The person with another address.
fn at(person: &Member, written: &str) -> Member {
    let a = Address::read(Some(written));
    Member { address: a.written, canonical: a.canonical, address_state: a.state as i16, ..person.clone() }
}

/// Both sides of what a run wrote. Of a finished run the right side is today, of a lift that waits the day after the approval.
fn sides(r: &Review, row: &RunRow, now: Profile) -> (Side, Side) {
    let moved = membership(r, row.run.state());
    let mut after = Side { person: Some(r.person.clone()), member: moved.after, flag: r.remote_flag_seen, profile: now };
    let mut before = Side { member: moved.before, ..after.clone() };
    if r.created_run == row.run.id {
        return (Side { person: None, flag: 0, profile: Profile::new(), ..before }, after);
    }
    if let Ok(kept) = serde_json::from_str::<serde_json::Value>(&r.before_values)
        && let Some(written) = kept["address"].as_str()
    {
        before.person = Some(at(&r.person, written));
        before.flag = kept["flag"].as_i64().and_then(|f| i16::try_from(f).ok()).unwrap_or_default();
        before.profile = kept["profile"].as_object().cloned().map(people::profile_of).unwrap_or_default();
    }
    let set = |side: &mut Side, run: i64| side.person.iter_mut().for_each(|p| p.remote_flag_run = run);
    match r.flag_op {
        1 => set(&mut before, 0),
        2 => set(&mut before, row.run.id),
        3 if row.run.state() == RunState::Held => set(&mut after, 0),
        _ => {}
    }
    (before, after)
}

/// Both sides of what a plan noted. `known`: the person as they stand today.
fn planned(n: &NoteRow, known: Option<&Review>, row: &RunRow, now: Profile) -> (Side, Side) {
    let told: serde_json::Value = serde_json::from_str(&n.detail).unwrap_or_default();
    let written = told["address"].as_str().unwrap_or_default();
    let member = match (n.kind.as_str(), known.map(|r| r.member_now)) {
        ("plan_leave", _) | (_, Some(1)) => MEMBER,
        _ => NO_MEMBER,
    };
    let before = Side { person: known.map(|r| r.person.clone()), member, flag: known.map_or(0, |r| r.remote_flag_seen), profile: now };
    let nobody = Member {
        id: -n.number,
        created_at: 0,
        bridge_id: row.run.bridge_id.unwrap_or_default(),
        remote_id: n.remote_id.clone(),
        address: String::new(),
        canonical: String::new(),
        address_state: 0,
        remote_flag_run: 0,
    };
    let mut person = at(before.person.as_ref().unwrap_or(&nobody), written);
    let no = told["flag"].as_str().map(|f| f == "no");
    if n.kind == "plan_suppress" || no == Some(true) && before.person.is_none() {
        person.remote_flag_run = row.run.id;
    } else if n.kind == "plan_lift" {
        person.remote_flag_run = 0;
    }
    let mut profile = before.profile.clone();
    for (key, value) in told["profile"].as_object().into_iter().flatten() {
        let Some(number) = key.strip_prefix('f').and_then(|k| k.parse().ok()) else { continue };
        if value.is_null() { drop(profile.remove(&number)) } else { drop(profile.insert(number, value.clone())) }
    }
    let member = match n.kind.as_str() {
        "plan_join" => MEMBER,
        "plan_leave" => NO_MEMBER,
        _ => before.member,
    };
    let flag = match (n.kind.as_str(), no) {
        ("plan_suppress", _) | (_, Some(true)) => 2,
        ("plan_lift", _) | (_, Some(false)) => 1,
        _ => before.flag,
    };
    (before, Side { person: Some(person), member, flag, profile })
}

async fn causes(app: &App, sides: &[Side]) -> Result<HashMap<i64, Vec<Cause>>, Error> {
    let people: Vec<Member> = sides.iter().filter_map(|s| s.person.clone()).collect();
    Ok(members::causes(&app.db, &people).await?)
}

fn mailable(side: &Side, causes: &HashMap<i64, Vec<Cause>>) -> Vec<Chip> {
    side.person.as_ref().map_or_else(
        || vec![Chip::off("Not known here")],
        |p| chips(p.address_state, causes.get(&p.id).map(Vec::as_slice).unwrap_or_default()),
    )
}

async fn finish(app: &App, fields: &[Field], pairs: Vec<(Side, Side)>, links: Vec<Option<Member>>) -> Result<Vec<Reviewed>, Error> {
    let (before, after): (Vec<Side>, Vec<Side>) = pairs.into_iter().unzip();
    let (causes_before, causes_after) = (causes(app, &before).await?, causes(app, &after).await?);
    let lines = before.iter().zip(&after).zip(links).map(|((b, a), person)| {
        let address = |s: &Side| s.person.as_ref().map(|p| p.address.clone()).unwrap_or_default();
        let differences = match b.person {
            Some(_) => compare(fields, (&address(b), &b.profile), (&address(a), &a.profile)),
            None => Vec::new(),
        };
        Reviewed {
            person,
            membership: Moved { before: b.member, after: a.member },
            flag: Moved { before: flag(b.flag), after: flag(a.flag) },
            mailable: Moved { before: mailable(b, &causes_before), after: mailable(a, &causes_after) },
            differences,
        }
    });
    Ok(lines.collect())
}

/// Today's values of some people of the run's bridge, and its fields.
async fn today(app: &App, row: &RunRow, ids: &[i64]) -> Result<(Vec<Field>, HashMap<i64, Profile>), Error> {
    let undo = row.run.kind() == RunKind::Undo;
    let Some(bridge_id) = row.run.bridge_id.or((undo || row.run.upload_id.is_some()).then_some(SOURCE)) else {
        return Ok((Vec::new(), HashMap::new()));
    };
    let fields = fields::list(app.db.read(), bridge_id).await?;
    let profiles = people::profiles(&app.db, bridge_id, &fields, ids).await?;
    Ok((fields, profiles))
}

/// Reviews people whom a run changed, by internal id; those who were erased since are left out.
pub async fn of_changes(app: &App, row: &RunRow, ids: &[i64]) -> Result<Vec<(i64, Reviewed)>, Error> {
    let found = changes::review(app.db.read(), row.run.id, row.run.group_id.unwrap_or(0), ids).await?;
    let (fields, mut profiles) = today(app, row, ids).await?;
    let people = found.iter().map(|r| Some(r.person.clone())).collect();
    let pairs = found.iter().map(|r| sides(r, row, profiles.remove(&r.person.id).unwrap_or_default())).collect();
    let numbers: Vec<i64> = found.iter().map(|r| r.person.id).collect();
    Ok(numbers.into_iter().zip(finish(app, &fields, pairs, people).await?).collect())
}

/// Reviews the people of a plan, one a note and in its order.
pub async fn of_plan(app: &App, row: &RunRow, notes: &[NoteRow]) -> Result<Vec<Reviewed>, Error> {
    let ids: Vec<i64> = notes.iter().filter_map(|n| n.subscriber_id).collect();
    let found = changes::review(app.db.read(), row.run.id, row.run.group_id.unwrap_or(0), &ids).await?;
    let (fields, profiles) = today(app, row, &ids).await?;
    let by: HashMap<i64, Review> = found.into_iter().map(|r| (r.person.id, r)).collect();
    let known = |n: &NoteRow| n.subscriber_id.and_then(|id| by.get(&id));
    let pairs = notes.iter().map(|n| {
        let now = n.subscriber_id.and_then(|id| profiles.get(&id)).cloned().unwrap_or_default();
        planned(n, known(n), row, now)
    });
    let people = notes.iter().map(|n| known(n).map(|r| r.person.clone())).collect();
    finish(app, &fields, pairs.collect(), people).await
}

/// What differs between two states of a record: address and values of the fields that the remote still offers.
pub fn compare(fields: &[Field], before: (&str, &Profile), after: (&str, &Profile)) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |label: &str, before: String, after: String| {
        if before != after {
            found.push(Difference { label: label.to_owned(), before, after });
        }
    };
    add("Address", before.0.to_owned(), after.0.to_owned());
    for f in fields.iter().filter(|f| f.gone_at.is_none()) {
        add(f.title(), value(before.1.get(&f.number), &f.kind), value(after.1.get(&f.number), &f.kind));
    }
    found
}
