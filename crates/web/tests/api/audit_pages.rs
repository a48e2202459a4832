//! The audit list, turned page by page.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_store::{Actor, audit};
use serde_json::json;

use crate::harness::Test;
use crate::run_pages::turned;

/// Rows by two actors on two kinds of objects, each with a number of its own.
async fn written(test: &Test, rows: u64) {
    let mut tx = test.app.db.write().await.unwrap();
    for number in 0..rows {
        let actor = if number % 2 == 0 { "token:nightly" } else { "cli" };
        let object = if number % 3 == 0 { "folder" } else { "label" };
        let who = Actor { name: actor.into(), request_id: "test".into(), at: test.app.clock.now() };
        audit::write(&mut tx, &who, "sample", object, None, json!({ "number": number })).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// The numbers of the rows on a page, as written.
fn numbers(page: &str) -> Vec<String> {
    page.split("number: ").skip(1).filter_map(|rest| rest.split('<').next().map(str::to_owned)).collect()
}

#[tokio::test]
async fn the_audit_list_turns_to_its_end_and_back_along_every_filter() {
    for test in Test::on_both().await {
        written(&test, 160).await;
        test.user("admin@rialto.example", Role::Admin).await;
        let cookie = test.sign_in("admin@rialto.example").await;
        let list = "/settings/audit";
        for (path, pages) in [
            (format!("{list}?actor=token%3Anightly"), 2),
            (format!("{list}?object=folder"), 2),
            (format!("{list}?actor=token%3Anightly&object=label"), 2),
        ] {
            turned(&test, &cookie, &path, pages, numbers).await;
        }
        // Adding the user and signing in left rows of their own: 160 and a few make four pages.
        turned(&test, &cookie, list, 4, numbers).await;
        let newest = test.get(&format!("{list}?actor=token%3Anightly&object=label"), &cookie).await.text;
        assert_eq!(numbers(&newest)[..2], ["158", "154"], "{}", test.name);
        let odd = test.get(&format!("{list}?newer=x&before=y"), &cookie).await;
        assert_eq!(odd.status, StatusCode::OK, "a place that was never given is no fault of the server's");
    }
}
