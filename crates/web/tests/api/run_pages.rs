//! The page of a run: told live, reviewed by name with what was and would be; and lists that turn back.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use rialto_core::fields::FieldType;
use rialto_core::permissions::Role;
use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::args;
use rialto_store::fields::{self, Attribute, Offered};
use rialto_store::runs::{self, NewRun, Subject};
use std::time::Duration;
use tower::ServiceExt;

use crate::harness::{Answer, Test};
use crate::people::{people, run};
use crate::runs::{ended, id_of, seeded};

async fn reader(test: &Test) -> String {
    test.user("viewer@rialto.example", Role::Viewer).await;
    test.sign_in("viewer@rialto.example").await
}

/// A run that waits for a worker.
async fn queued(test: &Test) -> String {
    let (bridge_id, groups) = seeded(test, 1).await;
    let subject = Subject::Group { group_id: groups[0].id, bridge_id };
    let mut tx = test.app.db.write().await.unwrap();
    let asked = runs::request(&mut tx, NewRun::of(RunKind::People, subject, Trigger::Resync), &test.actor()).await.unwrap();
    tx.commit().await.unwrap();
    format!("/sync-runs/{}", PublicId::new(Kind::SyncRun, Instant(asked.created_at), asked.run_id))
}

fn ask(path: &str, cookie: &str) -> Request<Body> {
    let request = Request::builder().uri(format!("{path}/live")).header(header::COOKIE, cookie).header(header::ACCEPT, "text/event-stream");
    request.header(header::ACCEPT_ENCODING, "gzip").body(Body::empty()).unwrap()
}

/// The whole stream, while `then` happens shortly after it began.
async fn watched(test: &Test, path: &str, cookie: &str, then: impl AsyncFnOnce()) -> Answer {
    let stream = test.send(ask(path, cookie));
    let after = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        then().await;
    };
    let both = async { tokio::join!(stream, after).0 };
    tokio::time::timeout(Duration::from_secs(10), both).await.expect("the stream ends")
}

#[tokio::test]
async fn a_run_is_told_live_until_it_ends_or_nobody_may_look() {
    for test in Test::on_both().await {
        let path = queued(&test).await;
        let cookie = reader(&test).await;
        assert!(test.get(&path, &cookie).await.text.contains(&format!("data-live=\"{path}/live\"")));

        let over = watched(&test, &path, &cookie, async || test.later(rialto_store::sessions::IDLE + 60)).await;
        assert_eq!((over.status, over.header("content-type")), (StatusCode::OK, "text/event-stream"));
        assert!(over.header("content-encoding").is_empty(), "an event must not wait in a buffer");
        assert!(over.text.contains("event: progress") && over.text.contains("data: <section id=\"progress\""), "{}", over.text);
        assert!(!over.text.contains("event: end"), "a session that ran out ends the stream without a word on {}", test.name);
        assert_eq!(test.send(ask(&path, &cookie)).await.status, StatusCode::SEE_OTHER);

        let cookie = test.sign_in("viewer@rialto.example").await;
        let told = watched(&test, &path, &cookie, async || {
            run(&test, "UPDATE sync_run SET state = 'running', phase = 'reading', progress = 7", args![]).await;
            tokio::time::sleep(Duration::from_millis(700)).await;
            run(&test, "UPDATE sync_run SET state = 'failed', finished_at = 1", args![]).await;
        })
        .await;
        assert_eq!(told.text.matches("event: progress").count(), 2, "only what differs: {}", told.text);
        assert!(told.text.contains("<b class=\"tab\">7</b> so far") && told.text.contains("event: end"), "{}", told.text);

        run(&test, "UPDATE sync_run SET state = 'queued', finished_at = NULL", args![]).await;
        let stopped = watched(&test, &path, &cookie, async || test.app.stop.cancel()).await;
        assert!(stopped.text.contains("event: progress") && !stopped.text.contains("event: end"));
        assert_eq!(test.get(&format!("{path}/live"), "").await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn one_user_holds_four_streams_and_they_keep_no_session_alive() {
    let test = Test::on_both().await.remove(0);
    let path = queued(&test).await;
    let cookie = reader(&test).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let answer = test.router.clone().oneshot(ask(&path, &cookie)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        open.push(answer);
    }
    let refused = test.send(ask(&path, &cookie)).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    open.pop();
    let again = test.router.clone().oneshot(ask(&path, &cookie)).await.unwrap();
    assert_eq!(again.status(), StatusCode::OK, "a stream that was left is free again");
    drop((open, again));
    test.later(rialto_store::sessions::IDLE - 60);
    drop(test.router.clone().oneshot(ask(&path, &cookie)).await.unwrap());
    test.later(120);
    assert_eq!(test.get(&path, &cookie).await.status, StatusCode::SEE_OTHER);
}

/// A text field `CITY` with the default `Vienna`; person 1 lives in Graz.
async fn cities(test: &Test, bridge: i64) {
    let mut tx = test.app.db.write().await.unwrap();
    let city = Offered { name: "CITY".into(), label: "City".into(), kind: FieldType::Text, length: Some(40) };
    fields::mirror(&mut tx, bridge, &[city], test.app.clock.now()).await.unwrap();
    let said = Attribute { shown: true, display_name: String::new(), default_value: "Vienna".into(), comment: String::new() };
    fields::set(&mut tx, bridge, 1, &said, &test.actor()).await.unwrap();
    tx.run_built(format!("INSERT INTO {} (subscriber_id, f1) VALUES (1, 'Graz')", fields::table(bridge)), vec![]).await.unwrap();
    tx.commit().await.unwrap();
}

/// The table row about somebody, in one line of text.
fn row(page: &str, remote_id: &str) -> String {
    let mark = format!("<code>{remote_id}</code>");
    let row = page.split("<tr>").find(|r| r.contains(&mark)).unwrap_or_else(|| panic!("nobody is {remote_id} in {page}"));
    let (mut text, mut inside) = (String::new(), false);
    for c in row.split("</tr>").next().unwrap_or_default().chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_held_run_names_everybody_with_what_is_and_what_would_be() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        cities(&test, bridge).await;
        people(&test, bridge, groups[0].id, 5).await;
        // The run that brought these people.
        ended(&test, bridge, groups[0].id, RunState::Succeeded).await;
        let id = ended(&test, bridge, groups[0].id, RunState::Held).await;
        let number = PublicId::parse(&id, Kind::SyncRun).unwrap().id;
        for (person, op) in [(1_i64, 3_i64), (2, 3), (4, 1)] {
            run(&test, "INSERT INTO membership_change (run_id, subscriber_id, op) VALUES ($1, $2, $3)", args![number, person, op]).await;
        }
        run(&test, "INSERT INTO flag_change (run_id, subscriber_id, op) VALUES ($1, 2, 3), ($1, 5, 1)", args![number]).await;
        run(&test, "UPDATE subscriber SET remote_flag_seen = 2, remote_flag_run = $1 WHERE id = 5", args![number]).await;
        let before = r#"{"address": "", "flag": 1, "profile": {"f1": "Linz"}}"#;
        run(&test, "INSERT INTO person_change (run_id, subscriber_id, before_values) VALUES ($1, 1, $2)", args![number, before]).await;
        let cookie = reader(&test).await;
        let page = async |show: &str| test.get(&format!("/sync-runs/{id}?show={show}"), &cookie).await.text;

        let waiting = page("withheld").await;
        let one = row(&waiting, "R-1");
        assert!(one.contains("Member → Not a member"), "{one}");
        assert!(one.contains("No address → ● Mailable") && one.contains("City Linz → Graz"), "{one}");
        assert!(one.contains("Address empty → p1@members.example"), "{one}");
        let two = row(&page("lifts_withheld").await, "R-2");
        assert!(two.contains("Unsubscribed from remote system → ● Mailable"), "{two}");
        let five = row(&page("suppressed").await, "R-5");
        assert!(five.contains("Mailable → ■ Unsubscribed from remote system") && five.contains("Member"), "{five}");
        assert!(row(&page("joined").await, "R-4").contains("Not a member → Member"));

        let csv = test.get(&format!("/sync-runs/{id}/export.csv?show=withheld"), &cookie).await.text;
        let line = csv.lines().find(|l| l.contains("R-1")).unwrap_or_else(|| panic!("{csv}"));
        assert!(line.contains("Member → Not a member") && line.contains("City: Linz → Graz"), "{line}");
        // Who they are here today, as in every export of people: an upload of the file finds them by it.
        let head = csv.lines().next().unwrap();
        assert!(head.starts_with("\u{feff}Rialto ID,") || head.starts_with("Rialto ID,"), "{head}");
        assert!(head.ends_with(",Consent,Reason,Member of"), "{head}");
        let record = PublicId::parse(line.split(',').next().unwrap(), Kind::Subscriber).expect("the id of the record").id;
        assert!(record == 1 && line.contains(",yes,,"), "{line}");
        let suppressed = test.get(&format!("/sync-runs/{id}/export.csv?show=suppressed"), &cookie).await.text;
        assert!(suppressed.contains(",no,Unsubscribed from remote system,"), "{suppressed}");

        // Once discarded, it says so.
        run(&test, "UPDATE sync_run SET state = 'discarded' WHERE id = $1", args![number]).await;
        assert!(row(&page("withheld").await, "R-1").contains("Member → Stays: discarded"));
    }
}

#[tokio::test]
async fn a_plan_names_everybody_with_what_is_and_what_would_be() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        cities(&test, bridge).await;
        people(&test, bridge, groups[0].id, 2).await;
        let id = ended(&test, bridge, groups[0].id, RunState::Succeeded).await;
        let number = PublicId::parse(&id, Kind::SyncRun).unwrap().id;
        let notes = [
            ("plan_update", "R-1", Some(1_i64), r#"{"address": "p1@members.example", "flag": "no", "profile": {"f1": null}}"#),
            ("plan_join", "R-9", None, r#"{"address": "nine@members.example", "flag": "no", "profile": {"f1": "Rome"}}"#),
            ("plan_leave", "R-2", Some(2), r#"{"address": "p2@members.example"}"#),
        ];
        for (n, (kind, remote_id, person, detail)) in notes.into_iter().enumerate() {
            run(
                &test,
                "INSERT INTO sync_run_note (run_id, number, kind, remote_id, subscriber_id, detail) VALUES ($1, $2, $3, $4, $5, $6)",
                args![number, n as i64 + 1, kind, remote_id, person, detail],
            )
            .await;
        }
        let cookie = reader(&test).await;
        let page = async |show: &str| test.get(&format!("/sync-runs/{id}?show={show}"), &cookie).await.text;
        let one = row(&page("plan_update").await, "R-1");
        assert!(one.contains("City Graz → empty") && one.contains("Yes → No"), "{one}");
        let nine = row(&page("plan_join").await, "R-9");
        assert!(nine.contains("Not a member → Member") && nine.contains("Not known here → ■ Unsubscribed from remote system"), "{nine}");
        assert!(row(&page("plan_leave").await, "R-2").contains("Member → Not a member"));
    }
}

/// The address that a link of the pages has.
fn turn(page: &str, rel: &str) -> Option<String> {
    let links = page.split("<a class=\"button\" href=\"");
    let found = links.skip(1).find(|l| l.split('>').next().is_some_and(|tag| tag.contains(&format!("rel=\"{rel}\""))))?;
    Some(found.split('"').next()?.replace("&#38;", "&").split('#').next()?.to_owned())
}

fn codes(page: &str) -> Vec<String> {
    let body = page.rsplit_once("<tbody>").map_or("", |(_, rest)| rest);
    body.split("<tr>").skip(1).filter_map(|r| Some(r.split_once("href=\"")?.1.split('"').next()?.to_owned())).collect()
}

/// Turns to the last page and back again: the same rows stand on every page.
async fn there_and_back(test: &Test, cookie: &str, first: &str, pages: usize) {
    turned(test, cookie, first, pages, codes).await;
}

/// As `there_and_back`, with what tells rows apart.
pub async fn turned(test: &Test, cookie: &str, first: &str, pages: usize, codes: impl Fn(&str) -> Vec<String>) {
    let (mut path, mut seen) = (first.to_owned(), Vec::new());
    loop {
        let page = test.get(&path, cookie).await.text;
        seen.push(codes(&page));
        assert_eq!(page.contains(">First page<"), seen.len() > 1, "{path}");
        match turn(&page, "next") {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(seen.len(), pages, "{first} on {}", test.name);
    let all: std::collections::BTreeSet<&String> = seen.iter().flatten().collect();
    assert_eq!(all.len(), seen.iter().map(Vec::len).sum::<usize>(), "{first}: nobody twice");
    for wanted in seen.iter().rev().skip(1) {
        let here = test.get(&path, cookie).await.text;
        path = turn(&here, "prev").unwrap_or_else(|| panic!("{path} has no way back on {}", test.name));
        assert_eq!(&codes(&test.get(&path, cookie).await.text), wanted, "{path} on {}", test.name);
    }
    assert_eq!(turn(&test.get(&path, cookie).await.text, "prev"), None, "{first}: the first page is the first");
}

#[tokio::test]
async fn lists_of_people_and_runs_turn_back_to_where_they_began() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        people(&test, bridge, groups[0].id, 120).await;
        run(&test, "UPDATE subscriber SET address = '', canonical = '', address_state = 1 WHERE id BETWEEN 40 AND 100", args![]).await;
        let id = ended(&test, bridge, groups[0].id, RunState::Held).await;
        let number = PublicId::parse(&id, Kind::SyncRun).unwrap().id;
        for person in 1..=120_i64 {
            run(&test, "INSERT INTO membership_change (run_id, subscriber_id, op) VALUES ($1, $2, 3)", args![number, person]).await;
        }
        for _ in 0..110 {
            ended(&test, bridge, groups[0].id, RunState::Failed).await;
        }
        let cookie = reader(&test).await;
        let group = format!("/target-groups/{}", id_of(&groups[0]));
        let run = format!("/sync-runs/{id}?show=withheld");
        for (path, pages) in [
            (format!("{group}/subscribers"), 3),
            (format!("{group}/subscribers?sort=came"), 3),
            (format!("{group}/subscribers?line=no_address"), 2),
            (format!("{group}/subscribers?line=mailable"), 2),
            (format!("{group}/info/subscribers"), 8),
            (format!("{group}/sync-runs"), 3),
            ("/sync-runs".into(), 3),
            ("/sync-runs?state=failed".into(), 3),
            ("/subscribers?q=p".into(), 2),
            (run.clone(), 3),
            (format!("{run}&dir=down"), 3),
            (format!("{run}&sort=address"), 3),
            (format!("{run}&sort=address&dir=down"), 3),
        ] {
            there_and_back(&test, &cookie, &path, pages).await;
        }
        let page = test.get(&format!("{run}&sort=address&dir=down"), &cookie).await.text;
        assert!(page.contains("aria-sort=\"descending\"") && row(&page, "R-9").contains("p9@members.example"), "the highest come first");
    }
}

#[tokio::test]
async fn defaults_are_shown_as_such_and_left_out_of_an_export_unless_asked_for() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        cities(&test, bridge).await;
        people(&test, bridge, groups[0].id, 2).await;
        let cookie = format!("{}; rialto_columns_group-subscribers=remote_id.f1", reader(&test).await);
        let path = format!("/target-groups/{}/subscribers", id_of(&groups[0]));
        let page = test.get(&path, &cookie).await.text;
        assert!(row(&page, "R-2").contains("Vienna default") && row(&page, "R-1").contains("Graz"), "{page}");
        let csv = async |query: &str| test.get(&format!("{path}/export.csv{query}"), &cookie).await.text;
        let stored = csv("").await;
        assert!(stored.contains("Graz") && !stored.contains("Vienna"), "{stored}");
        assert!(page.contains("values=mailing"));
        let filled = csv("?values=mailing").await;
        assert!(filled.contains("Graz") && filled.contains("Vienna"), "{filled}");
    }
}

#[tokio::test]
async fn those_whose_removal_waits_stand_behind_their_figure() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        people(&test, bridge, groups[0].id, 5).await;
        let id = ended(&test, bridge, groups[0].id, RunState::Held).await;
        let number = PublicId::parse(&id, Kind::SyncRun).unwrap().id;
        let waterfall = r#"{"read": 3, "kept": 2, "members": 5, "mailable": 3, "no_address": 1, "remote_flag": 1, "left_out": 0}"#;
        let set = "UPDATE target_group SET synced_run = $2, waterfall = $3, waterfall_at = 1 WHERE id = $1";
        run(&test, set, args![groups[0].id, number, waterfall]).await;
        let cookie = reader(&test).await;
        let link = format!("/sync-runs/{id}?show=withheld#changes");
        for path in ["", "/info/counts"] {
            let path = format!("/target-groups/{}{path}", id_of(&groups[0]));
            let page = test.get(&path, &cookie).await.text;
            assert!(page.contains(">Kept") && !page.contains(&link), "{path}: nobody is named yet: {page}");
        }
        run(&test, "INSERT INTO membership_change (run_id, subscriber_id, op) VALUES ($1, 1, 3)", args![number]).await;
        for path in ["", "/info/counts"] {
            let path = format!("/target-groups/{}{path}", id_of(&groups[0]));
            assert!(test.get(&path, &cookie).await.text.contains(&link), "{path}");
        }
    }
}
