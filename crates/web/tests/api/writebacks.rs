//! The queue of writebacks by API and on pages.

use axum::http::StatusCode;
use rialto_core::Instant;
use rialto_core::consent::Flag;
use rialto_core::permissions::Role;
use rialto_store::args;
use rialto_store::reconcile::{self, Found, Slice};
use rialto_store::writebacks::{self, Answer, Claimed, Outcome};
use serde_json::{Value, json};

use crate::acts::{because, subscriber};
use crate::admin_pages::Browser;
use crate::harness::Test;
use crate::people::people;
use crate::runs::seeded;

/// Three people who unsubscribed: one told, one in Error without tries left, one not yet tried.
async fn told(test: &Test, admin: &str) -> (i64, Vec<Value>) {
    let (bridge, all) = seeded(test, 1).await;
    people(test, bridge, all[0].id, 5).await;
    for remote_id in ["R-1", "R-3"] {
        let who = subscriber(test, admin, remote_id).await;
        assert_eq!(test.api(admin, "POST", &format!("{who}/unsubscribe"), because("letter")).await.status, StatusCode::OK);
    }
    let claimed = claim(test, bridge).await;
    assert_eq!(claimed.len(), 2);
    record(test, &claimed[0], Outcome::Sent { found_there: false, flag: Some(Flag::No) }, "Activity 17").await;
    record(test, &claimed[1], Outcome::Error { next_at: None, maybe_there: true }, "500 <b>broken</b>").await;
    let who = subscriber(test, admin, "R-4").await;
    let last = test.api(admin, "POST", &format!("{who}/unsubscribe"), because("a call")).await;
    assert_eq!(last.status, StatusCode::OK, "{}", last.text);
    let listed = test.api(admin, "GET", "/writebacks", None).await.json();
    assert_eq!(listed["total"], 3, "{}: {listed}", test.name);
    (bridge, listed["items"].as_array().unwrap().clone())
}

async fn claim(test: &Test, bridge: i64) -> Vec<Claimed> {
    let now = test.app.clock.now();
    writebacks::claim(&test.app.db, bridge, "w", now, now, Instant(now.0 + 60_000_000), 100).await.unwrap()
}

async fn record(test: &Test, c: &Claimed, outcome: Outcome, said: &str) {
    let at = test.app.clock.now();
    let (id, fence, bridge_id, subscriber_id) = (c.id, c.fence, c.bridge_id, c.subscriber_id);
    let answer =
        Answer { id, fence, bridge_id, subscriber_id, outcome, said: said.into(), started_at: at, at, asked_by: c.asked_by.clone() };
    assert_eq!(writebacks::record(&test.app.db, "w", &[answer]).await.unwrap(), [id]);
}

/// The check that was asked for ends with a mark that is not there any more.
async fn finding(test: &Test, bridge: i64) {
    let now = test.app.clock.now();
    let check = reconcile::claim(&test.app.db, "w", now, Instant(now.0 + 60_000_000)).await.unwrap().unwrap();
    let sent: (i64, i64) = test
        .app
        .db
        .read()
        .one("SELECT id, subscriber_id FROM writeback WHERE state = 'sent' AND bridge_id = $1", args![bridge])
        .await
        .unwrap();
    let found = Found { subscriber_id: sent.1, kind: "missing", writeback_id: sent.0, detail: "It is gone.".into(), repairable: true };
    let slice = Slice { position: sent.1, checked: 2, differing: 1, gone: 0, found: vec![found] };
    let mut tx = test.app.db.write().await.unwrap();
    assert!(reconcile::advance(&mut tx, &check, &slice, now, Instant(now.0 + 60_000_000)).await.unwrap());
    assert!(reconcile::end(&mut tx, &check, None, now).await.unwrap());
    tx.commit().await.unwrap();
}

fn id(item: &Value) -> &str {
    item["id"].as_str().unwrap()
}

#[tokio::test]
async fn the_queue_is_listed_filtered_and_told_in_words() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (_, items) = told(&test, &admin).await;
        let states: Vec<&str> = items.iter().map(|w| w["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["new", "error", "sent"], "{}", test.name);
        assert_eq!(items[2]["says"], "Do not solicit by email any more. Reason: letter");
        for (filter, number) in [
            ("state=error", 1),
            ("kind=unsubscribe", 3),
            ("kind=resubscribe", 0),
            (&format!("subscriber={}", items[0]["subscriber"].as_str().unwrap()) as &str, 1),
            (&format!("bridge={}&state=sent", items[0]["bridge"].as_str().unwrap()), 1),
            ("since=2031-01-01T00:00:00Z", 0),
            ("since=2001-01-01T00:00:00Z&until=2100-01-01T00:00:00Z", 3),
            ("until=2001-01-01T00:00:00Z", 0),
        ] {
            let found = test.api(&admin, "GET", &format!("/writebacks?{filter}"), None).await.json();
            assert_eq!((found["items"].as_array().unwrap().len(), &found["total"]), (number, &json!(number)), "{filter}");
        }
        for (filter, field) in [("state=x", "state"), ("kind=x", "kind"), ("bridge=x", "bridge"), ("since=yesterday", "since")] {
            let refused = test.api(&admin, "GET", &format!("/writebacks?{filter}"), None).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{filter}");
            assert!(refused.text.contains(field), "{}", refused.text);
        }
        let one = test.api(&admin, "GET", &format!("/writebacks/{}", id(&items[1])), None).await.json();
        assert_eq!((&one["attempts"][0]["outcome"], &one["attempts"][0]["answer"]), (&json!("error"), &json!("500 <b>broken</b>")));
        assert_eq!(one["marker"], format!("[rialto:{}]", id(&items[1])));
        let page = test.api(&admin, "GET", "/writebacks?limit=2", None).await.json();
        let rest =
            test.api(&admin, "GET", &format!("/writebacks?limit=2&cursor={}", page["next_cursor"].as_str().unwrap()), None).await.json();
        assert_eq!((page["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (2, 1));
    }
}

#[tokio::test]
async fn retry_mend_and_give_up_only_where_it_can_be() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (bridge, items) = told(&test, &admin).await;
        let (fresh, error, sent) = (id(&items[0]), id(&items[1]), id(&items[2]));
        for (path, body) in [
            (format!("/writebacks/{sent}/retry"), None),
            (format!("/writebacks/{fresh}/retry"), None),
            (format!("/writebacks/{sent}/cancel"), Some(json!({"reason": "x"}))),
        ] {
            assert_eq!(test.api(&admin, "POST", &path, body).await.status, StatusCode::CONFLICT, "{path}");
        }
        let mended = test.api(&admin, "PATCH", &format!("/writebacks/{error}"), Some(json!({"reason": " shorter "}))).await.json();
        assert_eq!(mended["told_reason"], "shorter");
        assert_eq!(
            test.api(&admin, "PATCH", &format!("/writebacks/{sent}"), Some(json!({"reason": "x"}))).await.status,
            StatusCode::CONFLICT
        );
        let long = json!({"reason": "x".repeat(1_001)});
        assert_eq!(test.api(&admin, "PATCH", &format!("/writebacks/{error}"), Some(long)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let again = test.api(&admin, "POST", &format!("/writebacks/{error}/retry"), None).await.json();
        assert_eq!((&again["state"], &again["tries"]), (&json!("new"), &json!(1)), "its first try stays");
        let claimed = claim(&test, bridge).await;
        let tried = claimed.iter().find(|c| c.asked_by == "token:admin").expect("the retry names who asked");
        assert_eq!((tried.tries, tried.maybe_there, tried.read_message().unwrap().reason.as_str()), (2, true, "shorter"));
        for c in &claimed {
            record(&test, c, Outcome::Error { next_at: None, maybe_there: false }, "no").await;
        }
        let bulk = json!({"bridge": items[0]["bridge"], "kind": "unsubscribe"});
        assert_eq!(test.api(&admin, "POST", "/writebacks/retry", Some(bulk)).await.json()["retried"], 2);
        assert_eq!(
            test.api(&admin, "POST", &format!("/writebacks/{error}/cancel"), Some(json!({"reason": " "}))).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        let over = test.api(&admin, "POST", &format!("/writebacks/{error}/cancel"), Some(json!({"reason": "moved"}))).await.json();
        assert_eq!((&over["state"], &over["reason"]), (&json!("cancelled"), &json!("moved")));
        let total = test.api(&admin, "GET", "/writebacks", None).await.json()["total"].clone();
        assert_eq!(total, 3, "{}: what ended is still counted", test.name);
    }
}

#[tokio::test]
async fn what_people_decided_cannot_be_switched_off() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (_, items) = told(&test, &admin).await;
        let path = format!("/bridges/{}/writeback-settings", items[0]["bridge"].as_str().unwrap());
        let before = test.api(&admin, "GET", &path, None).await.json();
        assert_eq!((&before["concurrency"], &before["kinds"]["unsubscribe"]), (&json!(4), &json!(true)));
        let refused = test.api(&admin, "PUT", &path, Some(json!({"kinds": {"unsubscribe": false}, "concurrency": 65}))).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text.contains("kinds.unsubscribe") && refused.text.contains("concurrency"), "{}", refused.text);
        let body = json!({"kinds": {"interests": false}, "every_minutes": 5, "per_day": 1000});
        let kept = test.api(&admin, "PUT", &path, Some(body)).await.json();
        assert_eq!((&kept["kinds"]["interests"], &kept["every_minutes"], &kept["left_today"]), (&json!(false), &json!(5), &json!(1000)));
        let run = path.replace("writeback-settings", "run-writebacks");
        assert_eq!(test.api(&admin, "POST", &run, None).await.status, StatusCode::ACCEPTED);
        assert!(test.api(&admin, "GET", &path, None).await.json()["last_cycle_at"].is_string(), "{}", test.name);
    }
}

#[tokio::test]
async fn the_pages_say_the_same_without_a_script() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let empty = {
            test.user("ann@rialto.example", Role::Admin).await;
            Browser::of(&test, "ann@rialto.example").await
        };
        assert!(empty.get("/writebacks").await.text.contains("Nothing has been written back yet"));
        let (bridge, items) = told(&test, &admin).await;
        assert!(empty.get("/admin/status").await.text.contains("1 writeback in Error"));
        let list = empty.get("/writebacks").await;
        assert!(list.text.contains("ever queued <b>3</b>"), "{}", list.text);
        assert!(empty.get("/writebacks?state=error").await.text.contains("500 &lt;b&gt;broken"), "escaped");
        let error = format!("/writebacks/{}", id(&items[1]));
        let page = empty.get(&error).await.text;
        assert!(page.contains("Its tries by itself are used up") && page.contains("Retry"), "{page}");
        assert_eq!(empty.post(&format!("{error}/retry"), &[]).await.status, StatusCode::SEE_OTHER);
        assert!(empty.get(&error).await.text.contains("tried once more"));
        let fresh = format!("/writebacks/{}", id(&items[0]));
        assert!(empty.get(&format!("{fresh}/cancel")).await.text.contains("Give this writeback up?"));
        assert_eq!(empty.post(&format!("{fresh}/cancel"), &[("reason", "twice")]).await.status, StatusCode::SEE_OTHER);
        assert!(empty.get(&fresh).await.text.contains("It was given up"));
        let csv = empty.get("/writebacks/export.csv").await.text;
        assert_eq!(csv.lines().count(), 4, "{csv}");
        let settings = format!("/admin/bridges/{}/writebacks", items[0]["bridge"].as_str().unwrap());
        assert!(empty.get(&settings).await.text.contains("Always told"));
        let bad = empty.post(&settings, &[("concurrency", "99"), ("per_day", "many")]).await;
        assert!(bad.status == StatusCode::UNPROCESSABLE_ENTITY && bad.text.contains("Enter a whole number."), "{}", bad.text);
        let good = [("concurrency", "9"), ("automatic", "yes")];
        assert_eq!(empty.post(&settings, &good).await.status, StatusCode::SEE_OTHER);
        assert!(empty.get(&settings).await.text.contains("value=\"9\""));
        assert_eq!(empty.post(&format!("{settings}/run"), &[]).await.status, StatusCode::SEE_OTHER);
        assert!(empty.get(&settings).await.text.contains("There was none yet."));
        assert_eq!(empty.post(&format!("{settings}/repair"), &[]).await.status, StatusCode::NOT_FOUND, "nothing was checked");
        assert_eq!(empty.post(&format!("{settings}/check"), &[]).await.status, StatusCode::SEE_OTHER);
        assert!(empty.get(&settings).await.text.contains("0 people looked up so far."));
        assert_eq!(empty.post(&format!("{settings}/repair"), &[]).await.status, StatusCode::CONFLICT, "it is under way");
        finding(&test, bridge).await;
        let found = empty.get(&settings).await.text;
        assert!(found.contains("a drift of 50.00 %") && found.contains("Repair 1"), "{found}");
        assert_eq!(empty.post(&format!("{settings}/repair"), &[]).await.status, StatusCode::SEE_OTHER);
        assert!(empty.get(&settings).await.text.contains("It was queued once more."));
        assert_eq!(test.api(&admin, "GET", "/writebacks?state=new", None).await.json()["total"], 2);
        let status = empty.get("/admin/status").await.text;
        assert!(!status.contains("writeback in Error") && status.contains("Connection"));
        let overview = empty.get("/").await.text;
        assert!(overview.contains("href=\"/writebacks\""), "{}: the loop leads there", test.name);
    }
}

#[tokio::test]
async fn the_list_is_narrowed_by_days_and_its_figures_and_download_with_it() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        test.user("ann@rialto.example", Role::Admin).await;
        let ann = Browser::of(&test, "ann@rialto.example").await;
        let (_, items) = told(&test, &admin).await;
        // The one in Error was decided two days ago, at half past midnight in Vienna.
        let now = test.app.clock.now().timestamp().to_zoned(jiff::tz::TimeZone::get("Europe/Vienna").unwrap());
        let before = now.date().yesterday().unwrap().yesterday().unwrap();
        let at = before.at(0, 30, 0, 0).to_zoned(now.time_zone().clone()).unwrap().timestamp().as_microsecond();
        let mut tx = test.app.db.write().await.unwrap();
        tx.run("UPDATE writeback SET created_at = $1 WHERE state = 'error'", args![at]).await.unwrap();
        tx.commit().await.unwrap();
        let lines = async |query: &str| ann.get(&format!("/writebacks/export.csv?{query}")).await.text.lines().count() - 1;
        let (first, next, today) = (before, before.tomorrow().unwrap(), now.date());
        for (query, wanted) in [
            (format!("from={first}&until={first}"), 1),
            (format!("from={next}"), 2),
            (format!("until={next}"), 1),
            (format!("from={today}&kind=unsubscribe"), 2),
            (format!("from={first}&until={today}&state=error"), 1),
            (format!("from={today}&state=error"), 0),
        ] {
            assert_eq!(lines(&query).await, wanted, "{query} on {}", test.name);
            let page = ann.get(&format!("/writebacks?{query}")).await.text;
            assert_eq!(page.matches("<td data-label=\"What\"").count(), wanted, "{query} on {}", test.name);
            if wanted > 0 {
                let said = if wanted == 1 { "1 writeback<".into() } else { format!("{wanted} writebacks<") };
                assert!(page.contains(&said) && page.contains("fit the filter"), "{query} on {}: {page}", test.name);
            }
        }
        let person = items[0]["subscriber"].as_str().unwrap();
        let page = ann.get(&format!("/writebacks?person={person}&from={today}")).await.text;
        assert!(page.contains("fit the filter <b>1</b>") && page.contains(&format!("value=\"{person}\"")), "{}: {page}", test.name);
        assert!(page.contains(&format!("person={person}&#38;state=error&#38;from={today}")), "figures keep the filter: {page}");
        let bridge = items[0]["bridge"].as_str().unwrap();
        let page = ann.get(&format!("/writebacks?bridge={bridge}&until={first}")).await.text;
        assert!(page.contains("fit the filter <b>1</b>"), "{}: {page}", test.name);
        let page = ann.get("/writebacks?state=error").await.text;
        assert!(page.contains("ever queued <b>3</b>") && page.contains("1 writeback<"), "{}: {page}", test.name);
        for (query, said) in
            [("from=yesterday", "Enter a day such as 2026-01-05."), ("from=2026-01-06&until=2026-01-05", "This day lies before the first.")]
        {
            let page = ann.get(&format!("/writebacks?{query}")).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(page.text.contains(said) && !page.text.contains("<td data-label=\"What\""), "{}", page.text);
            assert_eq!(ann.get(&format!("/writebacks/export.csv?{query}")).await.status, StatusCode::BAD_REQUEST);
        }
    }
}

#[tokio::test]
async fn everything_in_error_goes_out_once_more_after_it_was_shown() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        for (email, role) in [("ann@rialto.example", Role::Admin), ("vic@rialto.example", Role::Viewer)] {
            test.user(email, role).await;
        }
        let ann = Browser::of(&test, "ann@rialto.example").await;
        let (bridge, items) = told(&test, &admin).await;
        let retry = format!("/admin/bridges/{}/writebacks/retry", items[0]["bridge"].as_str().unwrap());
        let shown = ann.get(&retry).await.text;
        for words in ["Retry 1 writeback to ", "500 &#60;b&#62;broken", "name=\"sure\" value=\"1\"", ">Retry 1 writeback<"] {
            assert!(shown.contains(words), "{words} on {}: {shown}", test.name);
        }
        let asked = ann.post(&retry, &[]).await;
        assert!(
            asked.status == StatusCode::OK && asked.text.contains("Retry 1 writeback"),
            "what was not confirmed is asked: {}",
            asked.text
        );
        // Another fails between the question and the answer.
        let claimed = claim(&test, bridge).await;
        record(&test, &claimed[0], Outcome::Error { next_at: Some(test.app.clock.now()), maybe_there: false }, "busy").await;
        let anew = ann.post(&retry, &[("sure", "1")]).await.text;
        assert!(anew.contains("1 stood in Error when you looked, now it is 2.") && anew.contains("Retry 2 writebacks"), "{anew}");
        assert!(anew.contains("1 of them would be tried again by themselves") && anew.contains(">busy<"), "{anew}");
        assert_eq!(test.api(&admin, "GET", "/writebacks?state=error", None).await.json()["total"], 2, "nothing was done");
        let other = ann.get(&format!("{retry}?kind=resubscribe")).await.text;
        assert!(other.contains("Nothing is in Error."), "{other}");
        let done = ann.post(&retry, &[("sure", "2"), ("kind", "unsubscribe")]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
        assert_eq!(test.api(&admin, "GET", "/writebacks?state=new", None).await.json()["total"], 2, "{}", test.name);
        assert!(ann.get(&retry).await.text.contains("Nothing is in Error."));
        let vic = Browser::of(&test, "vic@rialto.example").await;
        assert_eq!(vic.get(&retry).await.status, StatusCode::FORBIDDEN);
        assert_eq!(vic.post(&retry, &[("sure", "0")]).await.status, StatusCode::FORBIDDEN);
        assert!(!vic.get("/writebacks").await.text.contains("in Error …"));
    }
}
