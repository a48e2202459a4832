//! Data syncs by the API: what is refused and why, editing, labels, and the preview.

use axum::http::StatusCode;
use rialto_core::audience::{Seen, Sent};
use rialto_core::permissions::Role;
use rialto_store::data_syncs;
use rialto_store::streams::{self, Refused};
use serde_json::{Value, json};

use crate::audiences::{made, text};
use crate::harness::Test;
use crate::inbox::{connection, event, send};

pub fn wanted(destination: &str, stream: &str) -> Value {
    json!({"name": "Loyalty points", "folder": "Loyalty", "labels": ["nightly"], "destination": destination, "stream": stream, "mode": "upsert",
        "match": {"by": "email", "field": "email"},
        "mapping": [{"from": "profileAltId", "to": "loyalty_id"}, {"from": "attributes.tier", "to": "tier"},
            {"from": "metrics.points", "to": "points"}, {"from": "attributes.email", "to": "email"}]})
}

#[tokio::test]
async fn a_data_sync_is_made_switched_edited_only_while_disabled_and_deleted() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (list, extension) = made(&test, &admin).await;
        let (stream, _) = connection(&test, &admin).await;
        let made = test.api(&admin, "POST", "/data-syncs", Some(wanted(&extension, &stream))).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let view = made.json();
        let path = format!("/data-syncs/{}", text(&view, "id"));
        assert_eq!((&view["state"], &view["source"], &view["labels"]), (&json!("disabled"), &json!("/loyalty/north"), &json!(["nightly"])));
        assert_eq!(view["mapping"], wanted("", "")["mapping"], "{}", test.name);
        let usage = test.api(&admin, "GET", &format!("/audience-lists/{extension}/usage"), None).await.json();
        assert_eq!((&usage["items"][0]["name"], &usage["items"][0]["kind"]), (&json!("Loyalty points"), &json!("data_sync")), "LO-07");

        assert_eq!(test.api(&admin, "POST", &format!("{path}/enable"), None).await.json()["state"], json!("enabled"));
        for (method, body) in [("PUT", Some(wanted(&extension, &stream))), ("DELETE", None)] {
            let refused = test.api(&admin, method, &path, body).await;
            assert_eq!(refused.status, StatusCode::CONFLICT, "{}: LO-05: {}", test.name, refused.text);
        }
        assert_eq!(test.api(&admin, "POST", &format!("{path}/disable"), None).await.json()["state"], json!("disabled"));
        let moved = test.api(&admin, "PUT", &path, Some(wanted(&list, &stream))).await;
        assert_eq!((moved.status, &moved.json()["destination_name"]), (StatusCode::OK, &json!("Members")), "{}", moved.text);
        let used = test.api(&admin, "PATCH", &format!("/audience-lists/{list}/fields/3"), Some(json!({"retired": true}))).await;
        assert_eq!(used.status, StatusCode::CONFLICT, "a data sync fills it");
        assert_eq!(test.api(&admin, "DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(test.api(&admin, "GET", &path, None).await.status, StatusCode::NOT_FOUND);
        assert_eq!(
            test.api(&admin, "DELETE", &format!("/streams/{stream}"), None).await.status,
            StatusCode::CONFLICT,
            "its history rests on it"
        );
        assert_eq!(test.api(&admin, "GET", "/labels", None).await.json()["items"][0]["used"], json!(0));
    }
}

#[tokio::test]
async fn a_field_matching_that_cannot_be_is_refused_with_the_reason() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (_, extension) = made(&test, &admin).await;
        let (stream, _) = connection(&test, &admin).await;
        let source = streams::list(test.app.db.read()).await.unwrap()[0].id;
        let source = streams::sources(test.app.db.read(), source).await.unwrap()[0].id;
        let mut seen = Seen::default();
        seen.add(&Sent::Text("Gold".into()));
        let mut tx = test.app.db.write().await.unwrap();
        streams::merge_seen(&mut tx, source, &[("attributes.tier".into(), seen, "Gold".into())], rialto_core::Instant(1)).await.unwrap();
        tx.commit().await.unwrap();
        let offered = test.api(&admin, "GET", &format!("/streams/{stream}/fields"), None).await.json();
        assert_eq!((&offered["items"][0]["types"], &offered["items"][0]["sample"]), (&json!("text"), &json!("Gold")), "{}", test.name);
        let with = |change: &dyn Fn(&mut Value)| {
            let mut body = wanted(&extension, &stream);
            change(&mut body);
            body
        };
        for (body, field, why) in [
            (with(&|b| b["mapping"][0]["from"] = json!("attributes.id")), "mapping", "Only profileAltId can go into the unique key."),
            (with(&|b| b["mapping"] = json!([{"from": "attributes.tier", "to": "tier"}])), "mapping", "Match profileAltId"),
            (with(&|b| b["mapping"][1]["to"] = json!("since")), "mapping", "The source sends text here, and the field is of type date."),
            (with(&|b| b["mapping"][1]["to"] = json!("nothing")), "mapping[1].to", "no field with this API name"),
            (with(&|b| b["mapping"][1]["from"] = json!("tier")), "mapping[1].from", "such as attributes.tier"),
            (with(&|b| b["match"]["field"] = json!("since")), "mapping", "must be matched: Since"),
            (with(&|b| b["match"]["by"] = json!("remote_id")), "match.bridge", "Name the bridge"),
            (with(&|b| b["destination"] = json!(stream)), "destination", "no audience list"),
            (with(&|b| b["source"] = json!("/loyalty/south")), "source", "does not read this business unit"),
            (with(&|b| b["mode"] = json!("replace")), "mode", "upsert or delete"),
        ] {
            let answer = test.api(&admin, "POST", "/data-syncs", Some(body)).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
            let errors = answer.json()["errors"].clone();
            let told = errors.as_array().unwrap().iter().any(|e| e["field"] == field && e["detail"].as_str().unwrap().contains(why));
            assert!(told, "{}: {field} {why}: {errors}", test.name);
        }
        // Who may edit but not create labels takes those that are there (LO-09).
        let integrator = test.token(Role::Integrator).await;
        assert_eq!(test.api(&integrator, "POST", "/labels", Some(json!({"name": "weekly"}))).await.status, StatusCode::CREATED);
        assert_eq!(
            test.api(&integrator, "POST", "/data-syncs", Some(with(&|b| b["labels"] = json!(["Weekly"])))).await.status,
            StatusCode::CREATED
        );
    }
}

#[tokio::test]
async fn a_preview_shows_what_the_next_events_would_change_and_changes_nothing() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (_, extension) = made(&test, &admin).await;
        let (stream, token) = connection(&test, &admin).await;
        let made = test.api(&admin, "POST", "/data-syncs", Some(wanted(&extension, &stream))).await.json();
        let data = json!({"attributes": {"tier": "Gold", "email": "a@home.example"}, "metrics": {"points": 5}});
        let long = json!({"attributes": {"tier": "Far too long a tier"}, "metrics": {"points": 7}});
        let events = json!([event("LOY-1", 1, &data), event("LOY-2", 1, &long), event("LOY-1", 1, &data)]);
        assert_eq!(send(&test, &stream, &token, "application/json", events.to_string()).await.status, StatusCode::ACCEPTED);
        let path = format!("/data-syncs/{}/preview", text(&made, "id"));
        let preview = test.api(&admin, "GET", &path, None).await.json();
        assert_eq!((&preview["events"], &preview["passed_over"], &preview["trouble"]), (&json!(3), &json!(1), &json!("")), "{preview}");
        assert_eq!(
            (&preview["rows"][0]["change"], &preview["rows"][0]["values"][0]),
            (&json!("new"), &json!({"field": "tier", "before": null, "after": "Gold"}))
        );
        assert_eq!((&preview["rejected"][0]["subject"], &preview["rejected"][0]["field"]), (&json!("LOY-2"), &json!("Tier")));
        let rows = test.api(&admin, "GET", &format!("/audience-lists/{extension}/rows?q=LOY"), None).await.json();
        assert_eq!((&rows["total"], rows["items"].as_array().unwrap().len()), (&json!(0), 0), "{}: nothing was written", test.name);
    }
}

/// Keeps rejected values of a data sync; answers their ids, the newest first.
pub async fn rejected(test: &Test, subjects: &[&str]) -> Vec<i64> {
    let sync = data_syncs::list(test.app.db.read()).await.unwrap().remove(0);
    let refused: Vec<Refused> = subjects
        .iter()
        .map(|subject| Refused {
            event_id: format!("{subject}-1"),
            subject: (*subject).to_owned(),
            field: "Tier".into(),
            reason: "The value of attributes.tier is longer than the 10 characters of the field.".into(),
            body: event(subject, 1, &json!({"attributes": {"tier": "<b>Platinum Plus</b>"}})).to_string(),
        })
        .collect();
    let mut tx = test.app.db.write().await.unwrap();
    streams::keep(&mut tx, sync.stream_id, Some(sync.id), &refused, test.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    streams::of_sync(test.app.db.read(), sync.id, i64::MAX, 10).await.unwrap().0.iter().map(|r| r.id).collect()
}

#[tokio::test]
async fn rejected_ones_are_replayed_and_put_aside_all_or_chosen() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (_, extension) = made(&test, &admin).await;
        let (stream, _) = connection(&test, &admin).await;
        let made = test.api(&admin, "POST", "/data-syncs", Some(wanted(&extension, &stream))).await.json();
        let path = format!("/data-syncs/{}", text(&made, "id"));
        let ids = rejected(&test, &["LOY-1", "LOY-2", "LOY-3"]).await;
        let post = async |what: &str, body: Value| test.api(&admin, "POST", &format!("{path}/{what}"), Some(body)).await;
        let empty = post("replay", json!({"rejected": []})).await;
        assert_eq!((empty.status, &empty.json()["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("rejected")));
        assert_eq!(post("replay", json!({"rejected": [ids[0] + 50]})).await.status, StatusCode::NOT_FOUND, "none of them is open");
        assert_eq!(post("replay", json!({"rejected": [ids[0]]})).await.status, StatusCode::ACCEPTED, "{}", test.name);
        assert_eq!(test.api(&admin, "GET", &path, None).await.json()["replaying"], json!(true));
        let sync = data_syncs::to_replay(test.app.db.read()).await.unwrap().remove(0);
        let mut tx = test.app.db.write().await.unwrap();
        let chosen = streams::open_of_sync(&mut tx, sync.id, 0, 10, true).await.unwrap();
        let all = streams::open_of_sync(&mut tx, sync.id, 0, 10, false).await.unwrap();
        assert_eq!((chosen.iter().map(|r| r.id).collect::<Vec<_>>(), all.len()), (vec![ids[0]], 3), "{}", test.name);
        data_syncs::replayed(&mut tx, &sync).await.unwrap();
        assert!(streams::open_of_sync(&mut tx, sync.id, 0, 10, true).await.unwrap().is_empty(), "a choice holds for once");
        tx.commit().await.unwrap();
        assert_eq!(post("dismiss", json!({"rejected": [ids[1], ids[1] + 50]})).await.json()["dismissed"], json!(1));
        assert_eq!(test.api(&admin, "POST", &format!("{path}/replay"), None).await.status, StatusCode::ACCEPTED, "a body may be left out");
        assert_eq!(test.api(&admin, "POST", &format!("{path}/dismiss"), None).await.json()["dismissed"], json!(2), "{}", test.name);
    }
}
