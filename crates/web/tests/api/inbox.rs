//! The HTTP inbox of stream connections.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use rialto_core::permissions::Role;
use rialto_store::args;
use serde_json::{Value, json};

use crate::audiences::text;
use crate::described::check_at;
use crate::harness::{Answer, Test};

const EVENTS: &str = "/api/v1/streams/{id}/events";

/// A connection that reads `/loyalty/north`, and the token that opens it.
pub async fn connection(test: &Test, admin: &str) -> (String, String) {
    let made = test.api(admin, "POST", "/streams", Some(json!({"name": "Loyalty", "sources": ["/loyalty/north"]}))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let id = text(&made.json(), "id");
    let token = test.api(admin, "POST", &format!("/streams/{id}/token"), None).await.json();
    assert!(text(&token, "address").ends_with(&format!("/api/v1/streams/{id}/events")));
    (id, text(&token, "token"))
}

pub fn event(subject: &str, sequence: u64, data: &Value) -> Value {
    let mut data = data.clone();
    data["profileAltId"] = json!(subject);
    json!({"specversion": "1.0", "type": "profile.upserted", "source": "/loyalty/north", "subject": subject, "id": format!("{subject}-{sequence}"),
        "sequence": sequence, "data": data})
}

pub async fn send(test: &Test, id: &str, token: &str, kind: &str, body: String) -> Answer {
    let request = Request::builder().method("POST").uri(format!("/api/v1/streams/{id}/events")).header("content-type", kind);
    let answer = test.send(request.header("authorization", format!("Bearer {token}")).body(Body::from(body)).unwrap()).await;
    check_at("post", EVENTS, &answer);
    answer
}

#[tokio::test]
async fn events_are_durable_before_202_and_good_ones_beside_bad_ones_are_taken() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (id, token) = connection(&test, &admin).await;
        let one = event("LOY-1", 1, &json!({"metrics": {"points": 5}}));
        let single = send(&test, &id, &token, "application/cloudevents+json; charset=utf-8", one.to_string()).await;
        assert_eq!(
            (single.status, single.json()),
            (StatusCode::ACCEPTED, json!({"accepted": 1, "passed_over": 0, "rejected": []})),
            "{}",
            test.name
        );
        let mut foreign = one.clone();
        foreign["source"] = json!("/loyalty/south");
        let batch = json!([event("LOY-2", 1, &json!({})), foreign, {"id": "odd"}]);
        let answer = send(&test, &id, &token, "application/cloudevents-batch+json", batch.to_string()).await;
        let told = answer.json();
        assert_eq!((answer.status, &told["accepted"], &told["passed_over"]), (StatusCode::ACCEPTED, &json!(1), &json!(1)), "L1");
        let said: Vec<_> = answer.json()["rejected"].as_array().unwrap().iter().map(|r| (r["index"].clone(), r["id"].clone())).collect();
        assert_eq!(said, [(json!(2), json!("odd"))]);
        let rows: Vec<(i64, i64)> =
            test.app.db.read().all("SELECT position, events FROM stream_log ORDER BY position", args![]).await.unwrap();
        assert_eq!(rows, [(0, 1), (1, 1)], "{}: they are there before the answer", test.name);
        let shown = test.api(&admin, "GET", &format!("/streams/{id}"), None).await.json();
        assert_eq!((&shown["position"], &shown["has_token"]), (&json!(2), &json!(true)));
        assert!(!shown.to_string().contains(&token));
        let fields = test.api(&admin, "GET", &format!("/streams/{id}/fields"), None).await.json();
        let points = json!({"source": "/loyalty/north", "name": "metrics.points", "types": "integer", "sample": "5"});
        assert!(
            points.as_object().unwrap().iter().all(|(k, v)| fields["items"][0][k] == *v),
            "{}: before any data sync: {fields}",
            test.name
        );
        let refused = test.api(&admin, "GET", &format!("/streams/{id}/rejected?limit=1"), None).await.json();
        assert_eq!((&refused["open"], &refused["items"][0]["event_id"]), (&json!(1), &json!("odd")));
        assert_eq!((&shown["passed_over"], &shown["passed_source"]), (&json!(1), &json!("/loyalty/south")), "{}", test.name);
    }
}

#[tokio::test]
async fn only_the_token_of_the_connection_or_a_permitted_one_opens_it() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (id, token) = connection(&test, &admin).await;
        let viewer = test.token(Role::Viewer).await;
        let empty = || "[]".to_owned();
        for (with, status) in [(token.as_str(), 202), (admin.as_str(), 202), (viewer.as_str(), 403), ("rialto_00", 401), ("", 401)] {
            let answer = send(&test, &id, with, "application/json", empty()).await;
            assert_eq!(answer.status.as_u16(), status, "{}: {}", test.name, answer.text);
        }
        let again = test.api(&admin, "POST", &format!("/streams/{id}/token"), None).await.json();
        assert_eq!(send(&test, &id, &token, "application/json", empty()).await.status, StatusCode::UNAUTHORIZED, "the one before is over");
        let now = text(&again, "token");
        assert_eq!(test.api(&now, "GET", "/streams", None).await.status, StatusCode::UNAUTHORIZED, "and it opens nothing else");
        for (kind, body, status) in [
            ("text/plain", empty(), 415),
            ("application/json", "{".into(), 400),
            ("application/json", format!("[{}]", vec!["1"; 5_001].join(",")), 413),
            ("application/json", format!("[\"{}\"]", "x".repeat(8 << 20)), 413),
        ] {
            let answer = send(&test, &id, &now, kind, body).await;
            assert_eq!(answer.status.as_u16(), status, "{kind}: {}", answer.text);
        }
        let off = test.api(&admin, "PATCH", &format!("/streams/{id}"), Some(json!({"enabled": false}))).await;
        assert_eq!(off.json()["enabled"], json!(false));
        assert_eq!(send(&test, &id, &now, "application/json", empty()).await.status, StatusCode::CONFLICT);
    }
}

#[tokio::test]
async fn while_storage_is_away_a_sender_is_asked_to_come_again() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (id, token) = connection(&test, &admin).await;
        test.app.db.close().await;
        let answer = send(&test, &id, &token, "application/json", "[]".to_owned()).await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "2"), "{}: {}", test.name, answer.text);
    }
}
