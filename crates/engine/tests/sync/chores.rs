//! What is put in order between runs: counts after a person's act.

use rialto_core::consent::{Cause, Lifter};
use rialto_store::consent::{self, Grounds};

use crate::support::worlds;

#[tokio::test]
async fn counts_follow_a_persons_act_without_a_sync() {
    for w in worlds(300).await {
        let code = "NEWSLETTER";
        w.sync(code).await;
        let (group, before) = (w.group(code).await, w.waterfall(code).await);
        assert!(group.counts_current());
        let rows: Vec<(i64,)> = w
            .db
            .read()
            .all(
                "SELECT s.id FROM membership m JOIN subscriber s ON s.id = m.subscriber_id WHERE m.group_id = $1 AND s.address_state = 0
                AND s.remote_flag_run = 0 AND NOT EXISTS (SELECT 1 FROM subscriber o WHERE o.canonical = s.canonical AND o.id <> s.id) ORDER BY s.id",
                rialto_store::args![group.id],
            )
            .await
            .unwrap();
        let grounds = Grounds { source: "test", reason: "asked", evidence: "letter" };
        let vault = rialto_testkit::vault();
        let mut tx = w.db.write().await.unwrap();
        for (id,) in rows.iter().take(3) {
            consent::open(&mut tx, &vault, *id, Cause::OwnUnsubscribe, &grounds, &rialto_testkit::actor()).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert!(!w.group(code).await.counts_current(), "{}: the old count is not shown as true", w.name);
        // A count is made anew a while after the last one.
        w.time.fetch_add(1_000_000, std::sync::atomic::Ordering::SeqCst);
        w.engine.run_until_idle().await.unwrap();
        let after = w.waterfall(code).await;
        assert!(w.group(code).await.counts_current());
        assert_eq!((after.mailable, after.unsubscribed_here), (before.mailable - 3, before.unsubscribed_here + 3), "{}", w.name);
        let mut tx = w.db.write().await.unwrap();
        consent::lift(&mut tx, &vault, rows[0].0, Lifter::Admin { with_evidence: true }, &grounds, &rialto_testkit::actor()).await.unwrap();
        tx.commit().await.unwrap();
        // A count is made anew a while after the last one.
        w.time.fetch_add(1_000_000, std::sync::atomic::Ordering::SeqCst);
        w.engine.run_until_idle().await.unwrap();
        assert_eq!(w.waterfall(code).await.mailable, before.mailable - 2, "{}", w.name);
        assert_eq!(w.waterfall(code).await.read, before.read, "what was read is not touched");
    }
}

#[tokio::test]
async fn stored_thresholds_decide_the_next_run() {
    use rialto_store::settings;
    for w in worlds(300).await {
        let code = "NEWSLETTER";
        w.sync(code).await;
        let leaving = crate::support::first(&w.remote(code), 5);
        for (name, value) in [(settings::MAX_REMOVED, "1"), (settings::MAX_REMOVED_PERCENT, "1")] {
            let mut tx = w.db.write().await.unwrap();
            settings::set(&mut tx, name, Some(value), &rialto_testkit::actor()).await.unwrap();
            tx.commit().await.unwrap();
        }
        w.sandbox.sandbox.remove_from_list(code, &rialto_sandbox::Who::Ids(leaving));
        let run = w.sync(code).await;
        assert_eq!(run.state, "held", "{}: {}", w.name, run.reason);
        assert!(run.reason.contains("(1 and 1 %)"), "{}", run.reason);
    }
}

#[tokio::test]
async fn failed_sign_ins_long_past_are_forgotten_without_anybody_signing_in() {
    for w in worlds(100).await {
        let mut tx = w.db.write().await.unwrap();
        for n in 0..1_200 {
            rialto_store::throttle::attempt(&mut tx, &format!("account:{n}"), 5, rialto_core::Instant(rialto_testkit::START))
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        w.time.fetch_add(13 * 3_600 * 1_000_000, std::sync::atomic::Ordering::SeqCst);
        w.engine.run_until_idle().await.unwrap();
        let left: Vec<(i64,)> = w.db.read().all("SELECT COUNT(*) FROM login_throttle", rialto_store::args![]).await.unwrap();
        assert_eq!(left, [(0,)], "{}", w.name);
    }
}
