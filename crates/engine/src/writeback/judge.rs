//! What one person's writebacks and what the remote shows say about each other: no I/O.

use std::collections::BTreeMap;

use rialto_connectors::Shown;
use rialto_core::Instant;
use rialto_core::consent::Flag;
use rialto_core::ids::{Kind, PublicId};
use rialto_core::writeback::{WritebackKind, marker};
use rialto_store::reconcile::{Found, Past, Person, Subject};

/// Most marks of no writeback that are listed for one person.
const MOST_UNEXPECTED: usize = 20;

/// What differs. `past`: all writebacks of the person at this bridge, by id. `None`: the remote does not have the person any more.
pub(super) fn judge(person: &Person, past: &[&Past], shown: &Shown) -> Option<Vec<Found>> {
    let flag = shown.flag?;
    let mut there: BTreeMap<&str, usize> = BTreeMap::new();
    for mark in &shown.markers {
        *there.entry(mark).or_default() += 1;
    }
    // What is open may have arrived without us knowing; what was cancelled may have arrived before.
    let mut latest: BTreeMap<Subject, i64> = BTreeMap::new();
    for p in past.iter().filter(|p| p.state != "cancelled") {
        latest.extend(p.subject().map(|subject| (subject, p.id)));
    }
    let mut found = Vec::new();
    // A persona leaves a row and no mark (docs/adr/0116).
    for p in past.iter().filter(|p| p.subject() != Some(Subject::Persona)) {
        let times = there.remove(mark(p).as_str()).unwrap_or(0);
        let repairable = latest.values().any(|id| *id == p.id);
        let label = WritebackKind::from_name(&p.kind).map_or("", WritebackKind::label);
        // What the remote fetched it did in its own way: a mark is asked for and not promised (docs/adr/0125).
        if p.state == "sent" && times == 0 && !p.fetched() {
            let more = if repairable { "" } else { " A later one has taken its place." };
            found.push(finding(person, "missing", p.id, format!("{label}: its activity is not there any more.{more}"), repairable));
        } else if times > 1 {
            found.push(finding(person, "doubled", p.id, format!("{label}: its activity stands there {times} times."), false));
        }
    }
    for mark in there.keys().take(MOST_UNEXPECTED) {
        found.push(finding(
            person,
            "unexpected",
            0,
            format!("An activity bears the mark {mark}, which is of no writeback of theirs."),
            false,
        ));
    }
    found.extend(latest.get(&Subject::Consent).and_then(|id| past.iter().find(|p| p.id == *id)).and_then(|p| of_flag(person, p, flag)));
    Some(found)
}

/// Whether the flag is what the latest decision about consent left there.
fn of_flag(person: &Person, last: &Past, flag: Flag) -> Option<Found> {
    if last.state != "sent" {
        return None;
    }
    match (WritebackKind::from_name(&last.kind)?, flag) {
        (WritebackKind::Unsubscribe, Flag::Yes) if person.own_no => {
            let detail = "The remote allows mail although the person's no was delivered and stands.";
            Some(finding(person, "flag", last.id, detail.into(), true))
        }
        // The remote may say no at any time, and a sync brings it over: until then the two differ.
        (WritebackKind::Resubscribe, Flag::No) if person.delivered == Some(Flag::Yes) && !person.remote_no && !person.own_no => {
            let detail = "The remote says no since the yes was delivered; the next sync of their list brings it over.";
            Some(finding(person, "flag", last.id, detail.into(), false))
        }
        _ => None,
    }
}

fn finding(person: &Person, kind: &'static str, writeback_id: i64, detail: String, repairable: bool) -> Found {
    Found { subscriber_id: person.id, kind, writeback_id, detail, repairable }
}

fn mark(p: &Past) -> String {
    marker(PublicId::new(Kind::Writeback, Instant(p.created_at), p.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(id: i64, kind: &str, state: &str) -> Past {
        Past {
            id,
            created_at: 1_767_600_000_000_000,
            subscriber_id: 1,
            kind: kind.into(),
            state: state.into(),
            worker: "w-out".into(),
            message: String::new(),
        }
    }

    fn judged(person: (Option<Flag>, bool, bool), past: &[Past], flag: Flag, marks: &[&Past]) -> Vec<(&'static str, i64, bool)> {
        let person = Person { id: 1, remote_id: "1-0".into(), delivered: person.0, remote_no: person.1, own_no: person.2 };
        let shown = Shown { flag: Some(flag), markers: marks.iter().map(|p| mark(p)).collect() };
        let past: Vec<&Past> = past.iter().collect();
        judge(&person, &past, &shown).unwrap().into_iter().map(|f| (f.kind, f.writeback_id, f.repairable)).collect()
    }

    #[test]
    fn what_agrees_is_no_finding() {
        let (no, open) = (past(1, "unsubscribe", "sent"), past(2, "interests", "error"));
        let all = [no.clone(), open.clone()];
        assert_eq!(judged((Some(Flag::No), false, true), &all, Flag::No, &[&no]), []);
        // Arrived without being recorded: the next try finds it.
        assert_eq!(judged((Some(Flag::No), false, true), &all, Flag::No, &[&no, &open]), []);
    }

    #[test]
    fn what_the_remote_fetched_needs_no_mark_but_holds_all_the_same() {
        let fetched = Past { worker: "poll-0f".into(), ..past(1, "unsubscribe", "sent") };
        let one = std::slice::from_ref(&fetched);
        assert_eq!(judged((Some(Flag::No), false, true), one, Flag::No, &[]), []);
        assert_eq!(judged((Some(Flag::No), false, true), one, Flag::No, &[&fetched, &fetched]), [("doubled", 1, false)]);
        assert_eq!(judged((Some(Flag::No), false, true), one, Flag::Yes, &[]), [("flag", 1, true)], "it was acknowledged and is not so");
    }

    #[test]
    fn only_the_latest_of_a_subject_is_repaired() {
        let all = [past(1, "unsubscribe", "sent"), past(2, "resubscribe", "sent"), past(3, "invalid_email", "sent")];
        let found = judged((Some(Flag::Yes), false, false), &all, Flag::Yes, &[]);
        assert_eq!(found, [("missing", 1, false), ("missing", 2, true), ("missing", 3, true)]);
        // A later decision is on its way.
        let all = [past(1, "unsubscribe", "sent"), past(2, "resubscribe", "new")];
        assert_eq!(judged((Some(Flag::No), false, false), &all, Flag::No, &[]), [("missing", 1, false)]);
    }

    #[test]
    fn a_yes_over_a_standing_no_is_drift_and_a_no_over_a_yes_is_told() {
        let no = past(1, "unsubscribe", "sent");
        assert_eq!(judged((None, false, true), std::slice::from_ref(&no), Flag::Yes, &[&no]), [("flag", 1, true)]);
        assert_eq!(judged((None, false, false), std::slice::from_ref(&no), Flag::Yes, &[&no]), []);
        let yes = past(2, "resubscribe", "sent");
        assert_eq!(judged((Some(Flag::Yes), false, false), std::slice::from_ref(&yes), Flag::No, &[&yes]), [("flag", 2, false)]);
        assert_eq!(judged((Some(Flag::Yes), true, false), std::slice::from_ref(&yes), Flag::No, &[&yes]), []);
    }

    #[test]
    fn marks_of_nothing_and_doubled_ones_are_listed() {
        let (no, other) = (past(1, "unsubscribe", "sent"), past(9, "unsubscribe", "sent"));
        let found = judged((Some(Flag::No), false, true), std::slice::from_ref(&no), Flag::No, &[&no, &no, &other]);
        assert_eq!(found, [("doubled", 1, false), ("unexpected", 0, false)]);
    }
}
