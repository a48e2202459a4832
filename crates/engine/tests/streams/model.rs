//! Random histories of both kinds, delivered in any order, in pieces, up to three times, against a model: the highest version wins.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rialto_core::data_sync::Mode;
use rialto_store::data_syncs;

use crate::world::{PAIRS, World, delete, upsert, worlds};

/// An event: subject, whether it is a delete, and the version; each version of a subject is one event.
type Event = (u8, u64, bool);

/// Deliveries in order: the same event may come again, and a later one first.
fn deliveries() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let versions = prop::collection::vec((0u8..6, 1u64..12), 1..40);
    let kinds = prop::collection::vec(prop::bool::weighted(0.3), 6 * 12);
    (versions, kinds, prop::collection::vec(1usize..7, 40), any::<u64>()).prop_map(|(versions, kinds, cuts, _)| {
        let mut events: Vec<Event> = versions
            .into_iter()
            .map(|(subject, version)| (subject, version, kinds[usize::from(subject) * 12 + version as usize - 1]))
            .collect();
        let again: Vec<Event> = events.iter().step_by(3).copied().collect();
        events.extend(again);
        let mut pieces = Vec::new();
        for cut in cuts {
            let rest = events.split_off(cut.min(events.len()));
            pieces.push(std::mem::replace(&mut events, rest));
        }
        pieces.push(events);
        pieces.retain(|p| !p.is_empty());
        pieces
    })
}

fn model(deliveries: &[Vec<Event>]) -> BTreeMap<String, String> {
    let mut newest: BTreeMap<u8, (u64, bool)> = BTreeMap::new();
    for (subject, version, gone) in deliveries.iter().flatten() {
        let now = newest.entry(*subject).or_default();
        if *version > now.0 {
            *now = (*version, *gone);
        }
    }
    newest.into_iter().filter(|(_, (_, gone))| !gone).map(|(s, (v, _))| (format!("LOY-{s}"), v.to_string())).collect()
}

async fn holds(world: &World, deliveries: &[Vec<Event>]) {
    let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
    let down = world.data_sync("Down", world.extension, Mode::Delete, &PAIRS[..1]).await;
    for (at, piece) in deliveries.iter().enumerate() {
        let events: Vec<_> = piece
            .iter()
            .map(|(subject, version, gone)| {
                let subject = format!("LOY-{subject}");
                if *gone { delete(&subject, *version) } else { upsert(&subject, *version, *version as i64) }
            })
            .collect();
        world.send(&events).await;
        // Each stands still for a while, so that they go through the log at different times.
        world.switch(up, at % 3 != 1).await.unwrap();
        world.switch(down, at % 4 != 2).await.unwrap();
        world.apply_twice_over().await;
    }
    world.switch(up, true).await.unwrap();
    world.switch(down, true).await.unwrap();
    world.apply().await;
    let rows: BTreeMap<String, String> = world.rows(world.extension).await.into_iter().map(|r| (r[0].clone(), r[2].clone())).collect();
    assert_eq!(rows, model(deliveries), "{}: {deliveries:?}", world.name);
    let sent: i64 = deliveries.iter().map(|p| p.len() as i64).sum();
    for sync in [up, down] {
        let books = data_syncs::history(world.db.read(), sync, i64::MAX, 100).await.unwrap();
        assert_eq!(books.iter().map(|m| m.read).sum::<i64>(), sent, "{}: every event is in the books once", world.name);
        assert!(books.iter().all(|m| m.read == m.applied + m.older + m.duplicates + m.other + m.rejected), "{books:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_in_whatever_order_the_highest_version_wins() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..6 {
        let deliveries = deliveries().new_tree(&mut runner).unwrap().current();
        for world in worlds().await {
            holds(&world, &deliveries).await;
        }
    }
}
