//! What a remote system fetches itself: `/remote/{bridge}/writebacks`, its token, and what pages say of it.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use rialto_core::permissions::Role;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::{args, bridges};
use serde_json::{Value, json};

use crate::acts::{because, subscriber};
use crate::admin_pages::Browser;
use crate::harness::{Answer, Test};
use crate::people::{people, run};
use crate::runs::seeded;

const MEMBERSUITE: &str = "UPDATE bridge SET kind = 'membersuite', name = 'Members' WHERE id = $1";

/// A bridge of MemberSuite that brought six people, and its public id.
async fn bridge(test: &Test) -> (i64, String) {
    let (bridge, groups) = seeded(test, 1).await;
    run(test, MEMBERSUITE, args![bridge]).await;
    people(test, bridge, groups[0].id, 6).await;
    let row = bridges::get(test.app.db.read(), bridge).await.unwrap().unwrap();
    (bridge, PublicId::new(Kind::Bridge, Instant(row.created_at), bridge).to_string())
}

/// A bridge whose remote is to fetch, three people of which unsubscribed, and the token for it.
async fn polled(test: &Test, admin: &str) -> (i64, String, String) {
    let (number, id) = bridge(test).await;
    let set = test.api(admin, "PUT", &format!("/bridges/{id}/writeback-settings"), Some(json!({"kinds": {}, "delivery": "polled"}))).await;
    assert_eq!((set.status, &set.json()["delivery"]), (StatusCode::OK, &json!("polled")), "{}", set.text);
    for remote_id in ["R-1", "R-4", "R-5"] {
        let who = subscriber(test, admin, remote_id).await;
        assert_eq!(test.api(admin, "POST", &format!("{who}/unsubscribe"), because("letter")).await.status, StatusCode::OK);
    }
    let made = test.api(admin, "POST", &format!("/bridges/{id}/fetch-token"), None).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    (number, id, made.json()["token"].as_str().unwrap().to_owned())
}

async fn ask(test: &Test, method: &str, path: &str, token: &str, body: Option<String>) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("/remote/{path}"));
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    test.send(request.body(body.map_or_else(Body::empty, Body::from)).unwrap()).await
}

async fn fetch(test: &Test, id: &str, token: &str, query: &str) -> Value {
    let answer = ask(test, "GET", &format!("{id}/writebacks{query}"), token, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}: {}", test.name, answer.text);
    crate::described::check_at("get", "/remote/{bridge}/writebacks", &answer);
    answer.json()
}

async fn say(test: &Test, id: &str, token: &str, batch: &Value, words: &[(&Value, &str)]) -> Value {
    let items: Vec<Value> = words
        .iter()
        .map(|(item, result)| json!({"id": item["id"], "result": result, "reason": if *result == "refused" { "No" } else { "" }}))
        .collect();
    let body = json!({"batch": batch["batch"], "items": items}).to_string();
    let answer = ask(test, "POST", &format!("{id}/writebacks"), token, Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}: {}", test.name, answer.text);
    crate::described::check_at("post", "/remote/{bridge}/writebacks", &answer);
    answer.json()
}

async fn states(test: &Test) -> Vec<String> {
    let rows: Vec<(String,)> = test.app.db.read().all("SELECT state FROM writeback ORDER BY id", vec![]).await.unwrap();
    rows.into_iter().map(|(s,)| s).collect()
}

fn results(heard: &Value) -> Vec<&str> {
    heard["items"].as_array().unwrap().iter().map(|i| i["result"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_batch_is_fetched_done_and_acknowledged_one_by_one() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (_, id, token) = polled(&test, &admin).await;
        let batch = fetch(&test, &id, &token, "?limit=2&lease_seconds=60").await;
        let items = batch["items"].as_array().unwrap();
        assert_eq!((items.len(), &batch["more"]), (2, &json!(true)), "{}", test.name);
        let first = &items[0];
        assert_eq!((&first["kind"], &first["remote_id"], &first["do_not_email"]), (&json!("unsubscribe"), &json!("R-1"), &json!(true)));
        assert_eq!((&first["reason"], &first["account"], &first["again"]), (&json!("letter"), &json!("Test"), &json!(false)));
        assert_eq!(first["marker"], format!("[rialto:{}]", first["id"].as_str().unwrap()));
        assert!(!batch.to_string().contains("members.example"), "no address goes out");
        assert_eq!(states(&test).await, ["processing", "processing", "new"]);
        let heard = say(&test, &id, &token, &batch, &[(first, "acknowledged"), (&items[1], "refused")]).await;
        assert_eq!(results(&heard), ["recorded", "recorded"], "{}", test.name);
        assert_eq!(states(&test).await, ["sent", "error", "new"]);
        let again = say(&test, &id, &token, &batch, &[(first, "acknowledged"), (&items[1], "acknowledged")]).await;
        assert_eq!((results(&again), &again["taken"], &again["refused"]), (vec!["repeated", "refused"], &json!(1), &json!(1)));
        assert!(again["items"][1]["detail"].as_str().unwrap().contains("before"), "{again}");
        let rest = fetch(&test, &id, &token, "").await;
        assert_eq!((rest["items"].as_array().unwrap().len(), &rest["more"]), (1, &json!(false)));
        assert_eq!(fetch(&test, &id, &token, "").await, json!({"batch": null, "lease_until": null, "items": [], "more": false}));
        // The lease over, it comes again, and the late word is told so.
        test.later(601);
        let late = say(&test, &id, &token, &rest, &[(&rest["items"][0], "acknowledged")]).await;
        assert_eq!(results(&late), ["refused"]);
        assert!(late["items"][0]["detail"].as_str().unwrap().contains("lease is over"), "{late}");
        let next = fetch(&test, &id, &token, "").await;
        let found = next["items"].as_array().unwrap().iter().find(|i| i["id"] == rest["items"][0]["id"]).unwrap();
        assert_eq!((&found["again"], &found["attempt"]), (&json!(true), &json!(2)), "{}", test.name);
    }
}

#[tokio::test]
async fn only_the_bridges_own_token_opens_and_it_opens_nothing_else() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (_, id, token) = polled(&test, &admin).await;
        let path = format!("{id}/writebacks");
        let stranger = PublicId::new(Kind::Bridge, Instant(rialto_testkit::START), 987).to_string();
        let (other, _) = seeded(&test, 1).await;
        let row = bridges::get(test.app.db.read(), other).await.unwrap().unwrap();
        let other = PublicId::new(Kind::Bridge, Instant(row.created_at), other).to_string();
        let mut said = Vec::new();
        for (path, token) in [
            (path.clone(), String::new()),
            (path.clone(), "rialto_00".into()),
            (path.clone(), admin.clone()),
            (path.clone(), format!("{token}0")),
            (path.clone(), "x".repeat(5_000)),
            (format!("{stranger}/writebacks"), token.clone()),
            (format!("{other}/writebacks"), token.clone()),
            ("1/writebacks".into(), token.clone()),
            ("%00/writebacks".into(), token.clone()),
        ] {
            for (method, body) in [("GET", None), ("POST", Some("{}".to_owned()))] {
                let answer = ask(&test, method, &path, &token, body).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}: {method} {path}: {}", test.name, answer.text);
                assert_eq!(answer.header("www-authenticate"), "Bearer");
                said.push(answer.json()["detail"].clone());
            }
        }
        said.dedup();
        assert_eq!(said.len(), 1, "one answer to all of them: {said:?}");
        // It is no token of the API, nor a session.
        for path in ["/bridges", "/writebacks", "/tokens"] {
            assert_eq!(test.api(&token, "GET", path, None).await.status, StatusCode::UNAUTHORIZED, "{path}");
        }
        for method in ["HEAD", "PUT", "DELETE", "PATCH"] {
            assert_eq!(ask(&test, method, &path, &token, None).await.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        }
        assert_eq!(states(&test).await, ["new", "new", "new"], "{}: nothing was leased by any of it", test.name);
        // Who goes on guessing waits; who has the token does not.
        let mut waits = 0;
        for _ in 0..40 {
            waits += usize::from(ask(&test, "GET", &path, "wrong", None).await.status == StatusCode::TOO_MANY_REQUESTS);
        }
        assert!(waits > 5, "{}: {waits}", test.name);
        assert_eq!(fetch(&test, &id, &token, "").await["items"].as_array().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn a_token_is_shown_once_replaced_and_revoked() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (_, id, old) = polled(&test, &admin).await;
        let path = format!("/bridges/{id}/fetch-token");
        let about = test.api(&admin, "GET", &path, None).await;
        assert!(about.json()["made_at"].is_string() && !about.text.contains(&old), "{}", about.text);
        assert_eq!(about.json()["address"], format!("http://rialto.example/remote/{id}/writebacks"));
        let new = test.api(&admin, "POST", &path, None).await.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(ask(&test, "GET", &format!("{id}/writebacks"), &old, None).await.status, StatusCode::UNAUTHORIZED);
        let stored: Vec<(String,)> = test.app.db.read().all("SELECT token_hash FROM fetch_token", vec![]).await.unwrap();
        assert!(stored.len() == 1 && !stored[0].0.contains(&new));
        fetch(&test, &id, &new, "").await;
        assert!(test.api(&admin, "GET", &path, None).await.json()["last_fetch_at"].is_string(), "{}", test.name);
        assert_eq!(test.api(&admin, "DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(test.api(&admin, "DELETE", &path, None).await.status, StatusCode::CONFLICT);
        assert_eq!(ask(&test, "GET", &format!("{id}/writebacks"), &new, None).await.status, StatusCode::UNAUTHORIZED);
        // A bridge that is deleted lets nobody in.
        let last = test.api(&admin, "POST", &path, None).await.json()["token"].as_str().unwrap().to_owned();
        run(&test, "UPDATE bridge SET deleted_at = 5", args![]).await;
        assert_eq!(ask(&test, "GET", &format!("{id}/writebacks"), &last, None).await.status, StatusCode::UNAUTHORIZED, "{}", test.name);
    }
}

#[tokio::test]
async fn bridges_that_are_pushed_switched_off_or_of_another_kind_give_nothing() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (number, id, token) = polled(&test, &admin).await;
        run(&test, "UPDATE bridge SET enabled = FALSE WHERE id = $1", args![number]).await;
        let off = ask(&test, "GET", &format!("{id}/writebacks"), &token, None).await;
        assert_eq!(off.status, StatusCode::CONFLICT, "{}", off.text);
        assert!(off.json()["detail"].as_str().unwrap().contains("switched off"));
        run(&test, "UPDATE bridge SET enabled = TRUE WHERE id = $1", args![number]).await;
        let settings = format!("/bridges/{id}/writeback-settings");
        let push = test.api(&admin, "PUT", &settings, Some(json!({"kinds": {}, "delivery": "push"}))).await;
        assert_eq!(push.json()["delivery"], "push");
        let pushed = ask(&test, "GET", &format!("{id}/writebacks"), &token, None).await;
        assert_eq!(pushed.status, StatusCode::CONFLICT, "{}", pushed.text);
        assert_eq!(states(&test).await, ["new", "new", "new"], "{}", test.name);
        // Left out, it stays as it is.
        assert_eq!(test.api(&admin, "PUT", &settings, Some(json!({"kinds": {}}))).await.json()["delivery"], "push");
        let odd = test.api(&admin, "PUT", &settings, Some(json!({"kinds": {}, "delivery": "carried"}))).await;
        assert_eq!((odd.status, &odd.json()["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("delivery")));
        run(&test, "UPDATE bridge SET kind = 'personify360' WHERE id = $1", args![number]).await;
        let cannot = test.api(&admin, "PUT", &settings, Some(json!({"kinds": {}, "delivery": "polled"}))).await;
        assert_eq!((cannot.status, &cannot.json()["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("delivery")));
        let no = test.api(&admin, "POST", &format!("/bridges/{id}/fetch-token"), None).await;
        assert_eq!(no.status, StatusCode::CONFLICT, "{}", no.text);
    }
}

#[tokio::test]
async fn hostile_words_are_refused_with_their_place_and_nothing_happens() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (_, id, token) = polled(&test, &admin).await;
        let batch = fetch(&test, &id, &token, "").await;
        let (name, first) = (&batch["batch"], &batch["items"][0]["id"]);
        let path = format!("{id}/writebacks");
        let person = PublicId::new(Kind::Subscriber, Instant(rialto_testkit::START), 1).to_string();
        let item = |id: &Value, result: &str| json!({"id": id, "result": result});
        let many: Vec<Value> = (0..501).map(|_| item(first, "acknowledged")).collect();
        let cases = [
            (json!({"batch": "../../x", "items": [item(first, "acknowledged")]}), "batch"),
            (json!({"batch": name, "items": []}), "items"),
            (json!({"batch": name, "items": many}), "items"),
            (json!({"batch": name, "items": [item(first, "acknowledged"), item(first, "refused")]}), "items[1].reason"),
            (json!({"batch": name, "items": [item(first, "acknowledged"), item(first, "acknowledged")]}), "items[1].id"),
            (json!({"batch": name, "items": [item(&json!(person), "acknowledged")]}), "items[0].id"),
            (json!({"batch": name, "items": [item(&json!("'; DROP TABLE writeback"), "acknowledged")]}), "items[0].id"),
            (json!({"batch": name, "items": [item(first, "sent")]}), "items[0].result"),
            (json!({"batch": name, "items": [{"id": first, "result": "refused", "reason": "x".repeat(1_001)}]}), "items[0].reason"),
            (json!({"batch": name, "items": [{"id": first, "result": "acknowledged", "state": "sent"}]}), "items[0].state"),
            (json!({"items": [item(first, "acknowledged")]}), "batch"),
        ];
        for (body, field) in cases {
            let answer = ask(&test, "POST", &path, &token, Some(body.to_string())).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.text);
            assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.text);
        }
        for body in ["", "[", "null", "[]", "\u{0}", &"[".repeat(100_000)] {
            let answer = ask(&test, "POST", &path, &token, Some(body.to_owned())).await;
            assert!(matches!(answer.status.as_u16(), 400 | 422), "{body:.20}: {} {}", answer.status, answer.text);
        }
        let huge = ask(&test, "POST", &path, &token, Some(format!("{{\"batch\": \"{}\"}}", "x".repeat(2 << 20)))).await;
        assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", huge.text);
        for query in ["?limit=0", "?limit=501", "?limit=x", "?lease_seconds=4", "?lease_seconds=3601", "?limit=99999999999999999999"] {
            let answer = ask(&test, "GET", &format!("{path}{query}"), &token, None).await;
            assert!(matches!(answer.status.as_u16(), 400 | 422), "{query}: {} {}", answer.status, answer.text);
        }
        let nul = json!({"batch": name, "items": [{"id": first, "result": "refused", "reason": "a\u{0}b"}]});
        let answer = ask(&test, "POST", &path, &token, Some(nul.to_string())).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(states(&test).await, ["error", "processing", "processing"], "{}", test.name);
    }
}

#[tokio::test]
async fn pages_say_what_waits_who_fetched_it_and_when_nobody_comes() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (_, id, token) = polled(&test, &admin).await;
        test.user("ida@rialto.example", Role::Admin).await;
        let browser = Browser::of(&test, "ida@rialto.example").await;
        let list = browser.get("/writebacks").await.text;
        assert!(list.contains("waits for MemberSuite to fetch it") && list.contains("Never fetched yet"), "{}", test.name);
        assert!(!list.contains(">Run now<"), "whoever fetches begins the cycle");
        let settings = format!("/admin/bridges/{id}/writebacks");
        let page = browser.get(&settings).await.text;
        assert!(page.contains("MemberSuite fetches them") && page.contains("Not fetched yet"), "{page}");
        // An hour without a fetch wants somebody.
        test.later(3_700);
        for (path, words) in
            [("/", "Not fetched"), ("/admin/status", "never was"), (&settings, "Not fetched"), ("/writebacks", "Not fetched")]
        {
            assert!(browser.get(path).await.text.contains(words), "{}: {path} does not say {words}", test.name);
        }
        let batch = fetch(&test, &id, &token, "?limit=1").await;
        assert!(!browser.get("/").await.text.contains("Not fetched"), "{}", test.name);
        let one = format!("/writebacks/{}", batch["items"][0]["id"].as_str().unwrap());
        let page = browser.get(&one).await.text;
        assert!(page.contains("MemberSuite fetched it") && page.contains("awaited until"), "{page}");
        say(&test, &id, &token, &batch, &[(&batch["items"][0], "refused")]).await;
        let page = browser.get(&one).await.text;
        assert!(page.contains("MemberSuite fetched it and refused it: No") && page.contains("gets it again"), "{page}");
        assert!(browser.get("/writebacks").await.text.contains("Last fetched"), "{}", test.name);
    }
}

#[tokio::test]
async fn the_token_on_its_pages() {
    for test in Test::on_both().await {
        let (_, id) = bridge(&test).await;
        for role in [Role::Admin, Role::Viewer] {
            test.user(&format!("{}@rialto.example", role.name()), role).await;
        }
        let browser = Browser::of(&test, "admin@rialto.example").await;
        let viewer = Browser::of(&test, "viewer@rialto.example").await;
        let settings = format!("/admin/bridges/{id}/writebacks");
        let token = format!("{settings}/token");
        assert!(!viewer.get(&settings).await.text.contains("Token for fetching"));
        assert_eq!(viewer.get(&token).await.status, StatusCode::FORBIDDEN);
        assert_eq!(viewer.post(&token, &[]).await.status, StatusCode::FORBIDDEN);
        assert!(browser.get(&token).await.text.contains("Make the token"));
        let made = browser.post(&token, &[]).await;
        let shown = made.text.split("id=\"made\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        assert!(shown.starts_with("rialto_") && made.header("cache-control").contains("no-store"), "{}", made.text);
        for path in [&settings, &token, &format!("{token}/revoke")] {
            let page = browser.get(path).await.text;
            assert!(!page.contains(&shown), "{path} shows the token again");
        }
        assert!(browser.get(&token).await.text.contains("Replace the token"));
        // Chosen by the form, and taken back.
        let form = [("automatic", "yes"), ("interests", "yes"), ("concurrency", "4"), ("delivery", "polled")];
        assert_eq!(browser.post(&settings, &form).await.status, StatusCode::SEE_OTHER);
        fetch(&test, &id, &shown, "").await;
        assert_eq!(browser.post(&format!("{token}/revoke"), &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(ask(&test, "GET", &format!("{id}/writebacks"), &shown, None).await.status, StatusCode::UNAUTHORIZED, "{}", test.name);
        assert_eq!(browser.post(&format!("{token}/revoke"), &[]).await.status, StatusCode::CONFLICT);
    }
}
