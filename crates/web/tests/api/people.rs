//! People of a group, their consent, and what a run changed: pages that stay true while lists change.

use axum::http::StatusCode;
use rialto_core::consent::Cause;
use rialto_core::permissions::Role;
use rialto_core::run::RunState;
use rialto_core::{Kind, PublicId};
use rialto_store::args;
use rialto_store::consent::{self, Grounds};
use serde_json::{Value, json};

use crate::harness::Test;
use crate::runs::{ended, id_of, seeded};

pub async fn run(test: &Test, sql: &'static str, args: Vec<rialto_store::sql::Arg>) {
    let mut tx = test.app.db.write().await.unwrap();
    tx.run(sql, args).await.unwrap();
    tx.commit().await.unwrap();
}

/// `count` people in a group; the third has no address, the second a remote "no".
pub async fn people(test: &Test, bridge: i64, group: i64, count: i64) {
    for id in 1..=count {
        let address = if id == 3 { String::new() } else { format!("p{id}@members.example") };
        let (state, seen, flag) = (if id == 3 { 1_i64 } else { 0 }, if id == 2 { 2_i64 } else { 1 }, if id == 2 { 1_i64 } else { 0 });
        run(
            test,
            "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state,
            remote_flag_seen, remote_flag_run, hash) VALUES ($1, $2, 1, $3, $4, $5, $5, $6, $7, $8, 1)",
            args![id, test.app.clock.now(), bridge, format!("R-{id}"), address, state, seen, flag],
        )
        .await;
        run(test, "INSERT INTO membership (group_id, subscriber_id) VALUES ($1, $2)", args![group, id]).await;
    }
    run(test, "UPDATE target_group SET members = $2, applied_run = 1 WHERE id = $1", args![group, count]).await;
}

pub async fn all_pages(test: &Test, token: &str, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = test.api(token, "GET", &format!("{path}{sign}limit=2&cursor={cursor}"), None).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let page = page.json();
        assert!(page["items"].as_array().unwrap().len() <= 2);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else {
            assert_eq!(page["total"], items.len(), "{path}");
            return items;
        };
        cursor = next.to_owned();
    }
}

#[tokio::test]
async fn members_page_until_the_list_changes() {
    for test in Test::on_both().await {
        let token = test.token(Role::Viewer).await;
        let (bridge, groups) = seeded(&test, 1).await;
        people(&test, bridge, groups[0].id, 5).await;
        let path = format!("/target-groups/{}/subscribers", id_of(&groups[0]));
        let items = all_pages(&test, &token, &path).await;
        let ids: Vec<&str> = items.iter().map(|i| i["remote_id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["R-1", "R-2", "R-3", "R-4", "R-5"]);
        assert_eq!(
            (&items[0]["mailable"], &items[1]["causes"], &items[2]["mailable"]),
            (&json!(true), &json!(["remote_flag"]), &json!(false))
        );
        assert_eq!((&items[1]["remote_flag"], &items[2]["address_state"]), (&json!("no"), &json!("missing")));
        let page = test.api(&token, "GET", &format!("{path}?limit=2"), None).await.json();
        run(&test, "UPDATE target_group SET applied_run = 2 WHERE id = $1", args![groups[0].id]).await;
        let next = format!("{path}?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
        assert_eq!(test.api(&token, "GET", &next, None).await.status, StatusCode::CONFLICT);
    }
}

#[tokio::test]
async fn people_are_found_and_their_consent_is_told() {
    for test in Test::on_both().await {
        let token = test.token(Role::Viewer).await;
        let (bridge, groups) = seeded(&test, 1).await;
        people(&test, bridge, groups[0].id, 5).await;
        assert_eq!(all_pages(&test, &token, "/subscribers").await.len(), 5);
        let found = all_pages(&test, &token, "/subscribers?email=P4@Members.example").await;
        assert_eq!((found.len(), &found[0]["remote_id"]), (1, &json!("R-4")));
        let path = |n: &Value| format!("/subscribers/{}", n["id"].as_str().unwrap());
        for text in [
            "CREATE TABLE profile_1 (subscriber_id BIGINT PRIMARY KEY, f1 TEXT)",
            "INSERT INTO profile_1 VALUES (4, 'Ada')",
            "INSERT INTO bridge_field (bridge_id, number, position, name, label, kind) VALUES (1, 1, 1, 'FIRST_NAME', 'First name', 'text')",
        ] {
            run(&test, text, args![]).await;
        }
        let mut one = test.api(&token, "GET", &path(&found[0]), None).await.json();
        assert_eq!(one["fields"], json!({"FIRST_NAME": "Ada"}));
        one.as_object_mut().unwrap().remove("fields");
        one.as_object_mut().unwrap().remove("preference_url");
        assert_eq!(one, found[0]);
        let by_key = all_pages(&test, &token, "/subscribers?remote_id=R-2").await;
        assert_eq!(by_key.len(), 1);
        assert_eq!(all_pages(&test, &token, "/subscribers?remote_id=R-2&email=p4@members.example").await.len(), 0);

        let told = test.api(&token, "GET", &format!("{}/consent", path(&by_key[0])), None).await.json();
        assert_eq!(told["verdict"]["mailable"], false);
        assert_eq!(told["verdict"]["causes"], json!([{"cause": "remote_flag", "label": "Unsubscribed from remote system"}]));
        let told = test.api(&token, "GET", &format!("{}/consent", path(&found[0])), None).await.json();
        assert_eq!(
            (&told["verdict"]["mailable"], &told["verdict"]["line"], &told["ledger"]["total"]),
            (&json!(true), &json!("mailable"), &json!(0))
        );
        let mut tx = test.app.db.write().await.unwrap();
        let grounds = Grounds { source: "api", reason: "on the phone", evidence: "ticket 7" };
        consent::open(&mut tx, &test.app.vault, 4, Cause::OwnUnsubscribe, &grounds, &test.actor()).await.unwrap();
        tx.commit().await.unwrap();
        let told = test.api(&token, "GET", &format!("{}/consent", path(&found[0])), None).await.json();
        assert_eq!((&told["verdict"]["mailable"], &told["verdict"]["line"]), (&json!(false), &json!("unsubscribed_here")));
        let entry = &told["ledger"]["items"][0];
        assert_eq!((&entry["act"], &entry["cause"], &entry["evidence"]), (&json!("open"), &json!("own_unsubscribe"), &json!("ticket 7")));
        let missing = all_pages(&test, &token, "/subscribers?remote_id=R-3").await;
        let told = test.api(&token, "GET", &format!("{}/consent", path(&missing[0])), None).await.json();
        assert_eq!((&told["verdict"]["mailable"], &told["verdict"]["line"]), (&json!(false), &json!("no_address")));
    }
}

#[tokio::test]
async fn changes_of_a_run_page_through_all_kinds() {
    for test in Test::on_both().await {
        let token = test.token(Role::Viewer).await;
        let (bridge, groups) = seeded(&test, 1).await;
        people(&test, bridge, groups[0].id, 5).await;
        let id = ended(&test, bridge, groups[0].id, RunState::Succeeded).await;
        let number = PublicId::parse(&id, Kind::SyncRun).unwrap().id;
        for (person, op) in [(1_i64, 1_i64), (2, 1), (3, 1), (4, 2), (5, 3)] {
            run(&test, "INSERT INTO membership_change (run_id, subscriber_id, op) VALUES ($1, $2, $3)", args![number, person, op]).await;
        }
        run(
            &test,
            "INSERT INTO person_change (run_id, subscriber_id, before_values) VALUES ($1, 2, $2)",
            args![number, r#"{"address": "old@x.example"}"#],
        )
        .await;
        run(&test, "INSERT INTO flag_change (run_id, subscriber_id, op) VALUES ($1, 2, 1)", args![number]).await;
        for n in 1..=3_i64 {
            run(
                &test,
                "INSERT INTO sync_run_note (run_id, number, kind, remote_id, detail) VALUES ($1, $2, 'rejected', '', 'the row has no key')",
                args![number, n],
            )
            .await;
        }
        let path = format!("/sync-runs/{id}/changes");
        let all = all_pages(&test, &token, &path).await;
        let kinds: Vec<&str> = all.iter().map(|c| c["change"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["joined", "joined", "joined", "left", "withheld", "updated", "suppressed", "rejected", "rejected", "rejected"]);
        assert_eq!((&all[5]["detail"]["address"], &all[7]["detail"]), (&json!("old@x.example"), &json!("the row has no key")));
        assert_eq!(all_pages(&test, &token, &format!("{path}?change=joined")).await.len(), 3);
        assert_eq!(all_pages(&test, &token, &format!("{path}?change=note")).await.len(), 3);
    }
}
