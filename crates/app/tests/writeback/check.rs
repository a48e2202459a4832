//! What must be true when all faults are over and nothing is left to do (`reliability.md`, invariants I1, I2, I4, I8 to I10, I12, I13).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rialto_core::Instant;
use rialto_core::ids::{Kind, PublicId};
use rialto_core::writeback::{find_marker, marker};
use rialto_sandbox::Sandbox;
use rialto_store::writebacks::{self, Try, Writeback};
use rialto_store::{Db, args};

use crate::clients::{Act, Heard, History};
use crate::house::{House, Person};

/// Longest wait until nothing is left to send.
const DRAIN: Duration = Duration::from_secs(90);

/// What happened to writebacks on their way, for tests that must have met their fault.
#[derive(Debug, Default)]
pub struct Seen {
    pub writebacks: usize,
    /// Tries whose worker did not come back.
    pub lost: usize,
    pub errors: usize,
    /// Tries that found the mark of an earlier one.
    pub found_there: usize,
    pub doubled: usize,
    /// Different workers that brought something to its end.
    pub workers: usize,
}

/// Takes the faults away and waits until everything is sent. What ended in Error after its third try is asked for as a person would.
pub async fn drain(house: &House, port: u16) {
    house.sandbox().clear_faults();
    let until = tokio::time::Instant::now() + DRAIN;
    let db = house.db().await;
    loop {
        let open: Vec<(String, bool, i64)> = db
            .read()
            .all("SELECT state, next_at IS NULL, COUNT(*) FROM writeback WHERE ended_at IS NULL GROUP BY 1, 2", args![])
            .await
            .unwrap();
        if open.is_empty() {
            break;
        }
        assert!(tokio::time::Instant::now() < until, "{}: still open: {open:?}\n{}", house.name, house.last_lines());
        if open.iter().any(|(state, waits, _)| state == "error" && *waits) {
            house.retry_all().await;
        }
        assert!(house.run_now(port).await, "{}: {}", house.name, house.last_lines());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    db.close().await;
}

/// Compares history, books and remote.
pub async fn all(house: &House, people: &[Person], history: &History) -> Seen {
    with_late(house, people, history, false).await
}

/// The same; with `late`, a no that was never answered may have been carried out at any time after it was asked for.
pub async fn with_late(house: &House, people: &[Person], history: &History, late: bool) -> Seen {
    let db = house.db().await;
    let truth = Truth::read(house, &db).await;
    for person in people {
        let asked: Vec<(Act, bool)> = history.iter().filter(|a| a.person == person.id).map(|a| (a.act, a.heard == Heard::Done)).collect();
        let entries = truth.entries.get(&person.id).cloned().unwrap_or_default();
        let acts: Vec<Act> = entries.iter().map(|(_, act)| *act).collect();
        assert!(
            explains(&asked, &acts, late),
            "{}: the ledger of person {} has {acts:?}\n{}",
            house.name,
            person.id,
            told(history, person)
        );
        one_person(house, &truth, person, &entries);
    }
    let known: BTreeSet<i64> = people.iter().map(|p| p.id).collect();
    assert!(truth.rows.iter().all(|w| known.contains(&w.subscriber_id)), "{}: a writeback of somebody who did nothing", house.name);
    let counts = writebacks::counts(db.read(), 0).await.unwrap();
    let counted: i64 = counts.iter().map(|(.., n)| n).sum();
    let after: Vec<Writeback> =
        db.read().all("SELECT * FROM writeback WHERE id > $1", args![truth.rows.last().map_or(0, |w| w.id)]).await.unwrap();
    assert_eq!(counted, truth.rows.len() as i64, "{}: the counts add up: {counts:?}; queued meanwhile: {after:?}", house.name);
    let seen = tries(house, &db, &truth).await;
    db.close().await;
    seen
}

/// What a person asked for, and when, and what they heard.
fn told(history: &History, person: &Person) -> String {
    let lines = history
        .iter()
        .filter(|a| a.person == person.id)
        .map(|a| format!("{:>9.1?} {:?} {:?} after {:.1?}\n", a.at, a.act, a.heard, a.took));
    lines.collect()
}

struct Truth {
    rows: Vec<Writeback>,
    /// By person, in order: ledger id and what it says.
    entries: BTreeMap<i64, Vec<(i64, Act)>>,
    audited: BTreeMap<i64, i64>,
    open: BTreeSet<i64>,
}

impl Truth {
    async fn read(house: &House, db: &Db) -> Self {
        let rows: Vec<Writeback> = db.read().all("SELECT * FROM writeback ORDER BY id", args![]).await.unwrap();
        let text = "SELECT id, subscriber_id, act, cause, actor FROM consent_ledger WHERE cause <> 'remote_flag' ORDER BY id";
        let ledger: Vec<(i64, i64, String, String, String)> = db.read().all(text, args![]).await.unwrap();
        let mut entries: BTreeMap<i64, Vec<(i64, Act)>> = BTreeMap::new();
        for (id, person, act, cause, actor) in ledger {
            assert_eq!((cause.as_str(), actor.as_str()), ("own_unsubscribe", "person:link"), "{}", house.name);
            let act = if act == "open" { Act::Unsubscribe } else { Act::Resubscribe };
            entries.entry(person).or_default().push((id, act));
        }
        let text = "SELECT object_id, COUNT(*) FROM audit WHERE actor = 'person:link' GROUP BY object_id";
        let audited: Vec<(i64, i64)> = db.read().all(text, args![]).await.unwrap();
        let text = "SELECT DISTINCT subscriber_id FROM suppression WHERE cause = 'own_unsubscribe' AND subscriber_id <> 0";
        let open: Vec<(i64,)> = db.read().all(text, args![]).await.unwrap();
        Self { rows, entries, audited: audited.into_iter().collect(), open: open.into_iter().map(|(id,)| id).collect() }
    }
}

/// Whether the acts in the ledger can have come from what was asked: what was acknowledged is there unless it was so already, and what
/// was not acknowledged is there or not; a no of these with `late` also later.
fn explains(asked: &[(Act, bool)], entries: &[Act], late: bool) -> bool {
    // How many entries are explained, and how many late noes may still come.
    let mut reached = BTreeSet::from([(0_usize, 0_usize)]);
    for (act, acknowledged) in asked {
        let mut next = BTreeSet::new();
        for (at, waiting) in with_the_late(&reached, entries) {
            let stands = at.checked_sub(1).map_or(Act::Resubscribe, |last| entries[last]);
            if stands != *act && entries.get(at) == Some(act) {
                next.insert((at + 1, waiting));
            }
            if stands == *act || !acknowledged {
                next.insert((at, waiting));
            }
            if late && !acknowledged && *act == Act::Unsubscribe {
                next.insert((at, waiting + 1));
            }
        }
        reached = next;
    }
    with_the_late(&reached, entries).iter().any(|(at, _)| *at == entries.len())
}

fn with_the_late(reached: &BTreeSet<(usize, usize)>, entries: &[Act]) -> BTreeSet<(usize, usize)> {
    let comes = |(at, waiting): &(usize, usize)| {
        let said_yes = *at == 0 || entries[at - 1] == Act::Resubscribe;
        (*waiting > 0 && said_yes && entries.get(*at) == Some(&Act::Unsubscribe)).then(|| (at + 1, waiting - 1))
    };
    reached.iter().copied().chain(reached.iter().filter_map(comes)).collect()
}

/// Each ledger entry has one writeback, and the remote shows them in order, the last one as its flag.
fn one_person(house: &House, truth: &Truth, person: &Person, entries: &[(i64, Act)]) {
    let context = format!("{}: person {} ({})", house.name, person.id, person.remote_id);
    let kind = |act: &Act| if *act == Act::Unsubscribe { "unsubscribe" } else { "resubscribe" };
    let rows: Vec<&Writeback> = truth.rows.iter().filter(|w| w.subscriber_id == person.id).collect();
    let told: Vec<(i64, &str)> = rows.iter().map(|w| (w.cause, w.kind.as_str())).collect();
    let caused: Vec<(i64, &str)> = entries.iter().map(|(id, act)| (*id, kind(act))).collect();
    assert_eq!(told, caused, "{context}: every cause has its writeback, and the other way round");
    assert_eq!(truth.audited.get(&person.id).copied().unwrap_or_default(), entries.len() as i64, "{context}: audit rows");
    let no = entries.last().is_some_and(|(_, act)| *act == Act::Unsubscribe);
    assert_eq!(truth.open.contains(&person.id), no, "{context}: what stands is what was asked last");
    assert!(rows.iter().all(|w| w.state == "sent"), "{context}: {rows:?}");
    let (master, sub) = Sandbox::split_remote_id(&person.remote_id).unwrap();
    let there: Vec<usize> = house
        .sandbox()
        .activities(&master, sub)
        .iter()
        .map(|a| {
            let mark = find_marker(&a.text).unwrap_or_else(|| panic!("{context}: an activity without a mark"));
            rows.iter().position(|w| self::mark(w) == mark).unwrap_or_else(|| panic!("{context}: {mark} is nobody's"))
        })
        .collect();
    assert!(there.is_sorted(), "{context}: out of order: {there:?}");
    let different: BTreeSet<&usize> = there.iter().collect();
    assert_eq!(different.len(), rows.len(), "{context}: every Sent has its effect: {there:?}");
    let allows = house.sandbox().person(&master, sub).unwrap().allow_email;
    assert_eq!(allows, !no, "{context}: Allow Email says what was asked last");
}

/// What the tries of a writeback say agrees with its row and with the remote.
async fn tries(house: &House, db: &Db, truth: &Truth) -> Seen {
    let mut marks: BTreeMap<String, usize> = BTreeMap::new();
    for marked in house.sandbox().marked() {
        *marks.entry(marked.marker).or_default() += marked.activities.len();
    }
    let mut seen = Seen { writebacks: truth.rows.len(), ..Seen::default() };
    let mut workers = BTreeSet::new();
    for w in &truth.rows {
        let context = format!("{}: {w:?}", house.name);
        let all: Vec<Try> = writebacks::tries(db.read(), w.id).await.unwrap();
        let of = |outcome: &str| all.iter().filter(|t| t.outcome == outcome).count();
        assert_eq!(all.len(), of("sent") + of("found_there") + of("lost") + of("error"), "{context}: {all:?}");
        assert_eq!(all.len() as i64, w.tries, "{context}: {all:?}");
        assert_eq!(of("sent") + of("found_there"), 1, "{context}: Sent once: {all:?}");
        assert!(matches!(all[0].outcome.as_str(), "sent" | "found_there"), "{context}: nothing after Sent: {all:?}");
        assert!(all[0].number <= w.fence, "{context}: {all:?}");
        // One more than its own for each request that was open when its worker ended.
        let there = marks[&mark(w)];
        assert!(there <= 1 + of("lost"), "{context}: {there} marks: {all:?}");
        assert!(there == 1 || w.maybe_there, "{context}: twice there, and not flagged");
        seen.lost += of("lost");
        seen.errors += of("error");
        seen.found_there += of("found_there");
        seen.doubled += there - 1;
        workers.insert(all[0].worker.clone());
    }
    seen.workers = workers.len();
    seen
}

fn mark(w: &Writeback) -> String {
    marker(PublicId::new(Kind::Writeback, Instant(w.created_at), w.id))
}

#[test]
fn a_history_is_told_from_one_that_cannot_be() {
    use Act::{Resubscribe as Yes, Unsubscribe as No};
    let strictly = |asked: &[(Act, bool)], entries: &[Act]| explains(asked, entries, false);
    assert!(strictly(&[(No, true), (No, true), (Yes, true)], &[No, Yes]));
    assert!(strictly(&[(No, false), (Yes, true)], &[No, Yes]) && strictly(&[(No, false), (Yes, true)], &[]));
    assert!(!strictly(&[(No, true)], &[]), "lost");
    assert!(!strictly(&[(No, false), (Yes, true)], &[No]), "the acknowledged one is lost");
    assert!(!strictly(&[(No, true)], &[No, Yes]), "nobody asked for it");
    assert!(!strictly(&[(No, true), (Yes, true), (No, true)], &[No, No]), "out of order");
    let asked = [(No, false), (No, true), (Yes, true)];
    assert!(!strictly(&asked, &[No, Yes, No]) && explains(&asked, &[No, Yes, No], true), "a late no");
    assert!(!explains(&[(No, true), (Yes, false), (No, true)], &[No, Yes, No, Yes], true), "a late yes");
}
