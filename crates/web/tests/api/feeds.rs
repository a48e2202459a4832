//! Stream connections whose events are fetched from a broker: by API and by form. Nothing here reaches a broker.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_store::streams::feed;
use serde_json::{Value, json};

use crate::admin_pages::Browser;
use crate::audiences::text;
use crate::harness::Test;

fn wanted() -> Value {
    json!({"name": "Broker", "kind": "nats", "sources": ["/loyalty/north"],
        "settings": {"address": "nats://broker.example.org:4222", "stream": "LOYALTY", "user": "rialto"}, "secrets": {"password": "first-secret"}})
}

/// The password as the engine reads it.
async fn password(test: &Test) -> Option<String> {
    let row = feed::enabled(test.app.db.read()).await.unwrap().remove(0);
    row.secrets(&test.app.vault).unwrap().remove("password")
}

#[tokio::test]
async fn a_broker_is_entered_and_its_secrets_never_leave_nor_travel() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let made = test.api(&admin, "POST", "/streams", Some(wanted())).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let path = format!("/streams/{}", text(&made.json(), "id"));
        let shown = test.api(&admin, "GET", &path, None).await;
        assert_eq!((&shown.json()["kind"], &shown.json()["feed"]["secrets"]), (&json!("nats"), &json!(["password"])));
        assert!(!shown.text.contains("first-secret"), "{}", test.name);
        assert_eq!(password(&test).await.as_deref(), Some("first-secret"));
        // What is left out stays; what is entered takes its place; an empty one takes it away.
        let other = json!({"settings": {"address": "nats://broker.example.org:4222", "stream": "OTHER", "user": "rialto"}});
        assert_eq!(test.api(&admin, "PATCH", &path, Some(other)).await.json()["feed"]["settings"]["stream"], json!("OTHER"));
        assert_eq!(password(&test).await.as_deref(), Some("first-secret"));
        test.api(&admin, "PATCH", &path, Some(json!({"secrets": {"password": "second-secret"}}))).await;
        assert_eq!(password(&test).await.as_deref(), Some("second-secret"), "{}", test.name);
        let elsewhere = json!({"settings": {"address": "nats://elsewhere.example.org", "stream": "OTHER", "user": "rialto"}});
        let moved = test.api(&admin, "PATCH", &path, Some(elsewhere)).await;
        assert_eq!((moved.status, password(&test).await), (StatusCode::OK, None), "{}: a password does not travel", test.name);
        let removed = test.api(&admin, "DELETE", &path, None).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.text);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_broker_is_told_by_its_field() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        for (change, field) in [
            (json!({"kind": "kafka"}), "kind"),
            (json!({"settings": {"stream": "LOYALTY"}, "secrets": {}}), "settings.address"),
            (json!({"settings": {"address": "http://x", "stream": "LOYALTY"}, "secrets": {}}), "settings.address"),
            (json!({"settings": {"address": "nats://b", "stream": "a b"}, "secrets": {}}), "settings.stream"),
            (json!({"settings": {"address": "nats://b", "stream": "A", "shape": "x"}, "secrets": {}}), "settings.shape"),
            (json!({"secrets": {"token": "t", "password": "p"}}), "secrets.token"),
            (json!({"kind": "http"}), "settings"),
        ] {
            let mut body = wanted();
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let answer = test.api(&admin, "POST", "/streams", Some(body)).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.text);
            let told = answer.json()["errors"].as_array().unwrap().iter().any(|e| e["field"] == field);
            assert!(told, "{}: {field}: {}", test.name, answer.text);
        }
    }
}

#[tokio::test]
async fn the_form_asks_for_the_broker_and_tells_how_it_stands() {
    for test in Test::on_both().await {
        test.user("ines@lumora.example", Role::Integrator).await;
        let ines = Browser::of(&test, "ines@lumora.example").await;
        assert!(ines.get("/admin/streams/new").await.text.contains("href=\"/admin/streams/new/nats\""));
        assert_eq!(ines.get("/admin/streams/new/kafka").await.status, StatusCode::NOT_FOUND);
        let form = ines.get("/admin/streams/new/nats").await.text;
        assert!(form.contains("name=\"settings.stream\"") && form.contains("<textarea id=\"secrets.creds\""), "{form}");
        let sent = [
            ("name", "Broker"),
            ("sources", "/loyalty/north"),
            ("enabled", "yes"),
            ("settings.address", "nats://broker.example.org"),
            ("secrets.creds", "line 1\r\nline 2"),
        ];
        let wrong = ines.post("/admin/streams/new/nats", &sent).await;
        assert!(wrong.text.contains("id=\"settings.stream-fault\"") && wrong.text.contains("nats://broker.example.org"), "{}", wrong.text);
        assert!(!wrong.text.contains("line 2"), "a secret is not shown again");
        let made = ines.post("/admin/streams/new/nats", &[&sent[..], &[("settings.stream", "LOYALTY")]].concat()).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
        let page = made.header("location").to_owned();
        let shown = ines.get(&page).await.text;
        assert!(shown.contains("NATS JetStream") && shown.contains("the broker was not reached yet"), "{shown}");
        assert!(shown.contains("<code>LOYALTY</code>") && !shown.contains("line 2") && !shown.contains("curl"), "{shown}");
        let row = feed::enabled(test.app.db.read()).await.unwrap().remove(0);
        assert_eq!(row.secrets(&test.app.vault).unwrap()["creds"], "line 1\r\nline 2", "{}", test.name);
        let edit = ines.get(&format!("{page}/edit")).await.text;
        assert!(edit.contains("value=\"LOYALTY\"") && edit.contains("set, leave blank to keep"), "{edit}");
        let mut tx = test.app.db.write().await.unwrap();
        feed::looked(&mut tx, row.stream_id, 7, &["The broker acknowledges before it syncs.".into()], rialto_core::Instant(1))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let shown = ines.get(&page).await.text;
        assert!(shown.contains("The broker acknowledges before it syncs.") && shown.contains("<b>7</b> waited at the broker"), "{shown}");
    }
}
