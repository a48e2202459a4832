//! People who share an address with somebody who decided: asked about, told once, by people who may.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_core::preference::Link;
use rialto_store::args;
use serde_json::json;

use crate::harness::Test;
use crate::people::{people, run};
use crate::runs::seeded;

/// Records 1, 4 and 5 share an address; the first leaves by the link of a mailing.
async fn household(test: &Test) {
    let (bridge, groups) = seeded(test, 1).await;
    people(test, bridge, groups[0].id, 5).await;
    run(test, "UPDATE subscriber SET address = 'home@members.example', canonical = 'home@members.example' WHERE id IN (1, 4, 5)", args![])
        .await;
    act(test, "unsubscribe").await;
}

async fn act(test: &Test, act: &str) {
    let path = format!("/u/{}", test.app.vault.preference_token(Link { subscriber_id: 1, mailing_id: 3 }));
    assert_eq!(test.form(&path, "", &[("act", act)], &[]).await.status, StatusCode::OK);
}

async fn told(test: &Test) -> Vec<(i64, String)> {
    let text = "SELECT subscriber_id, message FROM writeback WHERE kind = 'unsubscribe' ORDER BY id";
    test.app.db.read().all(text, args![]).await.unwrap()
}

#[tokio::test]
async fn the_chosen_are_told_once_and_without_the_words_of_another() {
    for test in Test::on_both().await {
        household(&test).await;
        let (editor, viewer, admin) = (test.token(Role::Marketer).await, test.token(Role::Viewer).await, test.token(Role::Admin).await);
        let all = test.api(&viewer, "GET", "/households", None).await.json();
        assert_eq!(all["total"], 1, "{}", test.name);
        let one = &all["items"][0];
        assert_eq!((&one["cause"], &one["by"], &one["standing"]), (&json!("own_unsubscribe"), &json!("person:link"), &json!(true)));
        assert_eq!(one["records"].as_array().unwrap().iter().map(|r| r["remote_id"].as_str().unwrap()).collect::<Vec<_>>(), ["R-4", "R-5"]);
        assert_eq!(one["records"][0]["causes"], json!(["own_unsubscribe"]), "silent here all the same");
        let path = format!("/households/{}/decide", one["id"].as_str().unwrap());
        let five = one["records"][1]["subscriber"].clone();
        let tell = |ids: serde_json::Value| Some(json!({"decision": "tell", "tell": ids}));
        assert_eq!(test.api(&viewer, "POST", &path, tell(json!([five]))).await.status, StatusCode::FORBIDDEN);
        for (body, status) in [
            (json!({"decision": "tell"}), StatusCode::UNPROCESSABLE_ENTITY),
            (json!({"decision": "leave", "tell": [five]}), StatusCode::UNPROCESSABLE_ENTITY),
            (json!({"decision": "burn"}), StatusCode::UNPROCESSABLE_ENTITY),
            (json!({"decision": "tell", "tell": ["x"]}), StatusCode::UNPROCESSABLE_ENTITY),
            (json!({"decision": "tell", "tell": [one["subscriber"]]}), StatusCode::CONFLICT),
        ] {
            assert_eq!(test.api(&editor, "POST", &path, Some(body.clone())).await.status, status, "{body}");
        }
        assert_eq!(told(&test).await.len(), 1, "only the one who left");
        let done = test.api(&editor, "POST", &path, tell(json!([five, five]))).await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text);
        assert_eq!((&done.json()["state"], &done.json()["decided_by"]), (&json!("told"), &json!("token:marketer")));
        let told = told(&test).await;
        assert_eq!(told.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 5], "{}", test.name);
        assert!(told[1].1.contains("Shares its address"), "{}", told[1].1);
        assert_eq!(test.api(&editor, "POST", &path, tell(json!([five]))).await.status, StatusCode::CONFLICT, "once");
        assert_eq!(test.api(&viewer, "GET", "/households", None).await.json()["total"], 0);
        assert_eq!(test.api(&viewer, "GET", "/households?state=decided", None).await.json()["items"][0]["state"], "told");
        let audit = test.api(&admin, "GET", "/audit", None).await.json();
        let row = audit["items"].as_array().unwrap().iter().find(|r| r["action"] == "household.decide").unwrap().clone();
        assert_eq!((&row["detail"]["decision"], &row["detail"]["told"]), (&json!("told"), &json!([5])));
    }
}

#[tokio::test]
async fn what_was_taken_back_is_told_to_nobody() {
    for test in Test::on_both().await {
        household(&test).await;
        act(&test, "resubscribe").await;
        let editor = test.token(Role::Marketer).await;
        let one = test.api(&editor, "GET", "/households", None).await.json()["items"][0].clone();
        assert_eq!(one["standing"], false);
        let path = format!("/households/{}/decide", one["id"].as_str().unwrap());
        let tell = json!({"decision": "tell", "tell": [one["records"][0]["subscriber"]]});
        assert_eq!(test.api(&editor, "POST", &path, Some(tell)).await.status, StatusCode::CONFLICT);
        let left = test.api(&editor, "POST", &path, Some(json!({"decision": "leave"}))).await;
        assert_eq!((left.status, &left.json()["state"]), (StatusCode::OK, &json!("left")), "{}", test.name);
        assert_eq!(told(&test).await.len(), 1);
    }
}

#[tokio::test]
async fn the_page_asks_and_a_form_answers() {
    for test in Test::on_both().await {
        household(&test).await;
        test.user("ann@rialto.example", Role::Marketer).await;
        test.user("vic@rialto.example", Role::Viewer).await;
        let (ann, vic) = (test.sign_in("ann@rialto.example").await, test.sign_in("vic@rialto.example").await);
        let page = test.get("/subscribers/households", &ann).await;
        for text in ["home@members.example at Members", "2 other records of Members bear the address", "the person, by their link", "R-5"] {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        assert!(!test.get("/subscribers/households", &vic).await.text.contains("<button name=\"decision\""), "a viewer looks only");
        let action = page.text.split("action=\"").find(|t| t.starts_with("/subscribers/households/")).unwrap().split('"').next().unwrap();
        let csrf = page.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let none = test.form(action, &ann, &[("csrf", &csrf), ("decision", "tell")], &[]).await;
        assert_eq!(none.status, StatusCode::BAD_REQUEST);
        let left = test.form(action, &ann, &[("csrf", &csrf), ("decision", "leave")], &[]).await;
        assert_eq!((left.status, left.header("location")), (StatusCode::SEE_OTHER, "/subscribers/households"));
        let page = test.get("/subscribers/households", &ann).await;
        assert!(page.text.contains("Left as they were") && page.text.contains("Nothing waits for you"), "{}", page.text);
        assert_eq!(told(&test).await.len(), 1, "{}", test.name);
    }
}

#[tokio::test]
async fn a_neighbours_page_shows_what_another_record_did_and_the_link_is_given_out_with_an_audit_row() {
    for test in Test::on_both().await {
        household(&test).await;
        let (editor, viewer, admin) = (test.token(Role::Marketer).await, test.token(Role::Viewer).await, test.token(Role::Admin).await);
        let found = test.api(&viewer, "GET", "/subscribers?remote_id=R-4", None).await.json()["items"][0]["id"].clone();
        let path = format!("/subscribers/{}", found.as_str().unwrap());
        let consent = test.api(&viewer, "GET", &format!("{path}/consent"), None).await.json();
        let entry = &consent["ledger"]["items"][0];
        assert_eq!((&entry["own"], &entry["remote_id"], &entry["source"]), (&json!(false), &json!("R-1"), &json!("preference page")));
        assert_eq!(entry["evidence"], "Signed link of mailing 3; page in en, wording 2");
        assert!(consent["sentences"][0].as_str().unwrap().starts_with("No: they unsubscribed here."), "{consent}");
        assert_eq!((consent["same_address"].as_array().unwrap().len(), &consent["households_waiting"]), (2, &json!(1)), "{}", test.name);

        assert_eq!(test.api(&viewer, "GET", &path, None).await.json()["preference_url"], json!(null));
        let url = test.api(&editor, "GET", &path, None).await.json()["preference_url"].as_str().unwrap().to_owned();
        assert_eq!(test.get(url.strip_prefix("http://rialto.example").unwrap(), "").await.status, StatusCode::OK);
        test.user("ann@rialto.example", Role::Marketer).await;
        let ann = test.sign_in("ann@rialto.example").await;
        let page = test.get(&path, &ann).await;
        for text in ["by another record with this address", "R-1", "waits for your answer", "Preference page", "Signed link of mailing 3"] {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        let csrf = page.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let opened = test.form(&format!("{path}/preference-page"), &ann, &[("csrf", &csrf)], &[]).await;
        assert_eq!((opened.status, &opened.header("location")[..3]), (StatusCode::SEE_OTHER, "/u/"));
        let audit = test.api(&admin, "GET", "/audit", None).await.json();
        let by: Vec<&str> = audit["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|r| r["action"] == "subscriber.preference_link")
            .filter_map(|r| r["by"].as_str())
            .collect();
        assert_eq!(by, ["user:ann@rialto.example", "token:marketer"]);
    }
}
