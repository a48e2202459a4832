//! Groups, runs, people: what starts, what is held, what pages say.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::{Counts, Kind, PublicId};
use rialto_store::bridges::{self, Entered};
use rialto_store::groups::{self, Described, Group};
use rialto_store::runs::{self, Ending, NewRun, Subject};
use serde_json::json;

use crate::harness::Test;

pub async fn seeded(test: &Test, lists: usize) -> (i64, Vec<Group>) {
    let mut tx = test.app.db.write().await.unwrap();
    let entered = Entered {
        name: "Members".into(),
        settings: [("base_url".to_owned(), "https://remote.example/".to_owned())].into(),
        secrets: [("password".to_owned(), "hush".to_owned())].into(),
        enabled: true,
    };
    let bridge = bridges::create(&mut tx, &test.app.vault, "personify360", &entered, &test.actor()).await.unwrap();
    let described: Vec<Described> = (0..lists)
        .map(|n| Described {
            code: format!("L{n}"),
            name: format!("List {n:03}"),
            description: String::new(),
            active: true,
            regeneration: "daily".into(),
            members: Some(3),
            refreshed_at: None,
            modified_at: None,
        })
        .collect();
    groups::mirror(&mut tx, bridge, "Personify", &described, true, test.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    (bridge, groups::of_bridge(test.app.db.read(), bridge).await.unwrap())
}

pub fn id_of(group: &Group) -> String {
    PublicId::new(Kind::TargetGroup, rialto_core::Instant(group.created_at), group.id).to_string()
}

/// Makes a run of a group end in a state.
pub async fn ended(test: &Test, bridge_id: i64, group_id: i64, state: RunState) -> String {
    let mut tx = test.app.db.write().await.unwrap();
    let new = NewRun::of(RunKind::People, Subject::Group { group_id, bridge_id }, Trigger::Overnight);
    let asked = runs::request(&mut tx, new, &test.actor()).await.unwrap();
    let now = test.app.clock.now();
    runs::claim(&mut tx, "w", now, 60).await.unwrap().unwrap();
    let end = Ending {
        state,
        counts: Counts { read: 5, unchanged: 5, leaving: 40, withheld: 40, ..Counts::default() },
        reason: "Too many would leave.".into(),
        advice: String::new(),
        error_kind: String::new(),
        data_as_of: None,
        stats: json!({}),
    };
    assert!(runs::finish(&mut tx, asked.run_id, "w", now, &end).await.unwrap());
    tx.commit().await.unwrap();
    PublicId::new(Kind::SyncRun, rialto_core::Instant(asked.created_at), asked.run_id).to_string()
}

#[tokio::test]
async fn groups_are_listed_filtered_and_paged() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let (_, all) = seeded(&test, 7).await;
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = test.api(&token, "GET", &format!("/target-groups?limit=3&cursor={cursor}"), None).await.json();
            assert_eq!(page["total"], 7);
            seen.extend(page["items"].as_array().unwrap().iter().map(|g| g["name"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, (0..7).map(|n| format!("List {n:03}")).collect::<Vec<_>>());
        let total = async |query: &str| test.api(&token, "GET", &format!("/target-groups{query}"), None).await.json()["total"].clone();
        assert_eq!(total("?q=003").await, 1);
        assert_eq!(total("?q=%25").await, 0, "a percent sign is only a percent sign");
        assert_eq!(total("?kind=segment").await, 0);
        assert_eq!(total("?folder=Personify").await, 7);
        let path = format!("/target-groups/{}", id_of(&all[0]));
        let group = test.api(&token, "GET", &path, None).await.json();
        assert_eq!(total(&format!("?bridge={}", group["bridge"].as_str().unwrap())).await, 7);
        let moved = test.api(&token, "PATCH", &path, Some(json!({"folder": "Mine"}))).await.json();
        assert_eq!((&moved["folder"], &moved["code"], &moved["remote_members"]), (&json!("Mine"), &json!("L0"), &json!(3)));
        assert_eq!(total("?folder=Mine").await, 1);
        let counts = test.api(&token, "GET", &format!("{path}/counts"), None).await.json();
        assert_eq!((&counts["members"], counts["waterfall"].is_null(), counts["last_run"].is_null()), (&json!(0), true, true));
        let empty = json!({"items": [], "next_cursor": null, "total": 0});
        assert_eq!(test.api(&token, "GET", &format!("{path}/mailings"), None).await.json(), empty);
        assert_eq!(test.api(&token, "GET", &format!("{path}/subscribers"), None).await.json(), empty);
        // The right number with the wrong time is no id that was handed out.
        let forged = PublicId::new(Kind::TargetGroup, rialto_core::Instant(all[0].created_at + 5_000_000), all[0].id);
        assert_eq!(test.api(&token, "GET", &format!("/target-groups/{forged}"), None).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_sync_starts_once_and_wakes_the_worker() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let (_, all) = seeded(&test, 1).await;
        let path = format!("/target-groups/{}/sync", id_of(&all[0]));
        let first = test.api(&token, "POST", &path, None).await;
        assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text);
        tokio::time::timeout(std::time::Duration::from_secs(1), test.app.wake.heard()).await.expect("the worker is woken");
        let run = first.json()["run"].clone();
        assert_eq!(
            (&run["kind"], &run["trigger"], &run["by"], &run["state"]),
            (&json!("people"), &json!("api"), &json!("token:marketer"), &json!("queued"))
        );
        let again = test.api(&token, "POST", &path, Some(json!({"plan_only": false}))).await.json();
        assert_eq!((&again["run"]["id"], again["run"]["triggers"].as_array().unwrap().len()), (&run["id"], 2));
        assert_eq!(test.api(&token, "POST", &path, Some(json!({"plan_only": true}))).await.status, StatusCode::CONFLICT);
        assert_eq!(test.api(&token, "POST", &path, Some(json!({"plan": true}))).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let one = test.api(&token, "GET", &format!("/sync-runs/{}", run["id"].as_str().unwrap()), None).await.json();
        assert_eq!(one, again["run"]);
        let group = id_of(&all[0]);
        let listed = test.api(&token, "GET", &format!("/sync-runs?target_group={group}&state=queued"), None).await.json();
        assert_eq!((&listed["total"], &listed["items"][0]), (&json!(1), &one));
        let metrics = test.get("/metrics", "").await.text;
        for line in ["rialto_sync_runs_open{state=\"queued\"} 1", "{state=\"running\"} 0", "{state=\"held\"} 0", "test_metric 1"] {
            assert!(metrics.contains(line), "{line}: {metrics}");
        }
        assert_eq!(test.get("/readyz", "").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_held_run_is_approved_or_discarded_once() {
    for test in Test::on_both().await {
        let (marketer, viewer) = (test.token(Role::Marketer).await, test.token(Role::Viewer).await);
        let (bridge, all) = seeded(&test, 2).await;
        let other = ended(&test, bridge, all[1].id, RunState::Held).await;
        let held = ended(&test, bridge, all[0].id, RunState::Held).await;
        assert_eq!(test.api(&viewer, "POST", &format!("/sync-runs/{held}/approve"), None).await.status, StatusCode::FORBIDDEN);
        let approval = test.api(&marketer, "POST", &format!("/sync-runs/{held}/approve"), None).await;
        assert_eq!(approval.status, StatusCode::ACCEPTED, "{}", approval.text);
        let run = approval.json()["run"].clone();
        assert_eq!((&run["kind"], &run["parent_run"], &run["target_group"]), (&json!("approval"), &json!(held), &json!(id_of(&all[0]))));
        assert_eq!(test.api(&viewer, "GET", &format!("/sync-runs/{held}"), None).await.json()["state"], "approved");
        for act in ["approve", "discard"] {
            assert_eq!(test.api(&marketer, "POST", &format!("/sync-runs/{held}/{act}"), None).await.status, StatusCode::CONFLICT);
        }
        let dropped = test.api(&marketer, "POST", &format!("/sync-runs/{other}/discard"), None).await;
        assert_eq!(
            (dropped.status, &dropped.json()["state"], &dropped.json()["counts"]["withheld"]),
            (StatusCode::OK, &json!("discarded"), &json!(40))
        );
    }
}

#[tokio::test]
async fn a_busy_group_keeps_its_held_run_undecided() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let (bridge, all) = seeded(&test, 1).await;
        let held = ended(&test, bridge, all[0].id, RunState::Held).await;
        test.api(&token, "POST", &format!("/target-groups/{}/sync", id_of(&all[0])), None).await;
        assert_eq!(test.api(&token, "POST", &format!("/sync-runs/{held}/approve"), None).await.status, StatusCode::CONFLICT);
        assert_eq!(test.api(&token, "GET", &format!("/sync-runs/{held}"), None).await.json()["state"], "held", "all or nothing");
    }
}

#[tokio::test]
async fn events_end_with_the_run() {
    for test in Test::on_both().await {
        let token = test.token(Role::Viewer).await;
        let (bridge, all) = seeded(&test, 1).await;
        let run = ended(&test, bridge, all[0].id, RunState::Succeeded).await;
        let answer = test.api(&token, "GET", &format!("/sync-runs/{run}/events"), None).await;
        assert_eq!(answer.header("content-type"), "text/event-stream");
        assert!(answer.text.contains("event: end") && answer.text.contains(&run), "{}", answer.text);
        let changes = test.api(&token, "GET", &format!("/sync-runs/{run}/changes"), None).await.json();
        assert_eq!(changes["total"], 0);
        assert_eq!(
            test.api(&token, "GET", &format!("/sync-runs/{run}/changes?change=x"), None).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
}

/// Runs of lists, newest first, once there are `count` of them and the newest has been asked for `times` times: a sign-in does not wait.
async fn lists_runs(test: &Test, token: &str, count: usize, times: usize) -> Vec<serde_json::Value> {
    for _ in 0..400 {
        let runs = test.api(token, "GET", "/sync-runs?kind=lists", None).await.json()["items"].as_array().unwrap().clone();
        if runs.len() == count && runs[0]["triggers"].as_array().unwrap().len() == times {
            return runs;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{}: there are never {count} lists runs, the newest asked for {times} times", test.name);
}

#[tokio::test]
async fn events_end_when_rialto_stops() {
    for test in Test::on_both().await {
        let token = test.token(Role::Admin).await;
        seeded(&test, 1).await;
        let bridges = test.api(&token, "GET", "/bridges", None).await.json();
        let bridge = bridges["items"][0]["id"].as_str().expect("a bridge");
        let started = test.api(&token, "POST", &format!("/bridges/{bridge}/test"), None).await.json();
        let id = started["run"]["id"].as_str().unwrap_or_else(|| panic!("{started}")).to_owned();
        let stop = test.app.stop.clone();
        let path = format!("/sync-runs/{id}/events");
        let watched = async {
            let answer = test.api(&token, "GET", &path, None).await;
            assert!(answer.text.contains("event: run") && !answer.text.contains("event: end"), "{}", answer.text);
        };
        let stopped = async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            stop.cancel();
        };
        let both = async { tokio::join!(watched, stopped) };
        tokio::time::timeout(std::time::Duration::from_secs(10), both).await.expect("the stream ends");
    }
}

#[tokio::test]
async fn a_sign_in_reads_lists_that_are_old_enough() {
    for test in Test::on_both().await {
        let token = test.token(Role::Viewer).await;
        test.user("ann@rialto.example", Role::Marketer).await;
        test.user("vic@rialto.example", Role::Viewer).await;
        let (bridge, _) = seeded(&test, 1).await;
        test.sign_in("ann@rialto.example").await;
        lists_runs(&test, &token, 1, 1).await;
        test.sign_in("vic@rialto.example").await;
        let run = lists_runs(&test, &token, 1, 2).await.remove(0);
        assert_eq!((&run["trigger"], &run["by"], &run["target_group"]), (&json!("login"), &json!("user:ann@rialto.example"), &json!(null)));
        assert_eq!(run["triggers"][1]["by"], "user:vic@rialto.example", "{}: whoever signs in is told", test.name);
        let mut tx = test.app.db.write().await.unwrap();
        let now = test.app.clock.now();
        runs::claim(&mut tx, "w", now, 60).await.unwrap().unwrap();
        let done = Ending {
            state: RunState::Succeeded,
            counts: Counts::default(),
            reason: String::new(),
            advice: String::new(),
            error_kind: String::new(),
            data_as_of: None,
            stats: json!({}),
        };
        let id = PublicId::parse(run["id"].as_str().unwrap(), Kind::SyncRun).unwrap().id;
        runs::finish(&mut tx, id, "w", now, &done).await.unwrap();
        bridges::lists_synced(&mut tx, bridge, now).await.unwrap();
        tx.commit().await.unwrap();
        test.later(599);
        test.sign_in("ann@rialto.example").await;
        test.later(1);
        test.sign_in("vic@rialto.example").await;
        // Exactly ten minutes are old enough; a second less is not: the new run was asked for once, by the later one.
        let run = lists_runs(&test, &token, 2, 1).await.remove(0);
        assert_eq!(run["by"], "user:vic@rialto.example", "{}", test.name);
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        lists_runs(&test, &token, 2, 1).await;
    }
}

#[tokio::test]
async fn a_sign_in_asks_neither_a_bridge_that_is_off_nor_a_kind_without_the_trigger() {
    for test in Test::on_both().await {
        let token = test.token(Role::Viewer).await;
        test.user("ann@rialto.example", Role::Admin).await;
        let mut tx = test.app.db.write().await.unwrap();
        for (kind, name, enabled) in [("personify360", "Off", false), ("nosuchkind", "Unknown", true), ("personify360", "On", true)] {
            let entered = Entered { name: name.into(), enabled, ..Entered::default() };
            bridges::create(&mut tx, &test.app.vault, kind, &entered, &test.actor()).await.unwrap();
        }
        tx.commit().await.unwrap();
        test.sign_in("ann@rialto.example").await;
        // They are asked in order, so the last one's run tells that the others were passed over.
        let run = lists_runs(&test, &token, 1, 1).await.remove(0);
        let on = test.api(&token, "GET", "/bridges", None).await.json()["items"][2]["id"].clone();
        assert_eq!(run["bridge"], on, "{}", test.name);
    }
}

#[tokio::test]
async fn an_undo_is_planned_asked_for_and_refused_where_nothing_was_done() {
    for test in Test::on_both().await {
        let (marketer, viewer) = (test.token(Role::Marketer).await, test.token(Role::Viewer).await);
        let (bridge, all) = seeded(&test, 1).await;
        let run = ended(&test, bridge, all[0].id, RunState::Succeeded).await;
        let path = format!("/sync-runs/{run}/undo");
        let nothing = test.api(&marketer, "POST", &path, None).await;
        assert_eq!(nothing.status, StatusCode::CONFLICT);
        assert!(nothing.text.contains("changed no members"), "{}", nothing.text);
        let mut tx = test.app.db.write().await.unwrap();
        tx.run("UPDATE sync_run SET applied_at = created_at WHERE kind = 'people'", vec![]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(test.api(&viewer, "POST", &path, None).await.status, StatusCode::FORBIDDEN);
        assert_eq!(test.api(&marketer, "POST", &path, Some(json!({"plan": true}))).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let plan = test.api(&marketer, "POST", &path, Some(json!({"plan_only": true}))).await;
        assert_eq!(plan.status, StatusCode::ACCEPTED, "{}", plan.text);
        let plan = plan.json()["run"].clone();
        assert_eq!((&plan["kind"], &plan["plan_only"], &plan["parent_run"]), (&json!("undo"), &json!(true), &json!(run)));
        assert_eq!(test.api(&marketer, "POST", &path, None).await.status, StatusCode::CONFLICT, "while the plan is under way");
        let early = test.api(&marketer, "POST", &format!("/sync-runs/{}/undo", plan["id"].as_str().unwrap()), None).await;
        assert_eq!(early.status, StatusCode::CONFLICT, "a plan, and one under way");
    }
}
