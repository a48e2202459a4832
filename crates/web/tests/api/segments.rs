//! Segments by API and pages.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::args;
use serde_json::{Value, json};

use crate::admin_pages::Browser;
use crate::harness::Test;
use crate::runs::{id_of, seeded};

/// Three people; the first two share an address, the third cannot be written to.
async fn people(test: &Test, bridge: i64, group: i64) -> Vec<String> {
    let mut tx = test.app.db.write().await.unwrap();
    let mut ids = Vec::new();
    for (id, address, state) in [(1_i64, "ann@x.example", 0_i64), (2, "ann@x.example", 0), (3, "", 1)] {
        let at = test.app.clock.now();
        tx.run(
            "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen,
                remote_flag_run, hash) VALUES ($1, $2, 1, $3, $4, $5, $5, $6, 1, 0, 1)",
            args![id, at, bridge, format!("R{id}"), address, state],
        )
        .await
        .unwrap();
        if id != 2 {
            tx.run("INSERT INTO membership (group_id, subscriber_id) VALUES ($1, $2)", args![group, id]).await.unwrap();
        }
        ids.push(PublicId::new(Kind::Subscriber, at, id).to_string());
    }
    tx.run("UPDATE target_group SET synced_run = 1, members = 2 WHERE id = $1", args![group]).await.unwrap();
    tx.commit().await.unwrap();
    ids
}

async fn bridge_id(test: &Test, token: &str) -> String {
    test.api(token, "GET", "/bridges", None).await.json()["items"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn segments_are_counted_made_changed_explained_and_deleted() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 2).await;
        let people = people(&test, bridge, groups[0].id).await;
        let token = test.token(Role::Marketer).await;
        let bridge = bridge_id(&test, &token).await;
        let rule = json!({"all": [
            {"bridge": {"bridge": bridge, "is": true}},
            {"any": [{"address": {"is": ["ANN@x.example"]}}, {"member": {"of": {"group": id_of(&groups[0])}, "is": true}}]},
        ]});
        let counted = test.api(&token, "POST", "/segments/count", Some(json!({"rule": rule}))).await;
        assert_eq!(counted.status, StatusCode::OK, "{}", counted.text);
        assert_eq!((&counted.json()["people"], &counted.json()["mailable"]), (&json!(3), &json!(1)), "{}", test.name);

        let made = test.api(&token, "POST", "/segments", Some(json!({"name": "Ann and friends", "rule": rule}))).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let made = made.json();
        assert_eq!((&made["rule"], &made["state"], &made["relative"]), (&rule, &json!("following"), &json!(false)));
        let path = format!("/segments/{}", made["id"].as_str().unwrap());
        let group = test.api(&token, "GET", &path.replace("segments", "target-groups"), None).await.json();
        assert_eq!((&group["kind"], &group["name"]), (&json!("segment"), &json!("Ann and friends")));

        let explained = test.api(&token, "GET", &format!("{path}/explain?subscriber={}", people[1]), None).await;
        assert_eq!(explained.status, StatusCode::OK, "{}", explained.text);
        let told = explained.json();
        assert_eq!((&told["holds"], &told["member"]), (&json!(true), &json!(false)));
        let lines: Vec<(i64, bool, String)> = told["lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|l| (l["depth"].as_i64().unwrap(), l["holds"].as_bool().unwrap(), l["words"].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(lines[1], (1, true, "Bridge is Members".to_owned()));
        assert_eq!(lines[4], (2, false, "In target group List 000".to_owned()));
        for (query, status) in [("", 422), ("?subscriber=x", 422)] {
            assert_eq!(test.api(&token, "GET", &format!("{path}/explain{query}"), None).await.status.as_u16(), status);
        }

        let newer = json!({"none": [{"usable_address": true}]});
        let patched = test.api(&token, "PATCH", &path, Some(json!({"rule": newer, "description": "No address"}))).await.json();
        assert_eq!((&patched["rule"], &patched["description"]), (&newer, &json!("No address")), "{patched}");

        let compound = json!({"kind": "compound", "name": "More", "include": {"mode": "any", "groups": [made["id"]]}});
        assert_eq!(test.api(&token, "POST", "/target-groups", Some(compound)).await.status, StatusCode::CREATED);
        let listed = test.api(&token, "GET", "/segments", None).await.json();
        assert_eq!(listed["items"][0]["used_by"][0]["name"], "More");
        assert_eq!(test.api(&token, "DELETE", &path, None).await.status, StatusCode::CONFLICT);
        let other = format!("/segments/{}", id_of(&groups[0]));
        assert_eq!(test.api(&token, "GET", &other, None).await.status, StatusCode::NOT_FOUND, "a group of another kind");
    }
}

#[tokio::test]
async fn faults_stand_at_their_place() {
    for test in Test::on_both().await {
        let (_, groups) = seeded(&test, 1).await;
        let token = test.token(Role::Marketer).await;
        let gone = PublicId::new(Kind::TargetGroup, Instant(groups[0].created_at), 999).to_string();
        let deep = json!({"all": [{"all": [{"all": [{"all": [{"all": [{"all": [{"mailable": true}]}]}]}]}]}]});
        for (rule, field) in [
            (json!(7), "rule"),
            (json!({"all": []}), "rule"),
            (json!({"all": [], "any": []}), "rule"),
            (json!({"any": [{"addres": 1}]}), "rule.any[0]"),
            (json!({"any": [{"all": [{"address": {"contains": ""}}]}]}), "rule.any[0].all[0].address"),
            (json!({"all": [{"member": {"of": {"group": gone}, "is": true}}]}), "rule.all[0].member"),
            (json!({"all": [{"member": {"of": {"group": "x"}, "is": true}}]}), "rule.all[0].member"),
            (json!({"all": [{"field": {"of": {"audience": "x"}, "number": 1, "is": "empty"}}]}), "rule.all[0].field"),
            (json!({"all": [{"added": {"anniversary": {"within_days": 1}}}]}), "rule.all[0].added"),
            (deep, "rule.all[0].all[0].all[0].all[0].all[0]"),
        ] {
            let answer = test.api(&token, "POST", "/segments/count", Some(json!({"rule": rule}))).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{rule}: {}", answer.text);
            assert_eq!(answer.json()["errors"][0]["field"], field, "{rule}: {}", answer.text);
        }
        let both = test.api(&token, "POST", "/segments", Some(json!({"name": "", "rule": {"all": []}}))).await.json();
        let fields: Vec<&Value> = both["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
        assert_eq!(fields, ["name", "rule"], "all faults at once");
    }
}

#[tokio::test]
async fn the_pages_work_without_scripts() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        let people = people(&test, bridge, groups[0].id).await;
        test.user("ed@rialto.example", Role::Marketer).await;
        let browser = Browser::of(&test, "ed@rialto.example").await;
        let empty = browser.get("/subscribers/segments").await;
        assert!(empty.text.contains("No segments yet"), "{}", empty.text);
        let form = browser.get("/subscribers/segments/new").await;
        assert_eq!(form.status, StatusCode::OK);
        // A condition is chosen, then its value; nothing is saved in between.
        let new = "/subscribers/segments/new";
        let added = browser.post(new, &[("act", "add:0"), ("n0-mode", "all"), ("n0-add", "address")]).await;
        assert!(added.status == StatusCode::OK && added.text.contains("name=\"n1-op\""), "{}", added.text);
        let condition = [("n1-depth", "1"), ("n1-subject", "address"), ("n1-op", "text.contains"), ("n0-mode", "all"), ("name", "Anns")];
        let with = |more: &[(&'static str, &'static str)]| [condition.as_slice(), more].concat();
        let nested = browser.post(new, &with(&[("act", "group:0"), ("n1-value", "ann")])).await;
        assert!(nested.text.contains("name=\"n2-mode\"") && nested.text.contains("value=\"ann\""), "{}", nested.text);
        let counted = browser.post("/subscribers/segments/count", &with(&[("n1-value", "ann")])).await;
        assert!(counted.text.contains("<strong class=\"answer\">2</strong>") && !counted.text.contains("<html"), "{}", counted.text);
        let faulty = browser.post(new, &with(&[("act", "save"), ("n1-value", "")])).await;
        assert!(faulty.status == StatusCode::UNPROCESSABLE_ENTITY && faulty.text.contains("Give a value."), "{}", faulty.text);
        let saved = browser.post(new, &with(&[("act", "save"), ("n1-value", "ann")])).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
        let page = browser.get(saved.header("location")).await;
        assert!(page.text.contains("Address contains ann"), "{}", page.text);
        let of_group = saved.header("location").replace("/subscribers/segments", "/target-groups");
        for (tab, to) in [("made-of", ""), ("edit", "/edit")] {
            let led = browser.get(&format!("{of_group}/{tab}")).await;
            assert_eq!((led.status, led.header("location")), (StatusCode::SEE_OTHER, format!("{}{to}", saved.header("location")).as_str()));
        }
        let why = browser.get(&format!("{}/explain?subscriber={}", saved.header("location"), people[0])).await;
        assert!(why.text.contains("✓") && why.text.contains("Address contains ann"), "{}", why.text);
    }
}
