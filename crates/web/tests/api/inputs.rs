//! Filters, bounds, and requests that are sent twice.

use axum::http::StatusCode;
use rialto_core::fields::FieldType;
use rialto_core::permissions::Role;
use rialto_store::bridges::{self, Entered};
use rialto_store::fields;
use serde_json::{Value, json};

use crate::harness::Test;

async fn bridge(test: &Test) -> (i64, String) {
    let mut tx = test.app.db.write().await.unwrap();
    let entered = Entered {
        name: "Members".into(),
        settings: [("base_url".to_owned(), "https://p360.example/".to_owned())].into(),
        secrets: [("username".to_owned(), "rialto".to_owned()), ("password".to_owned(), "hush".to_owned())].into(),
        enabled: true,
    };
    let id = bridges::create(&mut tx, &test.app.vault, "personify360", &entered, &test.actor()).await.unwrap();
    let offered: Vec<fields::Offered> =
        (0..70).map(|n| fields::Offered { name: format!("F{n:02}"), label: String::new(), kind: FieldType::Text, length: None }).collect();
    fields::mirror(&mut tx, id, &offered, test.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let public = rialto_core::PublicId::new(rialto_core::Kind::Bridge, test.app.clock.now(), id).to_string();
    (id, public)
}

fn faulty(answer: &crate::harness::Answer) -> String {
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    answer.json()["errors"][0]["field"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_unknown_value_of_a_filter_is_told_with_its_name() {
    for test in Test::on_both().await {
        let token = test.token(Role::Viewer).await;
        for (query, field) in [
            ("sync-runs?state=done", "state"),
            ("sync-runs?kind=everything", "kind"),
            ("sync-runs?limit=many", "limit"),
            ("target-groups?kind=list", "kind"),
            ("target-groups?limit=99999999999999999999", "limit"),
        ] {
            assert_eq!(faulty(&test.api(&token, "GET", &format!("/{query}"), None).await), field, "{query}");
        }
        for query in ["sync-runs?state=held&kind=people", "target-groups?kind=remote"] {
            assert_eq!(test.api(&token, "GET", &format!("/{query}"), None).await.status, StatusCode::OK, "{query}");
        }
    }
}

#[tokio::test]
async fn fields_come_in_pages_and_change_within_bounds() {
    for test in Test::on_both().await {
        let (_, id) = bridge(&test).await;
        let token = test.token(Role::Admin).await;
        let path = format!("/bridges/{id}/fields");
        let first = test.api(&token, "GET", &format!("{path}?limit=40"), None).await.json();
        assert_eq!((first["items"].as_array().unwrap().len(), &first["total"]), (40, &json!(70)));
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = test.api(&token, "GET", &format!("{path}?limit=40&cursor={cursor}"), None).await.json();
        assert_eq!((second["items"].as_array().unwrap().len(), &second["next_cursor"]), (30, &Value::Null));
        let mut numbers: Vec<i64> = first["items"]
            .as_array()
            .unwrap()
            .iter()
            .chain(second["items"].as_array().unwrap())
            .map(|f| f["number"].as_i64().unwrap())
            .collect();
        numbers.dedup();
        assert_eq!(numbers.len(), 70);

        let one = json!({"number": numbers[0], "shown": true});
        let twice = test.api(&token, "PATCH", &path, Some(json!({"fields": [one, one]}))).await;
        assert_eq!(faulty(&twice), "fields[1].number");
        let many: Vec<Value> = (0..301).map(|n| json!({"number": n, "shown": true})).collect();
        assert_eq!(faulty(&test.api(&token, "PATCH", &path, Some(json!({"fields": many}))).await), "fields");
    }
}

#[tokio::test]
async fn a_bridge_has_the_same_bounds_everywhere() {
    for test in Test::on_both().await {
        let (_, id) = bridge(&test).await;
        let token = test.token(Role::Admin).await;
        let path = format!("/bridges/{id}");
        assert_eq!(faulty(&test.api(&token, "PATCH", &path, Some(json!({"secrets": {"password": null}}))).await), "secrets.password");
        assert_eq!(faulty(&test.api(&token, "PATCH", &path, Some(json!({"name": "x".repeat(101)}))).await), "name");
        let named = test.api(&token, "PATCH", &path, Some(json!({"name": "x".repeat(100)}))).await;
        assert_eq!(named.status, StatusCode::OK, "{}", named.text);
        assert_eq!(named.json()["secrets_set"], json!(["password", "username"]), "a refused change took nothing away");
    }
}

#[tokio::test]
async fn the_audit_trail_says_on_whom() {
    for test in Test::on_both().await {
        let (_, id) = bridge(&test).await;
        let token = test.token(Role::Admin).await;
        test.user("boss@rialto.example", Role::Admin).await;
        let new = json!({"email": "bob@rialto.example", "role": "viewer", "password": "a long and quiet river"});
        let user = test.api(&token, "POST", "/users", Some(new)).await.json()["id"].as_str().unwrap().to_owned();
        let made = test.api(&token, "POST", "/tokens", Some(json!({"name": "nightly", "role": "viewer"}))).await.json();
        let nightly = made["id"].as_str().unwrap().to_owned();
        for (method, path, body) in [
            ("PATCH", format!("/users/{user}"), Some(json!({"role": "marketer"}))),
            ("PUT", format!("/users/{user}/password"), Some(json!({"password": "another long and quiet river"}))),
            ("DELETE", format!("/tokens/{nightly}"), None),
            ("DELETE", format!("/bridges/{id}"), None),
        ] {
            let answer = test.api(&token, method, &path, body).await;
            assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
        }
        let audit = test.api(&token, "GET", "/audit", None).await.json();
        let rows: Vec<(&str, &str, &Value)> = audit["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| (r["action"].as_str().unwrap(), r["object_id"].as_str().unwrap(), &r["detail"]))
            .collect();
        for (action, object, field, name) in [
            ("bridge.delete", &id, "name", "Members"),
            ("token.revoke", &nightly, "name", "nightly"),
            ("user.password", &user, "email", "bob@rialto.example"),
            ("user.update", &user, "email", "bob@rialto.example"),
        ] {
            let row = rows.iter().find(|r| r.0 == action).unwrap_or_else(|| panic!("{action}"));
            assert_eq!((row.1, row.2[field].as_str()), (object.as_str(), Some(name)), "{} {action}", test.name);
        }
    }
}

#[tokio::test]
async fn after_a_fault_of_ours_the_same_key_does_nothing_again() {
    for test in Test::on_both().await {
        let token = test.token(Role::Admin).await;
        let new = json!({"email": "bob@rialto.example", "role": "viewer", "password": "a long and quiet river"});
        let send = async |key: &str| test.api_with(&token, "POST", "/users", Some(new.clone()), &[("idempotency-key", key)]).await;
        let rename = async |text: &'static str| {
            let mut tx = test.app.db.write().await.unwrap();
            tx.run(text, rialto_store::args![]).await.unwrap();
            tx.commit().await.unwrap();
        };
        rename("ALTER TABLE app_user RENAME TO away").await;
        assert_eq!(send("a").await.status, StatusCode::INTERNAL_SERVER_ERROR);
        rename("ALTER TABLE away RENAME TO app_user").await;
        let again = send("a").await;
        assert_eq!(again.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", test.name);
        assert!(again.text.contains("new key") && again.header("content-type") == "application/problem+json", "{}", again.text);
        assert_eq!(send("b").await.status, StatusCode::CREATED, "{}", test.name);
        // What was refused is judged anew.
        assert_eq!(send("c").await.status, StatusCode::CONFLICT);
        rename("DELETE FROM app_user").await;
        assert_eq!(send("c").await.status, StatusCode::CREATED);
    }
}
