use std::sync::Arc;

use rialto_core::Instant;
use rialto_core::run::{RunKind, Trigger};
use rialto_core::schedule::{Usual, Why};
use rialto_store::runs::{self, NewRun, Subject};
use rialto_store::schedules::{self, Schedule, Set};
use rialto_store::{Actor, Db, StoreError, audit, bridges, groups};
use rialto_testkit::{START, actor, both};

use crate::support::house;

fn clock() -> Actor {
    Actor { name: schedules::ACTOR.into(), request_id: String::new(), at: Instant(START) }
}

async fn the_one(db: &Db) -> Schedule {
    let all = schedules::list(db.read()).await.unwrap();
    assert_eq!(all.len(), 1, "a bridge comes with its schedule");
    all.into_iter().next().unwrap()
}

/// One node's try at an occurrence, as the engine makes it; tries that the database breaks off are made again.
async fn try_to_begin(db: &Db, schedule: &Schedule, at: Instant) -> bool {
    loop {
        let once = async {
            let mut tx = db.write().await?;
            let begun = schedules::begin(&mut tx, schedule, at, &clock()).await?;
            if begun.is_some() {
                tx.commit().await?;
            }
            Ok::<_, StoreError>(begun.is_some())
        };
        match once.await {
            Ok(won) => return won,
            Err(e) if e.is_unique_violation() || e.is_retryable() => {}
            Err(e) => panic!("{e}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_race_for_each_occurrence_and_exactly_one_begins_it() {
    const RACES: i64 = 220;
    for test in both().await {
        house(&test.db).await;
        let schedule = Arc::new(the_one(&test.db).await);
        // Another node has connections of its own.
        let nodes = [test.db.clone(), Db::connect(&test.url).await.unwrap(), Db::connect(&test.url).await.unwrap()];
        for race in 0..RACES {
            let at = Instant(START).plus_seconds(race * 86_400);
            let start = Arc::new(tokio::sync::Barrier::new(nodes.len()));
            let tries = nodes.iter().cloned().map(|db| {
                let (schedule, start) = (schedule.clone(), start.clone());
                tokio::spawn(async move {
                    start.wait().await;
                    try_to_begin(&db, &schedule, at).await
                })
            });
            let won: Vec<bool> = futures::future::join_all(tries).await.into_iter().map(Result::unwrap).collect();
            assert_eq!(won.iter().filter(|w| **w).count(), 1, "{} race {race}: {won:?}", test.name);
        }
        let (occurrences, distinct): (i64, i64) =
            test.db.read().one("SELECT COUNT(*), COUNT(DISTINCT occurs_at) FROM schedule_occurrence", vec![]).await.unwrap();
        assert_eq!((occurrences, distinct), (RACES, RACES), "{}", test.name);
        // What they started: one run, because the lists of one bridge are read one at a time; each occurrence is noted on it once.
        let (runs, triggers): (i64, i64) = test
            .db
            .read()
            .one("SELECT (SELECT COUNT(*) FROM sync_run), (SELECT COUNT(*) FROM sync_run_trigger WHERE actor = 'schedule')", vec![])
            .await
            .unwrap();
        assert_eq!((runs, triggers), (1, RACES), "{}", test.name);
        for db in &nodes[1..] {
            db.close().await;
        }
    }
}

#[tokio::test]
async fn a_step_is_taken_by_one_node_only() {
    for test in both().await {
        let house = house(&test.db).await;
        let schedule = the_one(&test.db).await;
        let mut tx = test.db.write().await.unwrap();
        let (seen, _) = schedules::begin(&mut tx, &schedule, Instant(START), &clock()).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        let mut tx = test.db.write().await.unwrap();
        assert!(schedules::step(&mut tx, &seen).await.unwrap());
        schedules::choose(&mut tx, seen.id, &[(house.group, Why::Used)]).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = test.db.write().await.unwrap();
        assert!(!schedules::step(&mut tx, &seen).await.unwrap(), "{}: it went on since", test.name);
        drop(tx);
        let now = schedules::open(test.db.read()).await.unwrap().remove(0);
        assert_eq!((now.state.as_str(), now.step), ("people", 1));
        let mut tx = test.db.write().await.unwrap();
        assert_eq!(schedules::ask(&mut tx, &now, house.bridge, &clock()).await.unwrap(), 1);
        assert_eq!(schedules::ask(&mut tx, &now, house.bridge, &clock()).await.unwrap(), 0, "each group is asked for once");
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn changes_are_audited_and_what_lies_before_is_not_made_up_for() {
    for test in both().await {
        house(&test.db).await;
        let schedule = the_one(&test.db).await;
        let usual = Usual::default();
        assert_eq!((schedule.since, schedule.at(&usual), schedule.zone(&usual)), (Some(START), "02:00", "UTC"));
        let later = Actor { at: Instant(START).plus_seconds(3_600), ..actor() };
        let set = Set { enabled: false, local_time: Some("04:30".into()), timezone: Some("Asia/Kathmandu".into()) };
        let mut tx = test.db.write().await.unwrap();
        schedules::change(&mut tx, schedule.id, &set, &later).await.unwrap();
        let much_later = Actor { at: Instant(START).plus_seconds(7_200), ..actor() };
        schedules::change(&mut tx, schedule.id, &set, &much_later).await.unwrap();
        assert!(matches!(schedules::change(&mut tx, 999, &set, &later).await, Err(StoreError::NotFound)));
        tx.commit().await.unwrap();
        let changed = the_one(&test.db).await;
        assert_eq!(changed.since, Some(later.at.0), "setting the same again changes nothing");
        assert_eq!((changed.enabled, changed.at(&usual), changed.zone(&usual)), (false, "04:30", "Asia/Kathmandu"));
        let row = &audit::page(test.db.read(), i64::MAX, 1).await.unwrap()[0];
        assert_eq!(
            (row.action.as_str(), row.object_id, row.actor.as_str()),
            ("schedule.update", Some(schedule.id), "user:ann@rialto.example")
        );
        assert!(row.detail.contains("Kathmandu"), "{}", row.detail);
        let unknown = Schedule { timezone: Some("Mars/Olympus".into()), ..changed };
        assert!(unknown.rule(&usual).is_none());
        let mut tx = test.db.write().await.unwrap();
        bridges::delete(&mut tx, schedule.bridge_id, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(schedules::list(test.db.read()).await.unwrap().is_empty(), "it goes with its bridge");
    }
}

#[tokio::test]
async fn the_night_waits_for_everybody_else_unless_somebody_joins_it() {
    for test in both().await {
        let house = house(&test.db).await;
        let night = |subject, kind| NewRun::of(kind, subject, Trigger::Overnight);
        let group = Subject::Group { group_id: house.group, bridge_id: house.bridge };
        let lists = Subject::Lists { bridge_id: house.bridge };
        let mut tx = test.db.write().await.unwrap();
        let first = runs::request(&mut tx, night(group, RunKind::People), &clock()).await.unwrap().run_id;
        let second = runs::request(&mut tx, NewRun::of(RunKind::Lists, lists, Trigger::Login), &actor()).await.unwrap().run_id;
        tx.commit().await.unwrap();
        let mut tx = test.db.write().await.unwrap();
        assert_eq!(runs::claim(&mut tx, "w", Instant(START), 30).await.unwrap().unwrap().id, second, "{}: asked for later", test.name);
        drop(tx);
        let mut tx = test.db.write().await.unwrap();
        let joined = runs::request(&mut tx, NewRun::of(RunKind::People, group, Trigger::Send), &actor()).await.unwrap();
        assert!(joined.joined);
        tx.commit().await.unwrap();
        let mut tx = test.db.write().await.unwrap();
        assert_eq!(runs::claim(&mut tx, "w", Instant(START), 30).await.unwrap().unwrap().id, first, "{}: somebody waits now", test.name);
        drop(tx);
        let triggers = runs::triggers(test.db.read(), first).await.unwrap();
        let told: Vec<(&str, &str)> = triggers.iter().map(|t| (t.run_trigger.as_str(), t.actor.as_str())).collect();
        assert_eq!(told, [("overnight", "schedule"), ("send", "user:ann@rialto.example")]);
    }
}

#[tokio::test]
async fn the_last_use_of_a_group_counts() {
    for test in both().await {
        let house = house(&test.db).await;
        let mut tx = test.db.write().await.unwrap();
        for (mailing, at) in [(7, 5), (8, 40), (7, 20)] {
            groups::used(&mut tx, house.group, mailing, Instant(at)).await.unwrap();
        }
        let candidates = schedules::candidates(&mut tx, house.bridge).await.unwrap();
        assert_eq!((candidates.len(), candidates[0].used_at), (1, Some(40)), "{}", test.name);
        tx.commit().await.unwrap();
        assert_eq!(rialto_store::views::groups::uses(test.db.read(), house.group).await.unwrap(), (2, Some(40)));
    }
}
