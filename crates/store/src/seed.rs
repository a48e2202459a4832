//! Sample data of any size, for measuring pages and trying things out: people, target groups, memberships and the runs of years.
//! Written in bulk; refused where people are already.

use rialto_core::consent::Flag;
use rialto_core::fields::{Cell, FieldType};
use rialto_core::person::{FieldSpec, RemotePerson, map};
use rialto_core::{Counts, Instant};

use crate::args;
use crate::audit::{self, Actor};
use crate::db::Db;
use crate::error::StoreError;
use crate::fields::{self, Offered};
use crate::groups::{self, Described, Group};
use crate::ids;
use crate::people::{self, Bound, insert_rows};
use crate::sql::{sql, statements};
use crate::waterfall::{self, Basis};

statements! {
    FILLED = sql!("UPDATE target_group SET applied_run = $2, members = $3, synced_run = $2, synced_at = $4, data_as_of = $4, folder = $5
        WHERE id = $1");
    ANALYZE = sql!("ANALYZE");
}

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub people: i64,
    pub groups: i64,
    pub runs: i64,
}

/// Rows written in one transaction.
const SLICE: i64 = 10_000;
const DAY: i64 = 86_400;
const FIRST: [&str; 24] = [
    "Ann", "Ben", "Carla", "David", "Ella", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Kofi", "Lena", "Mara", "Nils", "Olga", "Paul",
    "Quinn", "Rosa", "Sami", "Tara", "Umut", "Vera", "Wim", "Yara",
];
const LAST: [&str; 25] = [
    "Adams", "Baker", "Castro", "Diaz", "Egger", "Fischer", "Garcia", "Huber", "Ivanova", "Jansen", "Keller", "Lopez", "Moser", "Novak",
    "Okafor", "Patel", "Quist", "Rossi", "Silva", "Tanaka", "Ulrich", "Vogel", "Weber", "Young", "Ziegler",
];
const CITIES: [&str; 8] = ["Vienna", "Lagos", "Boston", "Porto", "Osaka", "Lima", "Oslo", "Pune"];
const FREQUENCIES: [&str; 4] = ["DAILY", "WEEKLY", "MONTHLY", "ALWAYS"];
const FOLDERS: [&str; 5] = ["", "Events", "Events/Annual meeting", "Chapters", "Newsletters"];

/// Fills an empty database for a bridge. `said` hears what is being written. `Conflict` where there are people.
pub async fn fill(db: &Db, bridge_id: i64, size: Size, who: &Actor, said: impl Fn(&str)) -> Result<(), StoreError> {
    if people::last_id(db.read()).await? > 0 {
        return Err(StoreError::Conflict("There are people in this database already; sample data goes into an empty one.".into()));
    }
    let specs = fields_of(db, bridge_id, who).await?;
    said("people");
    for (first, last) in slices(size.people) {
        write_people(db, bridge_id, &specs, first, last, who.at).await?;
    }
    said("target groups");
    let groups = make_groups(db, bridge_id, size, who.at).await?;
    said("runs");
    for (first, last) in slices(size.runs) {
        write_runs(db, bridge_id, &groups, size, (first, last), who.at).await?;
    }
    said("members");
    for (at, group) in groups.iter().enumerate() {
        fill_group(db, group, at as i64, size, who.at).await?;
    }
    finish(db, bridge_id, size, who).await?;
    said("counts");
    count(db, &groups, who.at).await
}

/// 1 to `count` in stretches of at most `SLICE`.
fn slices(count: i64) -> impl Iterator<Item = (i64, i64)> {
    (0..count).step_by(SLICE as usize).map(move |before| (before + 1, (before + SLICE).min(count)))
}

async fn fields_of(db: &Db, bridge_id: i64, who: &Actor) -> Result<Vec<FieldSpec>, StoreError> {
    let offered = [
        ("FIRST_NAME", "First name", FieldType::Text),
        ("LAST_NAME", "Last name", FieldType::Text),
        ("CITY", "City", FieldType::Text),
        ("MEMBER_NUMBER", "Member number", FieldType::Integer),
        ("MEMBER_FLAG", "Member", FieldType::Boolean),
    ]
    .map(|(name, label, kind)| Offered { name: name.into(), label: label.into(), kind, length: Some(100) });
    let mut tx = db.write().await?;
    let specs = fields::mirror(&mut tx, bridge_id, &offered, who.at).await?;
    tx.commit().await?;
    Ok(specs)
}

/// The person with a number: invented names, every 50th without an address, every 30th with a shared one, every 12th silent.
fn person(n: i64) -> RemotePerson {
    let at = |list: &[&'static str], by: i64| list[(n / by) as usize % list.len()];
    let (first, last) = (at(&FIRST, 1), at(&LAST, 24));
    let address = match n {
        n if n % 50 == 0 => None,
        n if n % 30 == 0 => Some(format!("family{}@home.example", n / 60)),
        n => Some(format!("{}.{}{n}@mail.example", first.to_lowercase(), last.to_lowercase())),
    };
    let text = |t: &str| Cell::Text(t.to_owned());
    let cells = vec![text(first), text(last), text(at(&CITIES, 7)), Cell::Text(n.to_string()), text(if n % 3 == 0 { "N" } else { "Y" })];
    RemotePerson { remote_id: Some(format!("{n:012}-0")), address, flag: if n % 12 == 0 { Flag::No } else { Flag::Yes }, cells }
}

async fn write_people(db: &Db, bridge_id: i64, specs: &[FieldSpec], first: i64, last: i64, now: Instant) -> Result<(), StoreError> {
    let mapped = |n| map(person(n), specs).map_err(|e| StoreError::Corrupt(e.to_string()));
    let rows = (first..=last).map(|n| Ok((n, mapped(n)?))).collect::<Result<Vec<_>, StoreError>>()?;
    let cells: Vec<Bound<'_>> =
        rows.iter().flat_map(|(n, row)| people::person_cells(*n, row, bridge_id, 1, row.flag == Flag::No, now)).collect();
    let profiles: Vec<Bound<'_>> = rows.iter().flat_map(|(n, row)| people::profile_cells(*n, row)).collect();
    let mut tx = db.write().await?;
    insert_rows(&mut tx, "subscriber", &people::COLUMNS.map(str::to_owned), &cells).await?;
    insert_rows(&mut tx, &fields::table(bridge_id), &people::profile_columns(specs), &profiles).await?;
    ids::take(&mut tx, "subscriber", last - first + 1).await?;
    tx.commit().await
}

/// Members of the group at a place: everybody in the first, every so many-th person in the others.
fn members(at: i64, people: i64) -> impl Iterator<Item = i64> {
    let step = if at == 0 { 1 } else { 97 + at % 400 };
    (1 + at % step..=people).step_by(step as usize)
}

async fn make_groups(db: &Db, bridge_id: i64, size: Size, now: Instant) -> Result<Vec<Group>, StoreError> {
    let described: Vec<Described> = (0..size.groups)
        .map(|at| Described {
            code: format!("SAMPLE_{at:04}"),
            name: if at == 0 { "Everybody".into() } else { format!("{} list {at}", CITIES[at as usize % CITIES.len()]) },
            description: String::new(),
            active: true,
            regeneration: FREQUENCIES[at as usize % FREQUENCIES.len()].into(),
            members: Some(members(at, size.people).count() as i64),
            refreshed_at: Some(now.plus_seconds(-3_600 * (1 + at % 60))),
            modified_at: Some(now.plus_seconds(-DAY * (at % 300))),
        })
        .collect();
    let mut tx = db.write().await?;
    groups::mirror(&mut tx, bridge_id, "", &described, false, now).await?;
    tx.commit().await?;
    groups::of_bridge(db.read(), bridge_id).await
}

/// Runs of three years, the newest last; each group's in turn.
async fn write_runs(db: &Db, bridge_id: i64, groups: &[Group], size: Size, span: (i64, i64), now: Instant) -> Result<(), StoreError> {
    const COLUMNS: [&str; 16] = [
        "id",
        "created_at",
        "kind",
        "run_trigger",
        "actor",
        "bridge_id",
        "group_id",
        "subject",
        "state",
        "started_at",
        "finished_at",
        "applied_at",
        "announced",
        "progress",
        "counts",
        "reason",
    ];
    let triggers = ["overnight", "resync", "login", "api"];
    let rows: Vec<_> = (span.0..=span.1)
        .map(|n| {
            let at = (n - 1) % (groups.len().max(1) as i64);
            let began = now.plus_seconds(-(size.runs - n) * (3 * 365 * DAY / size.runs.max(1)) - 60);
            let read = members(at, size.people).count() as i64;
            let counts = Counts {
                read,
                unchanged: read - read / 100,
                updated: read / 100,
                members_before: read,
                members_after: read,
                ..Counts::default()
            };
            (n, at, began, read, format!("g{}", groups.get(at as usize).map_or(0, |g| g.id)), serde_json::json!(counts).to_string())
        })
        .collect();
    let cells: Vec<Bound<'_>> = rows
        .iter()
        .flat_map(|(n, at, began, read, subject, counts)| {
            [
                Bound::Int(*n),
                Bound::Int(began.0),
                Bound::Text("people"),
                Bound::Text(triggers[*n as usize % triggers.len()]),
                Bound::Text("sample data"),
                Bound::Int(bridge_id),
                Bound::Int(groups.get(*at as usize).map_or(0, |g| g.id)),
                Bound::Text(subject),
                Bound::Text("succeeded"),
                Bound::Int(began.0),
                Bound::Int(began.0 + 4_000_000),
                Bound::Int(began.0 + 4_000_000),
                Bound::Int(*read),
                Bound::Int(*read),
                Bound::Text(counts),
                Bound::Text("0 joined, 0 left."),
            ]
        })
        .collect();
    let mut tx = db.write().await?;
    insert_rows(&mut tx, "sync_run", &COLUMNS.map(str::to_owned), &cells).await?;
    ids::take(&mut tx, "sync_run", span.1 - span.0 + 1).await?;
    tx.commit().await
}

/// Members, and the change rows by which the group's last run let them in.
async fn fill_group(db: &Db, group: &Group, at: i64, size: Size, now: Instant) -> Result<(), StoreError> {
    let run = (1..=size.runs).rev().find(|n| (n - 1) % size.groups == at).unwrap_or(0);
    let ids: Vec<i64> = members(at, size.people).collect();
    for some in ids.chunks(SLICE as usize) {
        let cells: Vec<Bound<'_>> = some.iter().flat_map(|id| [Bound::Int(group.id), Bound::Int(*id)]).collect();
        let changes: Vec<Bound<'_>> = some.iter().flat_map(|id| [Bound::Int(run), Bound::Int(*id), Bound::Int(1)]).collect();
        let mut tx = db.write().await?;
        insert_rows(&mut tx, "membership", &["group_id", "subscriber_id"].map(str::to_owned), &cells).await?;
        insert_rows(&mut tx, "membership_change", &["run_id", "subscriber_id", "op"].map(str::to_owned), &changes).await?;
        tx.commit().await?;
    }
    let mut tx = db.write().await?;
    let folder = FOLDERS[at as usize % FOLDERS.len()];
    tx.run(FILLED, args![group.id, run, ids.len() as i64, now.plus_seconds(-600 * (at % 200)), folder]).await?;
    tx.commit().await
}

async fn finish(db: &Db, bridge_id: i64, size: Size, who: &Actor) -> Result<(), StoreError> {
    people::recount(db, true).await?;
    let mut tx = db.write().await?;
    tx.run(ANALYZE, args![]).await?;
    let detail = serde_json::json!({"people": size.people, "groups": size.groups, "runs": size.runs});
    audit::write(&mut tx, who, "sample_data", "bridge", Some(bridge_id), detail).await?;
    tx.commit().await
}

async fn count(db: &Db, made: &[Group], now: Instant) -> Result<(), StoreError> {
    for group in made {
        let Some(group) = groups::get(db.read(), group.id).await? else { continue };
        let basis = Basis::now(db, group.applied_run).await?;
        let read = Counts { read: group.members, ..Counts::default() };
        let counted = waterfall::compute(db, group.id, group.members, read).await?;
        let mut tx = db.write().await?;
        groups::set_waterfall(&mut tx, group.id, &counted, basis, now).await?;
        tx.commit().await?;
    }
    Ok(())
}
