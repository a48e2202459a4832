//! Schedules: what comes next, pausing, an own time and zone, and beginning one by hand.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_core::schedule::Why;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::bridges::{self, Entered};
use rialto_store::{Actor, schedules};
use serde_json::{Value, json};

use crate::harness::Test;
use crate::runs::{id_of, seeded};

async fn the_one(test: &Test, token: &str) -> Value {
    let list = test.api(token, "GET", "/schedules", None).await.json();
    assert_eq!((list["total"].as_i64(), list["items"].as_array().unwrap().len()), (Some(1), 1), "{}: {list}", test.name);
    list["items"][0].clone()
}

fn path(schedule: &Value, rest: &str) -> String {
    format!("/schedules/{}{rest}", schedule["id"].as_str().unwrap())
}

#[tokio::test]
async fn the_next_ten_cross_the_change_of_clocks() {
    for test in Test::on_both().await {
        let token = test.token(Role::Integrator).await;
        seeded(&test, 1).await;
        // 23 March 2026, 08:00 UTC.
        test.later(77 * 86_400);
        let schedule = the_one(&test, &token).await;
        assert_eq!(
            (&schedule["kind"], &schedule["enabled"], &schedule["at"], &schedule["timezone"], &schedule["own_at"]),
            (&json!("overnight"), &json!(true), &json!("02:00"), &json!("Europe/Vienna"), &json!(null))
        );
        assert!(schedule["last_occurrence"].is_null());
        let next: Vec<&str> = schedule["next_occurrences"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
        assert_eq!(next.len(), 10);
        assert_eq!(
            next[..7],
            [
                "2026-03-24T01:00:00Z",
                "2026-03-25T01:00:00Z",
                "2026-03-26T01:00:00Z",
                "2026-03-27T01:00:00Z",
                "2026-03-28T01:00:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-30T00:00:00Z"
            ]
        );
        let occurrences = test.api(&token, "GET", &path(&schedule, "/occurrences"), None).await.json();
        assert_eq!((&occurrences["next"], &occurrences["items"]), (&schedule["next_occurrences"], &json!([])));
    }
}

#[tokio::test]
async fn a_schedule_is_paused_moved_and_given_back_to_the_configuration() {
    for test in Test::on_both().await {
        let token = test.token(Role::Admin).await;
        seeded(&test, 1).await;
        let schedule = the_one(&test, &token).await;
        let change = async |body: Value| test.api(&token, "PATCH", &path(&schedule, ""), Some(body)).await;
        for (body, field) in [
            (json!({"at": "2:00"}), "at"),
            (json!({"at": "24:00"}), "at"),
            (json!({"timezone": "Mars/Olympus"}), "timezone"),
            (json!({"timezone": "/etc/localtime"}), "timezone"),
            (json!({"timezone": "../../etc/passwd"}), "timezone"),
            (json!({"timezone": ""}), "timezone"),
            (json!({"bridge": "x"}), "bridge"),
        ] {
            let answer = change(body.clone()).await;
            assert_eq!(
                (answer.status, answer.json()["errors"][0]["field"].as_str()),
                (StatusCode::UNPROCESSABLE_ENTITY, Some(field)),
                "{body}"
            );
        }
        let moved = change(json!({"at": "04:30", "timezone": "america/st_johns"})).await.json();
        assert_eq!((&moved["at"], &moved["own_timezone"]), (&json!("04:30"), &json!("America/St_Johns")));
        assert_eq!(moved["next_occurrences"][0], "2026-01-06T08:00:00Z", "{}", test.name);
        let paused = change(json!({"enabled": false})).await.json();
        assert_eq!((&paused["enabled"], &paused["active"], &paused["at"]), (&json!(false), &json!(false), &json!("04:30")));
        assert_eq!(paused["next_occurrences"], json!([]));
        let back = change(json!({"enabled": true, "at": null, "timezone": null})).await.json();
        assert_eq!((&back["at"], &back["timezone"], &back["own_at"]), (&json!("02:00"), &json!("Europe/Vienna"), &json!(null)));
        let audit = test.api(&token, "GET", "/audit", None).await.json();
        let changes: Vec<&Value> = audit["items"].as_array().unwrap().iter().filter(|r| r["action"] == "schedule.update").collect();
        assert_eq!(changes.len(), 3, "{}: {audit}", test.name);
        assert!(changes.iter().all(|r| r["by"] == "token:admin"));
    }
}

#[tokio::test]
async fn an_occurrence_begun_by_hand_shows_what_it_started() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let (bridge, groups) = seeded(&test, 2).await;
        let schedule = the_one(&test, &token).await;
        let answer = test.api(&token, "POST", &path(&schedule, "/run"), None).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}: {}", test.name, answer.text);
        let started = answer.json();
        assert_eq!(
            (&started["run"]["kind"], &started["run"]["trigger"], &started["run"]["by"], &started["occurrence"]["state"]),
            (&json!("lists"), &json!("overnight"), &json!("token:marketer"), &json!("lists"))
        );
        let again = test.api(&token, "POST", &path(&schedule, "/run"), None).await;
        assert_eq!(again.status, StatusCode::CONFLICT, "one at a time");

        // What the engine does next.
        let who = Actor { name: schedules::ACTOR.into(), ..test.actor() };
        let open = schedules::open(test.app.db.read()).await.unwrap().remove(0);
        let mut tx = test.app.db.write().await.unwrap();
        schedules::choose(&mut tx, open.id, &[(groups[0].id, Why::Modified), (groups[1].id, Why::Used)]).await.unwrap();
        schedules::ask(&mut tx, &open, bridge, &who).await.unwrap();
        schedules::finish(&mut tx, open.id, "done", "2 target groups: 2 succeeded.", who.at).await.unwrap();
        tx.commit().await.unwrap();
        let shown = test.api(&token, "GET", &path(&schedule, "/occurrences"), None).await.json();
        let newest = &shown["items"][0];
        assert_eq!((&newest["state"], &newest["group_count"], &newest["by"]), (&json!("done"), &json!(2), &json!("token:marketer")));
        assert_eq!((&newest["lists_run"], &newest["at"]), (&started["run"]["id"], &json!("2026-01-05T08:00:00Z")));
        assert_eq!(newest["groups"][1]["target_group"], id_of(&groups[1]).as_str());
        assert_eq!((&newest["groups"][1]["why"], &newest["groups"][1]["state"]), (&json!("used"), &json!("queued")));
        let run = test.api(&token, "GET", &format!("/sync-runs/{}", newest["groups"][0]["run"].as_str().unwrap()), None).await.json();
        assert_eq!(
            (&run["trigger"], &run["by"], &run["target_group"]),
            (&json!("overnight"), &json!("schedule"), &json!(id_of(&groups[0])))
        );
        assert_eq!(the_one(&test, &token).await["last_occurrence"], *newest);

        test.later(60);
        assert_eq!(test.api(&token, "POST", &path(&schedule, "/run"), None).await.status, StatusCode::ACCEPTED);
        let page = test.api(&token, "GET", &path(&schedule, "/occurrences?limit=1"), None).await.json();
        let rest = path(&schedule, &format!("/occurrences?limit=1&cursor={}", page["next_cursor"].as_str().unwrap()));
        let rest = test.api(&token, "GET", &rest, None).await.json();
        assert_eq!((&page["total"], &rest["items"][0], &rest["next_cursor"]), (&json!(2), newest, &json!(null)), "{}", test.name);
    }
}

#[tokio::test]
async fn only_bridges_of_a_kind_with_a_night_have_a_schedule() {
    for test in Test::on_both().await {
        let token = test.token(Role::Admin).await;
        let mut tx = test.app.db.write().await.unwrap();
        let unknown = Entered { name: "Unknown".into(), enabled: true, ..Entered::default() };
        bridges::create(&mut tx, &test.app.vault, "nosuchkind", &unknown, &test.actor()).await.unwrap();
        tx.commit().await.unwrap();
        let hidden = schedules::list(test.app.db.read()).await.unwrap().remove(0);
        let id = PublicId::new(Kind::Schedule, Instant(hidden.created_at), hidden.id);
        assert_eq!(test.api(&token, "GET", "/schedules", None).await.json()["total"], 0);
        assert_eq!(test.api(&token, "GET", &format!("/schedules/{id}"), None).await.status, StatusCode::NOT_FOUND);
        let (bridge, _) = seeded(&test, 1).await;
        let schedule = the_one(&test, &token).await;
        let bridge = bridges::get(test.app.db.read(), bridge).await.unwrap().unwrap();
        let off = Entered { name: bridge.name.clone(), settings: bridge.settings().unwrap(), enabled: false, ..Entered::default() };
        let mut tx = test.app.db.write().await.unwrap();
        bridges::update(&mut tx, &test.app.vault, bridge.id, &off, &test.actor()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(test.api(&token, "POST", &path(&schedule, "/run"), None).await.status, StatusCode::CONFLICT);
        let shown = the_one(&test, &token).await;
        assert_eq!((&shown["active"], &shown["next_occurrences"]), (&json!(false), &json!([])), "{}", test.name);
    }
}
