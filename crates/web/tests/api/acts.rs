//! Unsubscribe and resubscribe on a person's word, and what people do with target groups.

use axum::http::StatusCode;
use rialto_core::books::Waterfall;
use rialto_core::consent::Cause;
use rialto_core::permissions::Role;
use rialto_core::run::RunState;
use rialto_store::consent::{self, Grounds};
use rialto_store::groups;
use rialto_store::waterfall::{self, Basis};
use rialto_store::{args, bridges};
use serde_json::{Value, json};

use crate::harness::Test;
use crate::people::{all_pages, people, run};
use crate::runs::{ended, id_of, seeded};

pub async fn subscriber(test: &Test, token: &str, remote_id: &str) -> String {
    let found = all_pages(test, token, &format!("/subscribers?remote_id={remote_id}")).await;
    format!("/subscribers/{}", found[0]["id"].as_str().unwrap())
}

pub fn because(reason: &str) -> Option<Value> {
    Some(json!({"reason": reason, "evidence": "ticket 7"}))
}

/// Counts the group as a sync would.
async fn counted(test: &Test, group: i64, members: i64) {
    let basis = Basis::now(&test.app.db, 1).await.unwrap();
    let read = rialto_core::Counts { read: members, ..Default::default() };
    let w: Waterfall = waterfall::compute(&test.app.db, group, members, read).await.unwrap();
    let mut tx = test.app.db.write().await.unwrap();
    groups::set_waterfall(&mut tx, group, &w, basis, test.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_unsubscribe_binds_record_and_address_and_is_told_once() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let (bridge, all) = seeded(&test, 2).await;
        people(&test, bridge, all[0].id, 5).await;
        // A neighbour with the same address, and another group without either of them.
        run(&test, "UPDATE subscriber SET address = 'p4@members.example', canonical = 'p4@members.example' WHERE id = 5", args![]).await;
        run(&test, "INSERT INTO membership (group_id, subscriber_id) VALUES ($1, 1)", args![all[1].id]).await;
        counted(&test, all[0].id, 5).await;
        counted(&test, all[1].id, 1).await;
        let (one, two) = (subscriber(&test, &token, "R-4").await, subscriber(&test, &token, "R-5").await);
        let first = test.api(&token, "POST", &format!("{one}/unsubscribe"), because("asked on the phone")).await;
        assert_eq!(first.status, StatusCode::OK, "{}", first.text);
        let first = first.json();
        assert_eq!((&first["changed"], &first["verdict"]["line"]), (&json!(true), &json!("unsubscribed_here")));
        assert_eq!(first["causes"], json!([{"cause": "own_unsubscribe", "label": "Unsubscribed here"}]));
        let again = test.api(&token, "POST", &format!("{one}/unsubscribe"), because("again")).await.json();
        assert_eq!((&again["changed"], &again["causes"], &again["verdict"]), (&json!(false), &json!([]), &first["verdict"]));
        let neighbour = test.api(&token, "GET", &format!("{two}/consent"), None).await.json();
        assert_eq!(neighbour["verdict"]["causes"][0]["cause"], "own_unsubscribe", "the address is bound in every record");
        let ledger = test.api(&token, "GET", &format!("{one}/consent"), None).await.json()["ledger"].clone();
        assert_eq!(ledger["total"], 1, "the second time wrote nothing");
        let entry = &ledger["items"][0];
        assert_eq!(
            (&entry["reason"], &entry["evidence"], &entry["by"], &entry["source"]),
            (&json!("asked on the phone"), &json!("ticket 7"), &json!("token:marketer"), &json!("api"))
        );
        let admin = test.token(Role::Admin).await;
        let audit = test.api(&admin, "GET", "/audit", None).await.json();
        assert_eq!(audit["items"].as_array().unwrap().iter().filter(|r| r["action"] == "consent.open").count(), 1);

        let counts = async |n: usize| test.api(&token, "GET", &format!("/target-groups/{}/counts", id_of(&all[n])), None).await.json();
        assert_eq!((&counts(0).await["counts_current"], &counts(1).await["counts_current"]), (&json!(false), &json!(true)));
        counted(&test, all[0].id, 5).await;
        let now = counts(0).await;
        assert_eq!((&now["counts_current"], &now["waterfall"]["unsubscribed_here"]), (&json!(true), &json!(1)));
    }
}

#[tokio::test]
async fn a_resubscribe_lifts_what_rialto_holds_and_tells_what_stays() {
    for test in Test::on_both().await {
        let (admin, marketer) = (test.token(Role::Admin).await, test.token(Role::Marketer).await);
        let (bridge, all) = seeded(&test, 1).await;
        people(&test, bridge, all[0].id, 5).await;
        // The second has the remote's no; it also unsubscribes here and is blocked.
        let two = subscriber(&test, &admin, "R-2").await;
        test.api(&admin, "POST", &format!("{two}/unsubscribe"), because("letter")).await;
        let mut tx = test.app.db.write().await.unwrap();
        let grounds = Grounds { source: "test", reason: "abuse", evidence: "log" };
        for cause in [Cause::Complaint, Cause::Admin, Cause::InvalidAddress, Cause::Upload] {
            assert!(consent::open(&mut tx, &test.app.vault, 2, cause, &grounds, &test.actor()).await.unwrap());
        }
        tx.commit().await.unwrap();
        let refused = test.api(&marketer, "POST", &format!("{two}/resubscribe"), because("letter")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        let done = test.api(&admin, "POST", &format!("{two}/resubscribe"), because("a second letter")).await.json();
        let lifted: Vec<&str> = done["causes"].as_array().unwrap().iter().map(|c| c["cause"].as_str().unwrap()).collect();
        assert_eq!(lifted, ["admin", "complaint", "invalid_address", "own_unsubscribe", "upload"]);
        assert_eq!(done["verdict"]["causes"], json!([{"cause": "remote_flag", "label": "Unsubscribed from remote system"}]));
        assert_eq!(done["sentences"][1], "Still open: Members says no for R-2. Only its own later yes lifts this.");
        assert_eq!(done["verdict"]["mailable"], false);
        let again = test.api(&admin, "POST", &format!("{two}/resubscribe"), because("a second letter")).await.json();
        assert_eq!((&again["changed"], &again["causes"], &again["verdict"]), (&json!(false), &json!([]), &done["verdict"]));
        let ledger = test.api(&admin, "GET", &format!("{two}/consent"), None).await.json();
        assert_eq!(ledger["ledger"]["total"], 10, "five opened, five lifted");
        // Without a remote's no the person is mailable again; whoever shares the address is told of.
        let four = subscriber(&test, &admin, "R-4").await;
        run(&test, "UPDATE subscriber SET address = 'p4@members.example', canonical = 'p4@members.example' WHERE id = 5", args![]).await;
        test.api(&admin, "POST", &format!("{four}/unsubscribe"), because("letter")).await;
        let five = subscriber(&test, &admin, "R-5").await;
        let done = test.api(&admin, "POST", &format!("{five}/resubscribe"), because("the wife's own letter")).await.json();
        assert_eq!((&done["verdict"]["mailable"], done["sentences"].as_array().unwrap().len()), (&json!(true), 3), "{done}");
        let husband = test.api(&admin, "GET", &format!("{four}/consent"), None).await.json();
        assert_eq!(husband["verdict"]["mailable"], false, "his own record's word stays");
    }
}

#[tokio::test]
async fn reason_and_evidence_are_asked_for_and_a_key_acts_once() {
    for test in Test::on_both().await {
        let token = test.token(Role::Admin).await;
        let (bridge, all) = seeded(&test, 1).await;
        people(&test, bridge, all[0].id, 5).await;
        let path = subscriber(&test, &token, "R-1").await;
        for act in ["unsubscribe", "resubscribe"] {
            for (body, field) in [
                (json!({"reason": "x"}), "evidence"),
                (json!({"reason": " ", "evidence": "x"}), "reason"),
                (json!({"reason": "x", "evidence": ""}), "evidence"),
                (json!({"reason": "x".repeat(1_001), "evidence": "x"}), "reason"),
                (json!({"reason": "x", "evidence": "x", "cause": "admin"}), "cause"),
            ] {
                let answer = test.api(&token, "POST", &format!("{path}/{act}"), Some(body.clone())).await;
                assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{act} {body}");
                assert_eq!(answer.json()["errors"][0]["field"], field, "{act} {body}");
            }
        }
        let key = [("idempotency-key", "one")];
        let first = test.api_with(&token, "POST", &format!("{path}/unsubscribe"), because("letter"), &key).await;
        let again = test.api_with(&token, "POST", &format!("{path}/unsubscribe"), because("letter"), &key).await;
        assert_eq!((again.header("idempotent-replayed"), again.json()), ("true", first.json()));
        assert_eq!(again.json()["changed"], true, "the first answer, not a second act");
    }
}

#[tokio::test]
async fn a_remote_group_moves_but_keeps_the_remote_name() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let (_, all) = seeded(&test, 1).await;
        let path = format!("/target-groups/{}", id_of(&all[0]));
        let moved = test.api(&token, "PATCH", &path, Some(json!({"folder": "  Spring "}))).await.json();
        assert_eq!(moved["folder"], "Spring");
        assert_eq!(test.api(&token, "PATCH", &path, Some(json!({}))).await.json()["folder"], "Spring");
        for (body, field) in [
            (json!({"name": "Mine"}), "name"),
            (json!({"description": "Mine", "folder": "Other"}), "description"),
            (json!({"folder": "x".repeat(201)}), "folder"),
            (json!({"folder": "a\tb"}), "folder"),
            (json!({"kind": "compound"}), "kind"),
        ] {
            let answer = test.api(&token, "PATCH", &path, Some(body.clone())).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
            assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
        }
        assert_eq!(test.api(&token, "GET", &path, None).await.json()["folder"], "Spring");
    }
}

#[tokio::test]
async fn a_group_is_deleted_when_nothing_would_bring_it_back() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let (bridge, all) = seeded(&test, 2).await;
        people(&test, bridge, all[0].id, 5).await;
        let path = format!("/target-groups/{}", id_of(&all[0]));
        let offered = test.api(&token, "DELETE", &path, None).await;
        assert_eq!(offered.status, StatusCode::CONFLICT, "the remote still offers it");
        let mut tx = test.app.db.write().await.unwrap();
        groups::set_state(&mut tx, all[0].id, "gone").await.unwrap();
        tx.commit().await.unwrap();
        let held = ended(&test, bridge, all[0].id, RunState::Held).await;
        assert_eq!(test.api(&token, "DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(test.api(&token, "DELETE", &path, None).await.status, StatusCode::NOT_FOUND);
        assert_eq!(test.api(&token, "GET", &path, None).await.status, StatusCode::NOT_FOUND);
        assert_eq!(test.api(&token, "GET", &format!("/sync-runs/{held}"), None).await.json()["state"], "superseded");
        while groups::purge(&test.app.db).await.unwrap() {}
        assert_eq!(rialto_store::membership::count(test.app.db.read(), all[0].id).await.unwrap(), 0);
        assert_eq!(all_pages(&test, &token, "/subscribers").await.len(), 5, "people stay");

        // The list comes back: its group does, empty.
        let mut tx = test.app.db.write().await.unwrap();
        let list = groups::Described {
            code: "L0".into(),
            name: "Back again".into(),
            description: String::new(),
            active: true,
            regeneration: String::new(),
            members: None,
            refreshed_at: None,
            modified_at: None,
        };
        let figures = groups::mirror(&mut tx, bridge, "Personify", &[list], false, test.app.clock.now()).await.unwrap();
        bridges::delete(&mut tx, bridge, &test.actor()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(figures.added, 1);
        let back = test.api(&token, "GET", &path, None).await.json();
        assert_eq!(
            (&back["name"], &back["members"], &back["state"], &back["synced_at"]),
            (&json!("Back again"), &json!(0), &json!("active"), &json!(null))
        );
        // Without its bridge nothing offers the list any more.
        assert_eq!(test.api(&token, "DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
    }
}
