//! What runs did to one person: joined, left, changed with what stood there before and then, said no, said yes.

use rialto_store::fields::Field;
use rialto_store::views::history::{self, Event};
use rialto_store::views::members::Member;
use rialto_store::views::people::{self, Profile};
use rialto_store::views::runs;

use super::links;
use super::run_review::{Difference, compare};
use super::shell::Reader;
use super::text::When;
use crate::error::Error;

/// Most lines on the page.
const MOST: usize = 60;

pub struct Moment {
    pub at: When,
    pub what: String,
    pub run: Option<String>,
    pub differences: Vec<Difference>,
    /// Orders lines: the run, then what it did.
    order: (i64, u8),
}

/// Newest first; and whether there is more than the page shows.
pub async fn read(
    reader: &Reader,
    person: &Member,
    created_run: i64,
    fields: &[Field],
    now: &Profile,
) -> Result<(Vec<Moment>, bool), Error> {
    let db = &reader.app.db;
    let found = history::of(db.read(), person, i64::MAX).await?;
    let mut moments: Vec<Moment> = Vec::new();
    moments.extend(found.members.iter().map(|e| moment(reader, e, membership(e), 2)));
    moments.extend(found.flags.iter().map(|e| moment(reader, e, flag(e), 1)));
    moments.extend(values(reader, &found.values, person, fields, now));
    if let Some(at) = runs::created_at(db.read(), created_run).await? {
        moments.push(Moment {
            at: reader.here().when(person.created_at),
            what: "Came to Rialto".into(),
            run: Some(links::run(at, created_run)),
            differences: Vec::new(),
            order: (created_run, 0),
        });
    }
    moments.sort_by_key(|m| std::cmp::Reverse(m.order));
    let more = moments.len() > MOST;
    moments.truncate(MOST);
    Ok((moments, more))
}

fn moment(reader: &Reader, e: &Event, what: String, order: u8) -> Moment {
    Moment {
        at: reader.here().when(e.at),
        what,
        run: Some(links::run(e.run_created_at, e.run_id)),
        differences: Vec::new(),
        order: (e.run_id, order),
    }
}

fn membership(e: &Event) -> String {
    let group = if e.group_name.is_empty() { "a target group" } else { &e.group_name };
    match e.op {
        1 => format!("Joined {group}"),
        2 => format!("Left {group}"),
        3 => format!("Would have left {group}; a person decided or still decides"),
        _ => format!("Was seen in {group} again, so stays"),
    }
}

fn flag(e: &Event) -> String {
    match e.op {
        1 => "The remote system said no to mail".into(),
        2 => "The remote system said yes to mail again".into(),
        _ => "The remote system says yes to mail again; that waits for a decision".into(),
    }
}

/// Each change holds the whole record as it stood before; what stood there then is what the next newer one found.
fn values(reader: &Reader, found: &[Event], person: &Member, fields: &[Field], now: &Profile) -> Vec<Moment> {
    let (mut address, mut profile) = (person.address.clone(), now.clone());
    let mut moments = Vec::new();
    for e in found {
        let Ok(kept) = serde_json::from_str::<serde_json::Value>(&e.before_values) else { continue };
        let before_address = kept["address"].as_str().unwrap_or_default().to_owned();
        let before = kept["profile"].as_object().cloned().map(people::profile_of).unwrap_or_default();
        let differences = compare(fields, (&before_address, &before), (&address, &profile));
        let what = if differences.is_empty() { "Was written anew".to_owned() } else { "Changed".to_owned() };
        moments.push(Moment { differences, ..moment(reader, e, what, 3) });
        (address, profile) = (before_address, before);
    }
    moments
}
