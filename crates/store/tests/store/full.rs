//! Storage that takes nothing more.

use rialto_store::args;

/// SQLite rolls back by itself what a full file broke off; the one write connection must be fit for the next transaction.
#[tokio::test]
async fn writing_goes_on_after_a_transaction_met_a_full_file() {
    let test = rialto_testkit::sqlite().await;
    let text = "INSERT INTO audit (id, created_at, actor, action, object, detail) VALUES ($1, 0, 'test', 'test', 'test', $2)";
    let mut tx = test.db.write().await.unwrap();
    // No smaller than it is, and for this connection alone.
    tx.run("PRAGMA max_page_count = 1", args![]).await.unwrap();
    let mut full = None;
    for id in 1_000..2_000_i64 {
        if let Err(error) = tx.run(text, args![id, "x".repeat(4_000)]).await {
            full = Some(error);
            break;
        }
    }
    assert!(full.as_ref().is_some_and(rialto_store::StoreError::is_away), "{full:?}");
    drop(tx);
    for id in [5_000_i64, 5_001] {
        let mut tx = test.db.write().await.unwrap();
        tx.run(text, args![id, "after"]).await.unwrap();
        tx.commit().await.unwrap();
    }
    let kept: Vec<(i64,)> = test.db.read().all("SELECT id FROM audit WHERE actor = 'test' ORDER BY id", args![]).await.unwrap();
    assert_eq!(kept, [(5_000,), (5_001,)], "nothing of what was broken off");
}
