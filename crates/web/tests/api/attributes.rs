//! List of Attributes through API and page, and the pages that only some may press buttons on.

use axum::http::StatusCode;
use rialto_core::fields::FieldType;
use rialto_core::permissions::Role;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::fields::{self, Offered};
use serde_json::{Value, json};

use crate::harness::Test;
use crate::people::people;
use crate::runs::seeded;

fn offered(names: &[(&str, FieldType)]) -> Vec<Offered> {
    names.iter().map(|(name, kind)| Offered { name: (*name).into(), label: name.to_lowercase(), kind: *kind, length: Some(10) }).collect()
}

async fn mirror(test: &Test, bridge: i64, names: &[(&str, FieldType)]) {
    let mut tx = test.app.db.write().await.unwrap();
    fields::mirror(&mut tx, bridge, &offered(names), test.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn bridge_id(test: &Test, token: &str) -> String {
    test.api(token, "GET", "/bridges", None).await.json()["items"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn attributes_are_named_defaulted_and_noted_all_or_nothing() {
    for test in Test::on_both().await {
        let (bridge, _) = seeded(&test, 1).await;
        mirror(&test, bridge, &[("CITY", FieldType::Text), ("AGE", FieldType::Integer), ("OLD", FieldType::Text)]).await;
        mirror(&test, bridge, &[("CITY", FieldType::Text), ("AGE", FieldType::Integer)]).await;
        let token = test.token(Role::Integrator).await;
        let path = format!("/bridges/{}/fields", bridge_id(&test, &token).await);
        let listed = test.api(&token, "GET", &path, None).await.json();
        let old = listed["items"].as_array().unwrap().iter().find(|f| f["name"] == "OLD").unwrap().clone();
        assert_eq!((&old["valid"], old["why_invalid"].as_str().unwrap().is_empty()), (&json!(false), false));
        let number = |name: &str| listed["items"].as_array().unwrap().iter().find(|f| f["name"] == name).unwrap()["number"].clone();

        let faulty = json!({"fields": [
            {"number": number("AGE"), "default": "old"},
            {"number": number("CITY"), "display_name": "AGE", "default": "a city with a long name", "comment": "x".repeat(501)},
            {"number": 99},
            {"number": number("AGE"), "shown": false},
        ]});
        let answer = test.api(&token, "PATCH", &path, Some(faulty)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
        let mut wrong: Vec<String> =
            answer.json()["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap().to_owned()).collect();
        wrong.sort();
        let expected = ["[0].default", "[1].comment", "[1].default", "[1].display_name", "[2].number", "[3].number"];
        assert_eq!(wrong, expected.map(|f| format!("fields{f}")));
        assert_eq!(test.api(&token, "GET", &path, None).await.json(), listed, "nothing was stored");

        let change =
            json!({"fields": [{"number": number("CITY"), "display_name": " Home ", "default": "here", "comment": "note", "shown": false}]});
        let changed = test.api(&token, "PATCH", &path, Some(change)).await.json();
        let city = |of: &Value| of["items"].as_array().unwrap().iter().find(|f| f["name"] == "CITY").unwrap().clone();
        let told =
            |f: &Value| (f["display_name"].clone(), f["default"].clone(), f["comment"].clone(), f["shown"].clone(), f["valid"].clone());
        let wanted = (json!("Home"), json!("here"), json!("note"), json!(false), json!(true));
        assert_eq!(told(&city(&changed)), wanted);
        // What is left out stays; a refresh changes none of it.
        test.api(&token, "PATCH", &path, Some(json!({"fields": [{"number": number("CITY")}]}))).await;
        mirror(&test, bridge, &[("AGE", FieldType::Integer), ("CITY", FieldType::Text)]).await;
        assert_eq!(told(&city(&test.api(&token, "GET", &path, None).await.json())), wanted);
        let audit = test.api(&test.token(Role::Admin).await, "GET", "/audit", None).await.json();
        let rows: Vec<&Value> = audit["items"].as_array().unwrap().iter().filter(|r| r["action"] == "bridge_field.update").collect();
        assert_eq!(rows.len(), 1, "a change that changes nothing leaves no row");
        assert_eq!((&rows[0]["detail"]["to"]["default"], &rows[0]["detail"]["before"]["default"]), (&json!("here"), &json!("")));
    }
}

fn csrf(page: &str) -> String {
    page.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_viewer_reads_the_pages_of_a_bridge_and_a_person_and_presses_nothing() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        mirror(&test, bridge, &[("CITY", FieldType::Text)]).await;
        people(&test, bridge, groups[0].id, 5).await;
        let token = test.token(Role::Viewer).await;
        let id = bridge_id(&test, &token).await;
        let found = test.api(&token, "GET", "/subscribers?remote_id=R-2", None).await.json();
        let person = format!("/subscribers/{}", found["items"][0]["id"].as_str().unwrap());
        test.user("viewer@rialto.example", Role::Viewer).await;
        let cookie = test.sign_in("viewer@rialto.example").await;
        let mut csrf_token = String::new();
        for path in [
            format!("/admin/bridges/{id}"),
            format!("/admin/bridges/{id}/fields"),
            format!("/admin/bridges/{id}/schedule"),
            "/admin/status".into(),
            "/admin/schedules".into(),
            "/settings".into(),
            person.clone(),
        ] {
            let page = test.get(&path, &cookie).await;
            assert_eq!(page.status, StatusCode::OK, "{path} on {}: {}", test.name, page.text);
            assert!(!page.text.contains("style=\"") && !page.text.contains("/settings/audit"), "{path}");
            let forms = page.text.split("method=\"post\" action=\"").skip(1);
            let forms = forms.filter(|f| !f.starts_with("/sign-out") && !f.starts_with("/preferences/"));
            assert_eq!(forms.count(), 0, "{path} offers a viewer something to press");
            csrf_token = csrf(&page.text);
        }
        assert!(!test.get(&person, &cookie).await.text.contains("nsubscribe …"));
        for path in [
            "/settings/audit".to_owned(),
            "/settings/audit/export.csv".into(),
            format!("{person}/unsubscribe"),
            format!("{person}/resubscribe"),
        ] {
            assert_eq!(test.get(&path, &cookie).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        let posts = ["fields", "schedule", "schedule/run"].map(|p| format!("/admin/bridges/{id}/{p}"));
        for path in posts.into_iter().chain([
            "/settings".into(),
            "/admin/status/test".into(),
            format!("{person}/unsubscribe"),
            format!("{person}/resubscribe"),
        ]) {
            let fields = [("csrf", csrf_token.as_str()), ("reason", "x"), ("evidence", "x"), ("fields", "1")];
            assert_eq!(test.form(&path, &cookie, &fields, &[]).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        let none = PublicId::new(Kind::Bridge, Instant(0), 77);
        assert_eq!(test.get(&format!("/admin/bridges/{none}/fields"), &cookie).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_marketer_unsubscribes_and_only_an_administrator_subscribes_again() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        people(&test, bridge, groups[0].id, 5).await;
        let token = test.token(Role::Viewer).await;
        let found = test.api(&token, "GET", "/subscribers?remote_id=R-1", None).await.json();
        let id = found["items"][0]["id"].as_str().unwrap().to_owned();
        let act = async |role: Role, act: &str| {
            let email = format!("{}@rialto.example", role.name());
            test.user(&email, role).await;
            let cookie = test.sign_in(&email).await;
            let token = csrf(&test.get("/keyboard", &cookie).await.text);
            let fields = [("csrf", token.as_str()), ("reason", "on the phone"), ("evidence", "ticket 7")];
            test.form(&format!("/subscribers/{id}/{act}"), &cookie, &fields, &[]).await.status
        };
        let mailable = async || test.api(&token, "GET", &format!("/subscribers/{id}"), None).await.json()["mailable"] == true;
        assert_eq!(act(Role::Marketer, "unsubscribe").await, StatusCode::SEE_OTHER);
        assert!(!mailable().await, "{}", test.name);
        assert_eq!(act(Role::Integrator, "resubscribe").await, StatusCode::FORBIDDEN);
        assert!(!mailable().await);
        assert_eq!(act(Role::Admin, "resubscribe").await, StatusCode::SEE_OTHER);
        assert!(mailable().await);
        let ledger = test.api(&token, "GET", &format!("/subscribers/{id}/consent"), None).await.json();
        let told: Vec<(&Value, &Value)> =
            ledger["ledger"]["items"].as_array().unwrap().iter().map(|e| (&e["source"], &e["evidence"])).collect();
        assert_eq!(told, [(&json!("page"), &json!("ticket 7")); 2]);
    }
}
