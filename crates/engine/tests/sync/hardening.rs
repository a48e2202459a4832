//! What happens between steps: syncs side by side, workers that die after the plan was carried over, reads that break off late.

use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::{Counts, Instant};
use rialto_sandbox::{Fault, FaultRule};
use rialto_store::membership::{self, Change, Op, Outcome};
use rialto_store::runs::{self, Ending, NewRun, Subject};
use rialto_store::{Db, args};
use rialto_testkit::actor;
use roaring::RoaringTreemap;

use crate::support::{World, first, worlds};

fn ending(counts: Counts) -> Ending {
    Ending {
        state: RunState::Succeeded,
        counts,
        reason: "1 left.".into(),
        advice: String::new(),
        error_kind: String::new(),
        data_as_of: Some(Instant(7)),
        stats: serde_json::json!({}),
    }
}

/// A people run of the group that a worker has who never comes back.
async fn taken(w: &World, code: &str, lease_until: i64) -> i64 {
    let group = w.group(code).await;
    let subject = Subject::Group { group_id: group.id, bridge_id: w.bridge };
    let mut tx = w.db.write().await.unwrap();
    let id = runs::request(&mut tx, NewRun::of(RunKind::People, subject, Trigger::Api), &actor()).await.unwrap().run_id;
    runs::claim(&mut tx, "dead", Instant(lease_until), 0).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    id
}

async fn lease(db: &Db, run: i64, until: i64) {
    let mut tx = db.write().await.unwrap();
    tx.run("UPDATE sync_run SET lease_until = $2 WHERE id = $1", args![run, until]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_no_that_a_run_of_the_same_time_read_is_not_lifted_by_an_older_yes() {
    for w in worlds(300).await {
        w.sync("ALL_MEMBERS").await;
        w.sync("NEWSLETTER").await;
        let (master, sub) = first(&(&w.remote("NEWSLETTER") - &w.remote_no("NEWSLETTER")), 1).remove(0);
        let remote_id = format!("{master}-{sub}");
        // Some sync of the bridge is under way all the time.
        let open = taken(&w, "BOARD", i64::MAX / 2).await;
        w.sandbox.sandbox.set_allow_solicitation(&master, sub, false);
        w.sync("ALL_MEMBERS").await;
        assert!(w.flagged().await.contains(&remote_id), "{}", w.name);
        w.sandbox.sandbox.set_allow_solicitation(&master, sub, true);
        w.sandbox.sandbox.set_allow_email(&master, sub, true);
        let run = w.sync("NEWSLETTER").await;
        assert_eq!((run.state.as_str(), run.counts().lifted), ("succeeded", 0), "{}", w.name);
        assert!(w.flagged().await.contains(&remote_id), "{}: the no may be the newer word", w.name);
        lease(&w.db, open, 1).await;
        w.engine.run_until_idle().await.unwrap();
        w.sync("NEWSLETTER").await;
        assert!(!w.flagged().await.contains(&remote_id), "{}: nothing is open any more, so the yes counts", w.name);
    }
}

#[tokio::test]
async fn a_worker_that_dies_after_the_plan_was_carried_over_leaves_nothing_to_decide() {
    for w in worlds(300).await {
        w.sync("NEWSLETTER").await;
        let group = w.group("NEWSLETTER").await;
        let before = w.members("NEWSLETTER").await;
        let run = taken(&w, "NEWSLETTER", 1).await;
        let members = membership::members(&w.db, group.id).await.unwrap();
        let (leaves, none): (RoaringTreemap, _) = (members.iter().take(1).collect(), RoaringTreemap::new());
        membership::plan(&w.db, run, Op::Leaves, &leaves).await.unwrap();
        let n = members.len() as i64;
        let counts =
            Counts { read: n - 1, unchanged: n - 1, members_before: n, leaving: 1, removed: 1, members_after: n - 1, ..Counts::default() };
        let change = Change {
            run_id: run,
            worker: "dead",
            group_id: group.id,
            base_run: group.applied_run,
            joins: &none,
            leaves: &leaves,
            lifts: &none,
            lifts_withheld: &none,
            lift_before: 0,
            source: "Members",
            now: Instant(9),
        };
        let end = ending(counts);
        membership::apply(&w.db, change, Outcome { ending: &end, complete: true, seen_again: None, pause: false }).await.unwrap().unwrap();
        assert!(!w.group("NEWSLETTER").await.counts_current(), "{}: the old counts are not shown as true", w.name);
        w.time.fetch_add(1_000_000, std::sync::atomic::Ordering::SeqCst);
        w.engine.run_until_idle().await.unwrap();
        let run = w.run(run).await;
        assert_eq!((run.state.as_str(), run.counts()), ("succeeded", counts), "{}", w.name);
        assert_eq!(w.members("NEWSLETTER").await.len(), before.len() - 1);
        let after = w.group("NEWSLETTER").await;
        assert_eq!((after.synced_run, after.data_as_of), (Some(run.id), Some(7)), "{}", w.name);
        assert_eq!(w.waterfall("NEWSLETTER").await.members, n - 1, "{}", w.name);
        assert!(after.counts_current() && runs::triggers(w.db.read(), run.id + 1).await.unwrap().is_empty(), "no run follows");
    }
}

#[tokio::test]
async fn a_read_whose_closing_look_fails_still_brings_its_people() {
    for w in worlds(300).await {
        w.sandbox.sandbox.inject(FaultRule::always(Fault::ServerError { status: 503 }).on("usr_Rialto_Lists").after(1));
        let run = w.sync("NEWSLETTER").await;
        assert_eq!((run.state.as_str(), run.error_kind.as_str()), ("incomplete", "transient"), "{}: {}", w.name, run.reason);
        assert_eq!(w.members("NEWSLETTER").await, w.remote("NEWSLETTER"), "{}", w.name);
        w.sandbox.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn a_second_read_that_fails_at_once_leaves_what_the_first_one_brought() {
    for w in worlds(300).await {
        w.sandbox.sandbox.inject(FaultRule::always(Fault::RegenerateDuring).on("usr_Rialto_ListMembers").times(1));
        w.sandbox.sandbox.inject(FaultRule::always(Fault::ServerError { status: 503 }).on("usr_Rialto_ListMembers").after(4));
        let run = w.sync("NEWSLETTER").await;
        assert_eq!(run.state, "incomplete", "{}: {}", w.name, run.reason);
        assert!(run.counts().read > 100, "{}: {:?}", w.name, run.counts());
        assert_eq!(w.members("NEWSLETTER").await.len() as i64, run.counts().added, "{}", w.name);
        w.sandbox.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn far_more_people_than_announced_break_the_read_off() {
    for w in worlds(16_000).await {
        let fewer = w.remote("ALL_MEMBERS").len() as i64 - 10;
        w.sandbox.sandbox.inject(FaultRule::always(Fault::WrongTotal { delta: -fewer }).on("usr_Rialto_Lists"));
        let run = w.sync("ALL_MEMBERS").await;
        assert_eq!((run.state.as_str(), run.error_kind.as_str()), ("incomplete", "protocol"), "{}: {}", w.name, run.reason);
        assert!(run.reason.contains("far more people"), "{}", run.reason);
        assert!(run.counts().read < fewer, "{}", w.name);
        w.sandbox.sandbox.clear_faults();
    }
}

/// Triggers of many at one moment make one run.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn triggers_at_one_moment_join_one_run() {
    for w in worlds(100).await {
        let group = w.group("NEWSLETTER").await;
        let subject = Subject::Group { group_id: group.id, bridge_id: w.bridge };
        let asks = (0..40).map(|_| {
            let db = w.db.clone();
            tokio::spawn(async move {
                let mut tx = db.write().await.unwrap();
                let asked = runs::request(&mut tx, NewRun::of(RunKind::People, subject, Trigger::Resync), &actor()).await.unwrap();
                tx.commit().await.unwrap();
                asked.run_id
            })
        });
        let ids: std::collections::BTreeSet<i64> = futures::future::join_all(asks).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(ids.len(), 1, "{}", w.name);
        let told = runs::triggers(w.db.read(), *ids.first().unwrap()).await.unwrap();
        assert_eq!(told.len(), 40, "{}", w.name);
    }
}
