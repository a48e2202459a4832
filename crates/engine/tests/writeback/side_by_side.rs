//! Several workers, frozen ones, and storage that goes away.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rialto_core::Instant;
use rialto_core::consent::Flag;
use rialto_engine::Engine;
use rialto_sandbox::Options;
use rialto_store::writebacks::{self, Answer, Claimant, Next, Outcome};
use tokio_util::sync::CancellationToken;

use crate::support::{UNSUBSCRIBE, parts, world, worlds};

#[tokio::test]
async fn eight_workers_on_one_database_send_each_once() {
    let test = rialto_testkit::postgres().await;
    let url = test.url.clone();
    let w = world(test, Options { people: 600, ..Options::default() }).await;
    let people = w.people().await;
    let people = &people[..people.len().min(250)];
    w.act(&people.iter().map(|(id, _)| (*id, UNSUBSCRIBE)).collect::<Vec<_>>()).await;
    w.act(&people[..100].iter().map(|(id, _)| (*id, crate::support::RESUBSCRIBE)).collect::<Vec<_>>()).await;
    w.later(601);
    // Two processes have a pool each.
    let mut engines = Vec::new();
    for process in 0..2 {
        let db = rialto_store::Db::connect(&url).await.unwrap();
        let parts = parts(&db, w.engine.parts().clock.clone());
        engines.extend((0..4).map(|n| Engine::new(parts.clone(), format!("process{process}-{n}"))));
    }
    let stop = CancellationToken::new();
    for _ in 0..20 {
        futures::future::join_all(engines.iter().map(|e| e.write_back(&stop))).await.into_iter().for_each(|r| r.unwrap());
        if w.states().await.iter().all(|s| s == "sent") {
            break;
        }
    }
    assert!(w.rows().await.iter().all(|r| r.state == "sent" && r.tries == 1 && r.fence == 1), "each claimed once");
    let workers: Vec<(String,)> = w.db.read().all("SELECT DISTINCT worker FROM writeback_try", vec![]).await.unwrap();
    assert!(workers.len() > 1, "{workers:?}");
    assert!(people[..100].iter().all(|(_, id)| w.allows(id)) && people[100..].iter().all(|(_, id)| !w.allows(id)));
    w.check().await;
}

#[tokio::test]
async fn who_was_frozen_past_the_lease_writes_nothing_and_nothing_stays_processing() {
    for w in worlds(60).await {
        let people = w.people().await;
        w.act(&[(people[0].0, UNSUBSCRIBE)]).await;
        w.cycle().await;
        w.act(&[(people[1].0, UNSUBSCRIBE)]).await;
        w.later(601);
        let mut tx = w.db.write().await.unwrap();
        writebacks::begin_cycle(&mut tx, w.bridge, w.now(), w.now().plus_seconds(100_000)).await.unwrap();
        tx.commit().await.unwrap();
        let by = Claimant { worker: "frozen", now: w.now(), lease_until: w.now().plus_seconds(60) };
        let Next::Claimed { rows, .. } = writebacks::claim_next(&w.db, w.bridge, by, 10).await.unwrap() else { panic!("nothing claimed") };
        w.look().await;
        assert_eq!(w.states().await, ["sent", "processing"], "{}: the lease holds", w.name);
        // Not in a later cycle: as soon as the lease is over.
        w.later(61);
        w.look().await;
        assert_eq!(w.states().await, ["sent", "sent"], "{}", w.name);
        assert_eq!(w.tries(rows[0].id).await, ["lost", "sent"]);
        let c = &rows[0];
        let outcome = Outcome::Error { next_at: Some(w.now()), maybe_there: true };
        let late = Answer {
            id: c.id,
            fence: c.fence,
            bridge_id: c.bridge_id,
            subscriber_id: c.subscriber_id,
            outcome,
            said: "late".into(),
            started_at: w.now(),
            at: w.now(),
            asked_by: String::new(),
        };
        assert!(writebacks::record(&w.db, "frozen", &[late]).await.unwrap().is_empty(), "{}", w.name);
        assert_eq!(w.states().await, ["sent", "sent"]);
        w.check().await;
    }
}

#[tokio::test]
async fn a_message_that_ends_every_worker_waits_for_a_person_after_three() {
    for w in worlds(60).await {
        let people = w.people().await;
        w.act(&[(people[0].0, UNSUBSCRIBE)]).await;
        w.later(601);
        let mut tx = w.db.write().await.unwrap();
        writebacks::begin_cycle(&mut tx, w.bridge, w.now(), w.now().plus_seconds(100_000)).await.unwrap();
        tx.commit().await.unwrap();
        for _ in 0..3 {
            let by = Claimant { worker: "dies", now: w.now(), lease_until: w.now().plus_seconds(60) };
            assert!(matches!(writebacks::claim_next(&w.db, w.bridge, by, 10).await.unwrap(), Next::Claimed { .. }), "{}", w.name);
            w.later(61);
        }
        w.look().await;
        assert_eq!((w.states().await, w.rows().await[0].maybe_there), (vec!["error".to_owned()], true), "{}", w.name);
        assert_eq!(w.tries(w.rows().await[0].id).await, ["lost"; 3]);
        assert!(w.retry(w.rows().await[0].id).await);
        w.look().await;
        assert_eq!(w.states().await, ["sent"], "{}", w.name);
        w.check().await;
    }
}

#[tokio::test]
async fn a_stop_gives_back_what_was_not_begun_and_records_what_runs() {
    for w in worlds(200).await {
        let people = w.people().await;
        w.set(|s| s.concurrency = 2).await;
        w.act(&people[..80].iter().map(|(id, _)| (*id, UNSUBSCRIBE)).collect::<Vec<_>>()).await;
        w.later(601);
        let stop = CancellationToken::new();
        let engine = w.engine.clone();
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { engine.write_back(&stop).await }
        });
        while w.remote().activity_count() < 5 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        stop.cancel();
        task.await.unwrap().unwrap();
        let rows = w.rows().await;
        assert!(rows.iter().all(|r| matches!(r.state.as_str(), "sent" | "new")), "{}: {:?}", w.name, w.states().await);
        assert!(rows.iter().all(|r| r.state != "new" || (r.tries == 0 && w.marks(r) == 0)), "{}", w.name);
        assert_eq!(rows.iter().filter(|r| r.state == "sent").count(), w.remote().activity_count(), "{}", w.name);
        w.check().await;
        // The next life goes on at once, in the same cycle.
        w.look().await;
        assert!(w.states().await.iter().all(|s| s == "sent"), "{}", w.name);
        w.check().await;
    }
}

/// Storage refuses every write for a while, in the middle of a drive.
#[tokio::test]
async fn answers_are_kept_while_storage_is_away() {
    for w in worlds(200).await {
        let people = w.people().await;
        w.set(|s| s.concurrency = 2).await;
        w.act(&people[..60].iter().map(|(id, _)| (*id, UNSUBSCRIBE)).collect::<Vec<_>>()).await;
        w.later(601);
        let engine = w.engine.clone();
        let task = tokio::spawn(async move { engine.write_back(&CancellationToken::new()).await });
        while w.remote().activity_count() < 3 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        refuse(&w.db, true).await;
        let before = w.remote().activity_count();
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let during = w.remote().activity_count();
        assert!(
            during - before < 20 && during < 60,
            "{}: {before}, then {during}: nothing new is begun while answers cannot be kept",
            w.name
        );
        refuse(&w.db, false).await;
        task.await.unwrap().unwrap();
        w.look().await;
        assert!(w.rows().await.iter().all(|r| r.state == "sent" && r.tries == 1), "{}: {:?}", w.name, w.states().await);
        w.check().await;
    }
}

/// As a full disk would, for the table of tries.
async fn refuse(db: &rialto_store::Db, on: bool) {
    let mut tx = db.write().await.unwrap();
    let texts: &[&'static str] = match (db.is_sqlite(), on) {
        (true, true) => &["CREATE TRIGGER full BEFORE INSERT ON writeback_try BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"],
        (true, false) => &["DROP TRIGGER full"],
        (false, true) => &[
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'No space left on device'; END $$",
            "CREATE TRIGGER full_now BEFORE INSERT ON writeback_try FOR EACH STATEMENT EXECUTE FUNCTION full_disk()",
        ],
        (false, false) => &["DROP TRIGGER full_now ON writeback_try", "DROP FUNCTION full_disk"],
    };
    for text in texts {
        tx.run(*text, vec![]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// The worker as a process runs it: cycles by the clock, woken by the bell.
#[tokio::test]
async fn a_serving_engine_sends_by_itself_and_asks_little_when_idle() {
    for w in worlds(60).await {
        let people = w.people().await;
        let stop = CancellationToken::new();
        let engine = w.engine.clone();
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { engine.serve(stop).await }
        });
        w.act(&[(people[0].0, UNSUBSCRIBE)]).await;
        w.time.fetch_add(601_000_000, Ordering::SeqCst);
        w.engine.parts().wake.ring();
        for _ in 0..300 {
            if w.states().await == ["sent"] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(w.states().await, ["sent"], "{}", w.name);
        let asked = w.remote().requests().total;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(w.remote().requests().total, asked, "{}", w.name);
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
        assert_eq!(rialto_store::writebacks::get(w.db.read(), w.rows().await[0].id).await.unwrap().unwrap().state, "sent");
        let (flag,): (i16,) =
            w.db.read().one("SELECT remote_flag_delivered FROM subscriber WHERE id = $1", rialto_store::args![people[0].0]).await.unwrap();
        assert_eq!(flag, 2, "{:?} was delivered", Flag::No);
        assert!(w.destination().await.cutoff <= Instant(w.now().0).0);
    }
}
