use rialto_core::Counts;
use rialto_core::run::{Phase, RunKind, RunState, Trigger};
use rialto_store::runs::{self, Ending, NewRun, Subject};
use rialto_store::{Db, StoreError};
use rialto_testkit::{START, actor, both};

use crate::support::{House, house};

fn subject(house: &House) -> Subject {
    Subject::Group { group_id: house.group, bridge_id: house.bridge }
}

async fn ask(db: &Db, new: NewRun) -> Result<runs::Requested, StoreError> {
    let mut tx = db.write().await?;
    let requested = runs::request(&mut tx, new, &actor()).await?;
    tx.commit().await?;
    Ok(requested)
}

#[tokio::test]
async fn a_hundred_triggers_at_once_make_one_run() {
    for test in both().await {
        let house = house(&test.db).await;
        let new = NewRun::of(RunKind::People, subject(&house), Trigger::Resync);
        let asked = (0..100).map(|_| {
            let db = test.db.clone();
            tokio::spawn(async move {
                // Two that insert at the same moment: the loser of the unique index asks again and joins.
                loop {
                    match ask(&db, new).await {
                        Err(e) if e.is_unique_violation() || e.is_retryable() => {}
                        other => return other.unwrap().run_id,
                    }
                }
            })
        });
        let mut ids: Vec<i64> = futures::future::join_all(asked).await.into_iter().map(Result::unwrap).collect();
        ids.dedup();
        assert_eq!(ids.len(), 1, "{}", test.name);
        assert_eq!(runs::triggers(test.db.read(), ids[0]).await.unwrap().len(), 100);
    }
}

#[tokio::test]
async fn a_lease_keeps_others_out_and_ends_with_its_worker() {
    for test in both().await {
        let house = house(&test.db).await;
        let now = rialto_core::Instant(START);
        let id = ask(&test.db, NewRun::of(RunKind::People, subject(&house), Trigger::Api)).await.unwrap().run_id;
        let mut tx = test.db.write().await.unwrap();
        assert_eq!(runs::claim(&mut tx, "one", now, 30).await.unwrap().unwrap().id, id);
        assert!(runs::claim(&mut tx, "two", now, 30).await.unwrap().is_none());
        assert!(!runs::heartbeat(&mut tx, id, "two", now.plus_seconds(60), 5, Phase::Reading).await.unwrap());
        assert!(runs::heartbeat(&mut tx, id, "one", now.plus_seconds(60), 5, Phase::Planning).await.unwrap());
        tx.commit().await.unwrap();
        assert!(runs::expired(test.db.read(), now.plus_seconds(59)).await.unwrap().is_empty());
        assert_eq!(runs::expired(test.db.read(), now.plus_seconds(61)).await.unwrap()[0].id, id);
        let end = Ending {
            state: RunState::Succeeded,
            counts: Counts::default(),
            reason: String::new(),
            advice: String::new(),
            error_kind: String::new(),
            data_as_of: None,
            stats: serde_json::json!({}),
        };
        let mut tx = test.db.write().await.unwrap();
        assert!(!runs::finish(&mut tx, id, "two", now, &end).await.unwrap());
        assert!(runs::finish(&mut tx, id, "one", now, &end).await.unwrap());
        assert!(!runs::finish(&mut tx, id, "one", now, &end).await.unwrap(), "a run ends once");
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_plan_does_not_join_a_sync_and_only_a_held_run_is_decided() {
    for test in both().await {
        let house = house(&test.db).await;
        let id = ask(&test.db, NewRun::of(RunKind::People, subject(&house), Trigger::Api)).await.unwrap().run_id;
        let plan = NewRun { plan_only: true, ..NewRun::of(RunKind::People, subject(&house), Trigger::Api) };
        assert!(matches!(ask(&test.db, plan).await, Err(StoreError::Conflict(_))));
        let mut tx = test.db.write().await.unwrap();
        assert!(matches!(runs::decide(&mut tx, id, RunState::Approved, &actor()).await, Err(StoreError::Conflict(_))));
    }
}
