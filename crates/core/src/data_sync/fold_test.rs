use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{From, Pair, Target, Wanted};
use super::*;
use crate::audience::{FieldType, Seen, Sent, Stored};
use crate::event::{EventKind, Field, Section};

fn matching() -> Matching {
    let target = |number, name: &str, kind| Target { number, name: name.into(), kind, length: Some(6), retired: false };
    let targets = [target(1, "ID", FieldType::Text), target(2, "Tier", FieldType::Text), target(3, "Points", FieldType::Integer)];
    let pairs = [("profileAltId", 1), ("attributes.tier", 2), ("metrics.points", 3)];
    let pairs: Vec<Pair> = pairs.iter().map(|(from, to)| Pair { from: from.parse::<From>().unwrap(), to: *to }).collect();
    Matching::new(Wanted { pairs: &pairs, targets: &targets, key: 1, link: None }, |_| Seen::default()).unwrap()
}

fn event(subject: &str, version: u64, tier: Option<&str>, points: Option<i64>) -> ProfileEvent {
    let field = |section, name: &str, value| Field { section, name: name.into(), value };
    let tier = tier.map(|t| field(Section::Attributes, "tier", Sent::Text(t.into())));
    let points = points.map(|n| field(Section::Metrics, "points", Sent::Integer(n)));
    ProfileEvent {
        id: format!("{subject}-{version}"),
        source: "/l".into(),
        subject: subject.into(),
        kind: EventKind::Upserted,
        version: Version(version),
        time: None,
        fields: tier.into_iter().chain(points).collect(),
    }
}

fn delete(subject: &str, version: u64) -> ProfileEvent {
    ProfileEvent { kind: EventKind::Deleted, fields: Vec::new(), ..event(subject, version, None, None) }
}

#[test]
fn each_key_stands_once_in_its_newest_state() {
    let events = [
        event("a", 1, Some("Silver"), Some(1)),
        event("a", 3, None, Some(3)),
        event("a", 2, Some("Gold"), Some(2)),
        event("a", 3, None, Some(3)),
        event("b", 9, Some("too long a tier"), Some(1 << 40)),
        event("much too long", 1, None, None),
        delete("a", 4),
    ];
    let folded = fold(&matching(), Mode::Upsert, &events, &HashMap::new(), false);
    assert_eq!(
        folded.books,
        Books { read: 7, applied: 3, older: 1, duplicates: 1, other: 1, rejected: 1, values_rejected: 2, replayed: 0 }
    );
    assert!(folded.books.balance());
    assert_eq!(folded.rows[0].1.values, [Some(Stored::Text("Silver".into())), Some(Stored::Integer(3))]);
    assert_eq!((folded.rows[0].1.version, folded.rows.len()), (Version(3), 2));
    let said: Vec<_> = folded.refused.iter().map(|r| (r.event, r.field.as_str())).collect();
    assert_eq!(said, [(4, "Tier"), (4, "Points"), (5, "")]);
}

#[test]
fn a_delete_is_a_tombstone_at_its_version() {
    let known = |version: Option<u64>, deleted: Option<u64>| {
        HashMap::from([("a".to_owned(), Known { version: version.map(Version), deleted: deleted.map(Version) })])
    };
    let upsert =
        |version, known: &HashMap<String, Known>| fold(&matching(), Mode::Upsert, &[event("a", version, None, None)], known, false).books;
    assert_eq!((upsert(4, &known(None, Some(5))).older, upsert(6, &known(None, Some(5))).applied), (1, 1));
    let gone = |version, known: &HashMap<String, Known>| fold(&matching(), Mode::Delete, &[delete("a", version)], known, false).books;
    assert_eq!((gone(4, &known(Some(5), None)).older, gone(6, &known(Some(5), None)).applied), (1, 1));
    assert_eq!((gone(6, &known(None, Some(6))).duplicates, gone(5, &known(None, Some(6))).older), (1, 1));
}

#[test]
fn a_replay_fills_what_the_same_version_left_out_and_overwrites_nothing_newer() {
    let known = HashMap::from([("a".to_owned(), Known { version: Some(Version(5)), deleted: None })]);
    let again = |version| fold(&matching(), Mode::Upsert, &[event("a", version, Some("Gold"), None)], &known, true).books;
    assert_eq!((again(5).applied, again(4).older), (1, 1));
}

/// What a faithful receiver holds: of each field, the value of the newest event that has it among those that were newer when they came.
fn model(events: &[ProfileEvent]) -> BTreeMap<String, (u64, Option<String>, Option<i64>)> {
    let mut state: BTreeMap<String, (u64, Option<String>, Option<i64>)> = BTreeMap::new();
    for event in events {
        let row = state.entry(event.subject.clone()).or_default();
        if event.version.0 <= row.0 {
            continue;
        }
        row.0 = event.version.0;
        for field in &event.fields {
            match &field.value {
                Sent::Text(text) => row.1 = Some(text.clone()),
                Sent::Integer(n) => row.2 = Some(*n),
                _ => {}
            }
        }
    }
    state
}

proptest! {
    #[test]
    fn however_the_events_are_cut_into_batches_the_state_is_the_models(
        wanted in prop::collection::vec(("[a-d]", 1u64..9, prop::option::of("[A-Z]{1,6}"), prop::option::of(0i64..99)), 0..40),
        size in 1usize..12,
    ) {
        let events: Vec<ProfileEvent> = wanted.iter().map(|(s, v, t, p)| event(s, *v, t.as_deref(), *p)).collect();
        let mut known: HashMap<String, Known> = HashMap::new();
        let mut state: BTreeMap<String, (u64, Option<String>, Option<i64>)> = BTreeMap::new();
        for batch in events.chunks(size) {
            let folded = fold(&matching(), Mode::Upsert, batch, &known, false);
            prop_assert!(folded.books.balance());
            for (key, row) in folded.rows {
                known.insert(key.clone(), Known { version: Some(row.version), deleted: None });
                let now = state.entry(key).or_default();
                now.0 = row.version.0;
                if let Some(Some(Stored::Text(text))) = row.values.first() { now.1 = Some(text.clone()) }
                if let Some(Some(Stored::Integer(n))) = row.values.get(1) { now.2 = Some(*n) }
            }
        }
        prop_assert_eq!(state, model(&events));
    }
}
