//! The overnight sync end to end: which groups it reads, in which order, once, whatever the clock and the workers do.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use rialto_core::Instant;
use rialto_core::run::{Phase, RunKind, Trigger};
use rialto_sandbox::{Fault, FaultRule};
use rialto_store::bridges::Entered;
use rialto_store::groups::Group;
use rialto_store::schedules::{Occurrence, Set};
use rialto_store::views::schedules as views;
use rialto_store::{bridges, groups, runs, schedules};
use rialto_testkit::{START, actor, vault};

use crate::support::{World, worlds};

/// The first 02:00 UTC after a world begins.
const NIGHT: &str = "2026-01-06T02:00:00Z";

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

impl World {
    pub fn set_clock(&self, to: Instant) {
        self.time.store(to.0, Ordering::SeqCst);
    }

    /// Looks at the schedules and works, until neither finds anything to do.
    async fn settle(&self) {
        loop {
            self.engine.run_until_idle().await.unwrap();
            if self.engine.tick().await.unwrap() == 0 {
                return;
            }
        }
    }

    async fn occurrences(&self) -> Vec<Occurrence> {
        let id = schedules::list(self.db.read()).await.unwrap()[0].id;
        views::occurrences(self.db.read(), id, i64::MAX, 100).await.unwrap()
    }

    /// Code of the list, and why it was read, of the newest occurrence.
    async fn read_by_night(&self) -> BTreeMap<String, String> {
        let newest = self.occurrences().await.remove(0);
        let items = views::items(self.db.read(), newest.id, 0, 100).await.unwrap();
        let all = groups::of_bridge(self.db.read(), self.bridge).await.unwrap();
        let code = |id| all.iter().find(|g: &&Group| g.id == id).and_then(|g| g.code.clone()).unwrap();
        items.into_iter().map(|i| (code(i.group_id), i.why)).collect()
    }

    async fn used(&self, code: &str, mailing: i64, at: Instant) {
        let group = self.group(code).await;
        let mut tx = self.db.write().await.unwrap();
        groups::used(&mut tx, group.id, mailing, at).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn the_night_reads_lists_first_and_then_the_groups_of_the_rule() {
    for w in worlds(300).await {
        let night = at(NIGHT);
        w.settle().await;
        assert!(w.occurrences().await.is_empty(), "nothing is due by day");
        // Known only after the lists were read: the rename gives the list a new MODIFIED_ON.
        w.sandbox.sandbox.rename_list("BOARD", "The board");
        w.used("STUDENTS", 1, night.plus_seconds(-90 * 86_400)).await;
        w.used("LAPSED", 2, Instant(night.plus_seconds(-90 * 86_400).0 - 1)).await;
        let west = w.group("REGION_WEST").await;
        let mut tx = w.db.write().await.unwrap();
        let who = rialto_store::Actor { at: night.plus_seconds(-7 * 86_400), ..actor() };
        let edit = groups::Edit { folder: Some("Regions".into()), ..groups::Edit::default() };
        groups::edit(&mut tx, west.id, &edit, &who).await.unwrap();
        tx.commit().await.unwrap();
        let before = Instant(night.0 - 1);
        w.set_clock(before);
        w.settle().await;
        assert!(w.occurrences().await.is_empty(), "{}: not a microsecond too early", w.name);
        w.set_clock(night);
        w.settle().await;
        let newest = &w.occurrences().await[0];
        assert_eq!((newest.state.as_str(), newest.actor.as_str(), newest.occurs_at), ("done", "schedule", night.0), "{}", newest.reason);
        let expected = [("BOARD", "modified"), ("REGION_WEST", "edited"), ("STUDENTS", "used")];
        assert_eq!(w.read_by_night().await, expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into(), "{}", w.name);
        for (code, _) in expected {
            assert_eq!(w.members(code).await, w.remote(code), "{}: {code}", w.name);
            let run = w.run(w.group(code).await.synced_run.unwrap()).await;
            assert_eq!((run.run_trigger.as_str(), run.actor.as_str()), ("overnight", "schedule"));
            let lists = w.run(newest.lists_run.unwrap()).await;
            assert!(run.created_at >= lists.finished_at.unwrap() && run.id > lists.id, "lists come first");
            assert_eq!((lists.kind.as_str(), lists.run_trigger.as_str(), lists.actor.as_str()), ("lists", "overnight", "schedule"));
        }
        for code in ["NEWSLETTER", "LAPSED", "ALL_MEMBERS"] {
            assert!(w.group(code).await.synced_at.is_none(), "{}: {code} was neither changed nor used", w.name);
        }
        assert_eq!(newest.reason, "3 target groups: 3 succeeded.");
    }
}

#[tokio::test]
async fn clock_jumps_begin_nothing_twice_and_make_up_for_one_night_only() {
    for w in worlds(300).await {
        let night = at(NIGHT);
        w.set_clock(night);
        w.settle().await;
        for back in [1, 3_600, 86_400, 30 * 86_400] {
            w.set_clock(night.plus_seconds(-back));
            w.settle().await;
            w.set_clock(night.plus_seconds(60));
            w.settle().await;
            assert_eq!(w.occurrences().await.len(), 1, "{}: back by {back} s", w.name);
        }
        w.set_clock(night.plus_seconds(12 * 86_400 + 5 * 3_600));
        w.settle().await;
        let all = w.occurrences().await;
        assert_eq!(all.len(), 2, "{}: twelve nights asleep", w.name);
        assert_eq!(all[0].occurs_at, night.plus_seconds(12 * 86_400).0, "the last of them is made up for");
        assert_eq!(all[0].created_at, night.plus_seconds(12 * 86_400 + 5 * 3_600).0);
        w.settle().await;
        assert_eq!(w.occurrences().await.len(), 2);
        // A clock that was years ahead and is set right does not keep the nights from coming.
        w.set_clock(night.plus_seconds(3_650 * 86_400));
        w.settle().await;
        w.set_clock(night.plus_seconds(13 * 86_400));
        w.settle().await;
        let all = w.occurrences().await;
        assert_eq!((all.len(), all[0].occurs_at), (4, night.plus_seconds(13 * 86_400).0), "{}", w.name);
    }
}

#[tokio::test]
async fn a_paused_schedule_rests_and_a_bridge_that_is_off_is_told() {
    for w in worlds(300).await {
        let schedule = schedules::list(w.db.read()).await.unwrap().remove(0);
        let night = at(NIGHT);
        let set = async |enabled: bool, at: Option<&str>, zone: Option<&str>, when: Instant| {
            let set = Set { enabled, local_time: at.map(str::to_owned), timezone: zone.map(str::to_owned) };
            let mut tx = w.db.write().await.unwrap();
            schedules::change(&mut tx, schedule.id, &set, &rialto_store::Actor { at: when, ..actor() }).await.unwrap();
            tx.commit().await.unwrap();
        };
        set(false, None, None, Instant(START)).await;
        w.set_clock(night.plus_seconds(600));
        w.settle().await;
        assert!(w.occurrences().await.is_empty(), "{}", w.name);
        set(true, None, None, night.plus_seconds(700)).await;
        w.set_clock(night.plus_seconds(800));
        w.settle().await;
        assert!(w.occurrences().await.is_empty(), "{}: what lies before is not made up for", w.name);
        // A time and a zone of its own: 02:30 in Kathmandu is 20:45 UTC.
        set(true, Some("02:30"), Some("Asia/Kathmandu"), night.plus_seconds(900)).await;
        w.set_clock(at("2026-01-06T20:44:59Z"));
        w.settle().await;
        assert!(w.occurrences().await.is_empty());
        w.set_clock(at("2026-01-06T20:45:00Z"));
        w.settle().await;
        assert_eq!(w.occurrences().await.len(), 1, "{}", w.name);

        let mut tx = w.db.write().await.unwrap();
        let bridge = bridges::get(w.db.read(), w.bridge).await.unwrap().unwrap();
        let off = Entered { name: bridge.name.clone(), settings: bridge.settings().unwrap(), enabled: false, ..Entered::default() };
        bridges::update(&mut tx, &vault(), w.bridge, &off, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        w.set_clock(at("2026-01-07T20:45:00Z"));
        w.settle().await;
        let newest = w.occurrences().await.remove(0);
        assert_eq!((newest.state.as_str(), newest.reason.as_str()), ("skipped", "The bridge was switched off."), "{}", w.name);
        assert!(newest.lists_run.is_none());
    }
}

#[tokio::test]
async fn trouble_is_told_and_a_dead_worker_is_followed() {
    for w in worlds(300).await {
        let night = at(NIGHT);
        w.sandbox.sandbox.inject(FaultRule::always(Fault::HtmlPage).on("usr_Rialto_Lists"));
        w.set_clock(night);
        w.settle().await;
        w.sandbox.sandbox.clear_faults();
        let failed = w.occurrences().await.remove(0);
        assert_eq!(failed.state, "failed", "{}", failed.reason);
        assert!(failed.reason.starts_with("The lists could not be read, so no target group was."), "{}", failed.reason);

        let night = night.plus_seconds(86_400);
        w.used("BOARD", 1, night).await;
        w.set_clock(night);
        assert_eq!(w.engine.tick().await.unwrap(), 1);
        // A worker takes the run and dies; a mailing had joined it.
        let lists = w.occurrences().await[0].lists_run.unwrap();
        let mut tx = w.db.write().await.unwrap();
        runs::claim(&mut tx, "dead", w.engine.parts().clock.now(), 30).await.unwrap().unwrap();
        let joiner = rialto_store::runs::NewRun::of(RunKind::Lists, runs::Subject::Lists { bridge_id: w.bridge }, Trigger::Login);
        assert!(runs::request(&mut tx, joiner, &actor()).await.unwrap().joined);
        assert!(runs::heartbeat(&mut tx, lists, "dead", Instant(1), 0, Phase::Reading).await.unwrap());
        tx.commit().await.unwrap();
        w.settle().await;
        let done = w.occurrences().await.remove(0);
        assert_eq!((done.state.as_str(), done.reason.as_str()), ("done", "1 target group: 1 succeeded."), "{}", w.name);
        let next = w.run(done.lists_run.unwrap()).await;
        assert_eq!((next.parent_run, next.attempt, next.state.as_str()), (Some(lists), 2, "succeeded"));
        let told: Vec<String> = runs::triggers(w.db.read(), next.id).await.unwrap().into_iter().map(|t| t.run_trigger).collect();
        assert_eq!(told, ["overnight", "login"], "{}: who joined the dead run is told on its successor", w.name);
    }
}

/// Three nodes tick and work at the same time through several nights.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_nodes_share_the_nights() {
    for w in worlds(300).await {
        let nights = 5;
        for code in ["BOARD", "STUDENTS", "REGION_WEST"] {
            w.used(code, 1, at(NIGHT)).await;
        }
        let nodes: Vec<_> = (0..3).map(|n| rialto_engine::Engine::new(w.engine.parts().clone(), format!("node{n}"))).collect();
        for night in 0..nights {
            w.set_clock(at(NIGHT).plus_seconds(night * 86_400));
            for _ in 0..200 {
                let work = nodes.iter().cloned().map(|node| {
                    tokio::spawn(async move {
                        node.tick().await.unwrap();
                        node.run_until_idle().await.unwrap();
                    })
                });
                futures::future::join_all(work).await.into_iter().for_each(|r| r.unwrap());
                if w.occurrences().await.len() as i64 == night + 1 && w.occurrences().await[0].state == "done" {
                    break;
                }
            }
        }
        let all = w.occurrences().await;
        assert_eq!(all.len() as i64, nights, "{}", w.name);
        assert!(all.iter().all(|o| o.reason == "3 target groups: 3 succeeded."), "{}: {all:?}", w.name);
        let counts: Vec<(String, i64)> =
            w.db.read()
                .all("SELECT kind, COUNT(*) FROM sync_run WHERE run_trigger = 'overnight' GROUP BY kind ORDER BY kind", vec![])
                .await
                .unwrap();
        assert_eq!(counts, [("lists".to_owned(), nights), ("people".to_owned(), 3 * nights)], "{}", w.name);
    }
}

/// A long night is a queue: this process carries out no more runs at a time than it has workers.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_long_night_does_not_flood() {
    for w in worlds(300).await {
        for code in ["BOARD", "STUDENTS", "REGION_WEST", "NEWSLETTER", "CONFERENCE", "LAPSED", "ALL_MEMBERS", "EMPTY_LIST"] {
            w.used(code, 1, at(NIGHT)).await;
        }
        w.set_clock(at(NIGHT));
        let stop = tokio_util::sync::CancellationToken::new();
        let work = tokio::spawn({
            let (engine, stop) = (w.engine.clone(), stop.clone());
            async move { engine.serve(stop).await }
        });
        let (mut most, mut queued) = (0, 0);
        for _ in 0..4_000 {
            let (running, waiting): (i64, i64) =
                w.db.read()
                    .one(
                        "SELECT COUNT(CASE WHEN state = 'running' THEN 1 END), COUNT(CASE WHEN state = 'queued' THEN 1 END) FROM sync_run",
                        vec![],
                    )
                    .await
                    .unwrap();
            (most, queued) = (most.max(running), queued.max(waiting));
            if w.occurrences().await.first().is_some_and(|o| o.state == "done") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        stop.cancel();
        work.await.unwrap();
        assert_eq!(w.occurrences().await[0].reason, "8 target groups: 8 succeeded.", "{}", w.name);
        let workers = w.engine.parts().settings.workers as i64;
        assert!((1..=workers).contains(&most) && queued > workers, "{}: {most} at a time, {queued} waited", w.name);
    }
}

/// The clock jumps at will through the changes of clocks of four zones; after every jump two nodes look. What has begun is compared with a
/// list kept outside: each moment once, and only moments that were the last one when somebody looked.
#[tokio::test]
async fn jumps_through_the_changes_of_clocks_begin_each_occurrence_once() {
    const ZONES: [(&str, &str, &str); 4] = [
        ("Europe/Vienna", "02:30", "2026-03-28T12:00:00Z"),
        ("America/New_York", "01:30", "2026-10-31T12:00:00Z"),
        ("Australia/Lord_Howe", "02:15", "2027-04-03T00:00:00Z"),
        ("Africa/Casablanca", "02:59", "2028-01-20T00:00:00Z"),
    ];
    // Hours: small steps, a day, weeks, back and ahead.
    const JUMPS: [i64; 16] = [1, 13, -1, 2, 24, -30, 31, 1, 24, -24, 24 * 20, -24 * 7, 1, 24 * 8, -1, 25];
    for w in worlds(100).await {
        let schedule = schedules::list(w.db.read()).await.unwrap().remove(0);
        let other = rialto_engine::Engine::new(w.engine.parts().clone(), "other");
        let mut expected = std::collections::BTreeSet::new();
        for (zone, time, start) in ZONES {
            let set = Set { enabled: true, local_time: Some(time.into()), timezone: Some(zone.into()) };
            let mut tx = w.db.write().await.unwrap();
            schedules::change(&mut tx, schedule.id, &set, &rialto_store::Actor { at: at(start), ..actor() }).await.unwrap();
            tx.commit().await.unwrap();
            let rule = schedules::list(w.db.read()).await.unwrap()[0].rule(&Default::default()).unwrap();
            let all: Vec<Instant> = rule.next(at(start), 60);
            let mut now = at(start);
            for hours in JUMPS {
                now = now.plus_seconds(hours * 3_600);
                w.set_clock(now);
                let looks = [w.engine.tick(), other.tick()];
                futures::future::join_all(looks).await.into_iter().for_each(|r| assert!(r.is_ok(), "{r:?}"));
                expected.extend(all.iter().rev().find(|o| **o <= now).map(|o| o.0));
            }
        }
        let begun: Vec<i64> = w.occurrences().await.iter().map(|o| o.occurs_at).collect();
        let distinct: std::collections::BTreeSet<i64> = begun.iter().copied().collect();
        assert_eq!((begun.len(), &distinct), (expected.len(), &expected), "{}", w.name);
        assert!(expected.len() > 20, "{}", expected.len());
    }
}
