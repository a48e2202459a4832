//! Slower guesses, and how they are forgotten.

use rialto_core::Instant;
use rialto_store::args;
use rialto_store::throttle::{attempt, succeeded, sweep};
use rialto_testkit::TestDb;

const HOUR: i64 = 3_600;

async fn tried(test: &TestDb, subject: &str, free: i64, now: Instant) -> Option<i64> {
    let mut tx = test.db.write().await.unwrap();
    let wait = attempt(&mut tx, subject, free, now).await.unwrap();
    tx.commit().await.unwrap();
    wait
}

async fn failures(test: &TestDb, subject: &str) -> i64 {
    test.db.read().all::<(i64,)>("SELECT failures FROM login_throttle WHERE subject = $1", args![subject]).await.unwrap()[0].0
}

#[tokio::test]
async fn failures_are_halved_every_hour_however_often_somebody_tries() {
    for test in rialto_testkit::both().await {
        let mut now = Instant(rialto_testkit::START);
        for _ in 0..16 {
            assert_eq!(tried(&test, "peer:a", 100, now).await, None);
        }
        // Once every forty minutes, for a day: each try adds one, and the hours take more.
        for _ in 0..36 {
            now = now.plus_seconds(40 * 60);
            tried(&test, "peer:a", 100, now).await;
        }
        assert!(failures(&test, "peer:a").await <= 4, "{}: {}", test.name, failures(&test, "peer:a").await);
    }
}

#[tokio::test]
async fn a_success_takes_back_what_its_own_account_cost_the_peer() {
    for test in rialto_testkit::both().await {
        let now = Instant(rialto_testkit::START);
        for account in ["account:a", "account:a", "account:a", "account:b"] {
            tried(&test, "peer:a", 100, now).await;
            tried(&test, account, 100, now).await;
        }
        let mut tx = test.db.write().await.unwrap();
        succeeded(&mut tx, "peer:a", "account:a").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(failures(&test, "peer:a").await, 1, "{}: that of the other account", test.name);
    }
}

#[tokio::test]
async fn a_sweep_forgets_what_is_past_and_nothing_else() {
    for test in rialto_testkit::both().await {
        let now = Instant(rialto_testkit::START);
        tried(&test, "old", 9, now).await;
        tried(&test, "new", 9, now.plus_seconds(10 * HOUR)).await;
        let mut tx = test.db.write().await.unwrap();
        assert!(sweep(&mut tx, now.plus_seconds(13 * HOUR)).await.unwrap());
        assert!(!sweep(&mut tx, now.plus_seconds(13 * HOUR)).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(failures(&test, "new").await, 1);
    }
}
