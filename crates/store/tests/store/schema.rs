use rialto_store::{Db, migrate};
use rialto_testkit::both;

/// Tables and columns, as each database describes them.
async fn columns(db: &Db) -> Vec<(String, String)> {
    let text = if db.is_sqlite() {
        "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE '\\_%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%'"
    } else {
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%'"
    };
    let mut rows: Vec<(String, String)> = db.read().all(text, vec![]).await.unwrap();
    rows.sort();
    rows
}

#[tokio::test]
async fn both_databases_end_in_the_same_columns_and_migrating_twice_changes_nothing() {
    let both = both().await;
    let first = columns(&both[0].db).await;
    assert!(first.len() > 100, "{}", first.len());
    assert_eq!(first, columns(&both[1].db).await);
    for test in &both {
        migrate(&test.db).await.unwrap();
        assert_eq!(columns(&test.db).await, first);
    }
}

#[tokio::test]
async fn sqlite_never_turns_the_lookup_round() {
    let test = rialto_testkit::sqlite().await;
    let mut tx = test.db.write().await.unwrap();
    let plan: Vec<(i64, i64, i64, String)> = tx
        .all("EXPLAIN QUERY PLAN SELECT remote_id, id, hash FROM subscriber WHERE bridge_id = 1 AND remote_id IN (SELECT value FROM json_each('[]'))", vec![])
        .await
        .unwrap();
    let text: Vec<String> = plan.into_iter().map(|r| r.3).collect();
    assert!(text.iter().any(|t| t.contains("SEARCH subscriber USING INDEX subscriber_remote (bridge_id=? AND remote_id=?)")), "{text:?}");
}
