//! Bridges through the API: checked against their form, secrets never seen again, the same POST done once.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use serde_json::{Value, json};

use crate::harness::Test;

const CANARY: &str = "canary-9f1e-never-shown";

fn bridge() -> Value {
    json!({"kind": "personify360", "name": "Members", "settings": {"base_url": "https://remote.example/svc/"},
           "secrets": {"username": "rialto", "password": CANARY}})
}

#[tokio::test]
async fn secrets_are_never_shown() {
    for test in Test::on_both().await {
        let token = test.token(Role::Admin).await;
        let made = test.api(&token, "POST", "/bridges", Some(bridge())).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let mut texts = vec![made.text];
        let patch = json!({"name": "Members 2", "secrets": {"password": format!("{CANARY}-2")}});
        texts.push(test.api(&token, "PATCH", &format!("/bridges/{id}"), Some(patch)).await.text);
        let twice = json!({"name": "", "secrets": {"password": CANARY, "other": CANARY}});
        texts.push(test.api(&token, "PATCH", &format!("/bridges/{id}"), Some(twice)).await.text);
        for path in ["/bridges", &format!("/bridges/{id}"), "/bridge-kinds", "/audit", "/settings", "/sync-runs"] {
            texts.push(test.api(&token, "GET", path, None).await.text);
        }
        texts.push(test.get("/metrics", "").await.text);
        assert!(texts.iter().all(|t| !t.contains("canary")), "{}", test.name);
        let shown = test.api(&token, "GET", &format!("/bridges/{id}"), None).await.json();
        assert_eq!((&shown["name"], &shown["secrets_set"]), (&json!("Members 2"), &json!(["password", "username"])));
    }
}

#[tokio::test]
async fn faults_name_their_path() {
    for test in Test::on_both().await {
        let token = test.token(Role::Integrator).await;
        let fields = async |method: &str, path: &str, body: Value| -> Vec<String> {
            let answer = test.api(&token, method, path, Some(body)).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
            answer.json()["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(fields("POST", "/bridges", json!({"kind": "none", "name": ""})).await, ["name", "kind"]);
        let bare = fields("POST", "/bridges", json!({"kind": "personify360", "name": "x"})).await;
        for field in ["settings.base_url", "secrets.username", "secrets.password"] {
            assert!(bare.contains(&field.to_owned()), "{field}: {bare:?}");
        }
        let mut odd = bridge();
        odd["settings"]["surprise"] = json!("x");
        odd["settings"]["deep"] = json!({"a": 1});
        let odd = fields("POST", "/bridges", odd).await;
        assert!(odd.contains(&"settings.surprise".into()) && odd.contains(&"settings.deep".into()), "{odd:?}");
        assert_eq!(test.api(&token, "GET", "/bridges", None).await.json()["total"], 0, "nothing was made");

        // A stored password does not travel to another host.
        let id = test.api(&token, "POST", "/bridges", Some(bridge())).await.json()["id"].as_str().unwrap().to_owned();
        let moved = fields("PATCH", &format!("/bridges/{id}"), json!({"settings": {"base_url": "https://other.example/"}})).await;
        assert!(moved.contains(&"secrets.password".into()), "{moved:?}");
    }
}

#[tokio::test]
async fn the_same_post_is_done_once() {
    for test in Test::on_both().await {
        let token = test.token(Role::Admin).await;
        let key = [("idempotency-key", "one")];
        let first = test.api_with(&token, "POST", "/bridges", Some(bridge()), &key).await;
        let again = test.api_with(&token, "POST", "/bridges", Some(bridge()), &key).await;
        assert_eq!((first.status, again.status, &first.text), (StatusCode::CREATED, StatusCode::CREATED, &again.text));
        assert_eq!(again.header("idempotent-replayed"), "true");
        let mut other = bridge();
        other["name"] = json!("Another");
        let clash = test.api_with(&token, "POST", "/bridges", Some(other.clone()), &key).await;
        assert_eq!(clash.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(test.api(&token, "GET", "/bridges", None).await.json()["total"], 1);
        // Keys are each token's own, and a refused request does not use its key up.
        let second = test.token(Role::Admin).await;
        assert_eq!(test.api_with(&second, "POST", "/bridges", Some(other), &key).await.status, StatusCode::CREATED);
        let refused =
            test.api_with(&token, "POST", "/bridges", Some(json!({"kind": "none", "name": "x"})), &[("idempotency-key", "two")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let fixed = test.api_with(&token, "POST", "/bridges", Some(bridge()), &[("idempotency-key", "two")]).await;
        assert_eq!(fixed.status, StatusCode::CREATED);
        // At once: one is done, the others see its answer or are told to wait.
        let key = [("idempotency-key", "three")];
        let many = (0..6).map(|_| test.api_with(&token, "POST", "/bridges", Some(bridge()), &key));
        let many = futures::future::join_all(many).await;
        assert!(many.iter().all(|a| matches!(a.status, StatusCode::CREATED | StatusCode::CONFLICT)));
        assert_eq!(test.api(&token, "GET", "/bridges", None).await.json()["total"], 4);
        // An answer that shows a token is kept sealed.
        let body = json!({"name": "once", "role": "viewer"});
        let made = test.api_with(&token, "POST", "/tokens", Some(body), &[("idempotency-key", "four")]).await.json();
        let kept: Vec<(String,)> = test.app.db.read().all("SELECT body FROM idempotency", vec![]).await.unwrap();
        assert!(kept.iter().all(|(b,)| !b.contains(made["token"].as_str().unwrap()) && !b.contains("once")));
    }
}

#[tokio::test]
async fn a_deleted_bridge_is_gone_and_its_secrets_too() {
    for test in Test::on_both().await {
        let token = test.token(Role::Integrator).await;
        let id = test.api(&token, "POST", "/bridges", Some(bridge())).await.json()["id"].as_str().unwrap().to_owned();
        let run = test.api(&token, "POST", &format!("/bridges/{id}/test"), None).await;
        assert_eq!((run.status, &run.json()["run"]["kind"]), (StatusCode::ACCEPTED, &json!("test")));
        assert_eq!(test.api(&token, "DELETE", &format!("/bridges/{id}"), None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(test.api(&token, "GET", &format!("/bridges/{id}"), None).await.status, StatusCode::NOT_FOUND);
        let run = test.api(&token, "GET", &format!("/sync-runs/{}", run.json()["run"]["id"].as_str().unwrap()), None).await.json();
        assert_eq!(run["bridge"], json!(id), "its runs still say whose they were");
    }
}
