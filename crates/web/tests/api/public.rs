//! The preference page: looking changes nothing, acting is durable, once, and gives away nothing.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use rialto_core::consent::Cause;
use rialto_core::preference::Link;
use rialto_store::args;
use rialto_store::consent::{self, Grounds};

use crate::harness::{Answer, Test};
use crate::people::people;
use crate::runs::seeded;

const FORM: &str = "application/x-www-form-urlencoded";
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";
const WRITTEN: [&str; 5] = ["consent_ledger", "suppression", "audit", "writeback", "household"];

fn link(test: &Test, subscriber_id: i64) -> String {
    format!("/u/{}", test.app.vault.preference_token(Link { subscriber_id, mailing_id: 12 }))
}

async fn ask(test: &Test, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    test.send(request.body(body.into()).unwrap()).await
}

async fn post(test: &Test, path: &str, kind: &str, body: &str) -> Answer {
    ask(test, "POST", path, &[("content-type", kind)], body.to_owned()).await
}

async fn count(test: &Test, what: &str) -> i64 {
    let sql = match what {
        "consent_ledger" => "SELECT COUNT(*) FROM consent_ledger",
        "suppression" => "SELECT COUNT(*) FROM suppression",
        "audit" => "SELECT COUNT(*) FROM audit",
        "writeback" => "SELECT COUNT(*) FROM writeback",
        _ => "SELECT COUNT(*) FROM household",
    };
    let (n,): (i64,) = test.app.db.read().one(sql, args![]).await.unwrap();
    n
}

async fn written(test: &Test) -> Vec<i64> {
    let mut all = Vec::new();
    for what in WRITTEN {
        all.push(count(test, what).await);
    }
    all
}

async fn five(test: &Test) {
    let (bridge, groups) = seeded(test, 1).await;
    people(test, bridge, groups[0].id, 5).await;
}

fn exact_headers(answer: &Answer, what: &str) {
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-robots-tag", "noindex"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"),
    ] {
        assert_eq!(answer.header(name), value, "{what}: {name}");
    }
    assert!(answer.headers.get(header::SET_COOKIE).is_none(), "{what} sets a cookie");
}

#[tokio::test]
async fn looking_changes_nothing_however_often() {
    for test in Test::on_both().await {
        five(&test).await;
        let (path, before) = (link(&test, 1), written(&test).await);
        for n in 0..50 {
            let head = ask(&test, "HEAD", &path, &[], "").await;
            assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
            // As scanners and browsers fetch beforehand, also with what would be an act in a body.
            let headers = [("purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("content-type", FORM)];
            let query = format!("{path}?act=unsubscribe&{ONE_CLICK}&n={n}");
            let page = ask(&test, "GET", &query, &headers, ONE_CLICK).await;
            assert_eq!(page.status, StatusCode::OK);
            exact_headers(&page, "the page");
        }
        for method in ["PUT", "PATCH", "DELETE", "OPTIONS"] {
            let refused = ask(&test, method, &path, &[("content-type", FORM)], ONE_CLICK).await;
            assert_eq!((refused.status, refused.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, POST"), "{method}");
            exact_headers(&refused, method);
        }
        assert_eq!(written(&test).await, before, "{}", test.name);
        let page = ask(&test, "GET", &path, &[("cookie", "rialto_session=x; rialto_toast=y")], "").await;
        assert!(page.text.contains("You get our mail") && page.text.contains("p•••@m•••.example") && page.text.contains("Test"));
        for secret in ["p1@members", "members.example", "R-1", "List 0", "Members", "<script", path.as_str()] {
            assert!(!page.text.contains(secret), "the page shows {secret}: {}", page.text);
        }
        assert!(page.text.len() < 15 << 10);
    }
}

#[tokio::test]
async fn one_click_works_in_both_encodings_and_replays_write_once() {
    for test in Test::on_both().await {
        five(&test).await;
        let parts = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
        for (person, kind, body) in [(1, FORM, ONE_CLICK), (4, "multipart/form-data; boundary=b", parts)] {
            let answer = post(&test, &link(&test, person), kind, body).await;
            assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "You are unsubscribed.\n"), "{kind}");
            assert_eq!((answer.header("content-type"), answer.header("location")), ("text/plain; charset=utf-8", ""));
            exact_headers(&answer, kind);
            assert_eq!(consent::open_causes(test.app.db.read(), person).await.unwrap(), [Cause::OwnUnsubscribe]);
        }
        let entry: (String, String, String, String) = test
            .app
            .db
            .read()
            .one("SELECT source, actor, evidence, reason FROM consent_ledger WHERE subscriber_id = 1", args![])
            .await
            .unwrap();
        let evidence = "Signed link of mailing 12; sent by the mail program (RFC 8058)";
        assert_eq!(entry, ("one-click".into(), "person:link".into(), evidence.into(), String::new()));
        let before = written(&test).await;
        for _ in 0..1_000 {
            assert_eq!(post(&test, &link(&test, 1), FORM, ONE_CLICK).await.status, StatusCode::OK);
        }
        assert_eq!(written(&test).await, before, "{}: a replay writes nothing", test.name);
    }
}

#[tokio::test]
async fn a_person_leaves_with_a_reason_and_comes_back() {
    for test in Test::on_both().await {
        five(&test).await;
        let path = link(&test, 5);
        let gone = post(&test, &path, FORM, "act=unsubscribe&reason=too_often&words=Every+single%0Aday").await;
        assert_eq!(gone.status, StatusCode::OK);
        assert!(gone.text.contains("Done: you are unsubscribed.") && gone.text.contains("You do not get our mail"), "{}", gone.text);
        exact_headers(&gone, "after the act");
        let (reason, message): (String, String) = test
            .app
            .db
            .read()
            .one("SELECT l.reason, w.message FROM consent_ledger l JOIN writeback w ON w.cause = l.id AND w.subscriber_id = 5", args![])
            .await
            .unwrap();
        assert_eq!(reason, "Too many mails: Every single day");
        assert!(message.contains(&reason), "the remote is told why: {message}");
        let back = post(&test, &path, FORM, "act=resubscribe").await;
        assert!(back.text.contains("You get our mail") && back.text.contains("taken back"), "{}", back.text);
        assert!(consent::open_causes(test.app.db.read(), 5).await.unwrap().is_empty());
        assert_eq!((count(&test, "consent_ledger").await, count(&test, "writeback").await), (2, 2), "{}", test.name);
    }
}

#[tokio::test]
async fn the_no_of_somebody_else_is_told_without_detail_and_stays() {
    for test in Test::on_both().await {
        five(&test).await;
        let page = ask(&test, "GET", &link(&test, 2), &[], "").await;
        assert!(page.text.contains("You do not get our mail") && page.text.contains("please turn to Test"), "{}", page.text);
        assert!(!page.text.contains("Subscribe again") && page.text.contains("I want no mail"));
        let still = post(&test, &link(&test, 2), FORM, "act=resubscribe").await;
        assert_eq!(still.status, StatusCode::OK);
        assert_eq!(consent::open_causes(test.app.db.read(), 2).await.unwrap(), [Cause::RemoteFlag], "only the remote lifts its own no");
        let mut tx = test.app.db.write().await.unwrap();
        let grounds = Grounds { source: "test", reason: "abuse of the forum", evidence: "log" };
        consent::open(&mut tx, &test.app.vault, 1, Cause::Admin, &grounds, &test.actor()).await.unwrap();
        tx.commit().await.unwrap();
        let blocked = ask(&test, "GET", &link(&test, 1), &[], "").await;
        assert!(blocked.text.contains("please turn to Test") && !blocked.text.contains("abuse") && !blocked.text.contains("dministrator"));
        let no_address = ask(&test, "GET", &link(&test, 3), &[("accept-language", "de-AT, en;q=0.5")], "").await;
        assert!(no_address.text.contains("<html lang=\"de\">") && no_address.text.contains("keine Adresse"), "{}", no_address.text);
        assert_eq!(no_address.header("content-language"), "de");
        assert_eq!(no_address.header("vary").split(',').next(), Some("accept-language"));
    }
}

#[tokio::test]
async fn a_link_that_was_not_given_out_opens_nothing() {
    for test in Test::on_both().await {
        five(&test).await;
        let right = link(&test, 1);
        let other = rialto_store::Vault::new([1; 32], rialto_testkit::random()).preference_token(Link { subscriber_id: 1, mailing_id: 12 });
        let nobody = link(&test, 999);
        let before = written(&test).await;
        for path in [&right[..right.len() - 1], &format!("{right}A"), &format!("/u/{other}"), "/u/x", "/u/%00", &nobody] {
            for method in ["GET", "POST"] {
                let answer = ask(&test, method, path, &[("content-type", FORM)], ONE_CLICK).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
                assert!(answer.text.contains("This link does not work"), "{}", answer.text);
                exact_headers(&answer, path);
            }
        }
        // Many wrong ones must wait; a right one from the same network never does.
        let mut waits = 0;
        for _ in 0..40 {
            let answer = post(&test, "/u/guessed", FORM, ONE_CLICK).await;
            waits += i32::from(answer.status == StatusCode::TOO_MANY_REQUESTS && !answer.header("retry-after").is_empty());
        }
        assert!(waits >= 10, "{waits}");
        assert_eq!(written(&test).await, before, "{}: wrong links write nothing at all", test.name);
        assert_eq!(post(&test, &right, FORM, ONE_CLICK).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn bodies_that_ask_for_nothing_or_too_much_change_nothing() {
    for test in Test::on_both().await {
        five(&test).await;
        let (path, before) = (link(&test, 1), written(&test).await);
        for (kind, body) in [(FORM, ""), (FORM, "act=erase"), ("application/json", "{\"act\":\"unsubscribe\"}"), ("", "One-Click")] {
            let answer = post(&test, &path, kind, body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{kind} {body}");
            assert!(answer.text.contains("Nothing was changed"), "{}", answer.text);
        }
        let large = post(&test, &path, FORM, &format!("{ONE_CLICK}&words={}", "x".repeat(16 << 10))).await;
        assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
        exact_headers(&large, "too large");
        assert_eq!(written(&test).await, before, "{}", test.name);
    }
}

#[tokio::test]
async fn without_storage_nothing_is_said_to_be_done() {
    for test in Test::on_both().await {
        five(&test).await;
        let path = link(&test, 1);
        test.app.db.close().await;
        for answer in [post(&test, &path, FORM, ONE_CLICK).await, ask(&test, "GET", &path, &[], "").await] {
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", test.name);
            assert!(!answer.header("retry-after").is_empty() && answer.text.contains("try again"), "{}", answer.text);
            exact_headers(&answer, "storage is away");
        }
    }
}

#[tokio::test]
async fn two_hundred_at_once_are_each_durable_and_written_once() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        people(&test, bridge, groups[0].id, 200).await;
        // Everybody twice, at the same time.
        let asked = (1..=200_i64).chain(1..=200).map(|person| {
            let (path, test) = (link(&test, person), &test);
            async move { post(test, &path, FORM, ONE_CLICK).await.status }
        });
        let answers = futures::future::join_all(asked).await;
        assert!(answers.iter().all(|s| *s == StatusCode::OK), "{answers:?}");
        let once = "SELECT COUNT(*) FROM (SELECT subscriber_id FROM consent_ledger WHERE cause = 'own_unsubscribe' AND act = 'open'
            GROUP BY subscriber_id HAVING COUNT(*) = 1) AS people";
        let told = "SELECT COUNT(*) FROM (SELECT subscriber_id FROM writeback WHERE kind = 'unsubscribe' GROUP BY subscriber_id
            HAVING COUNT(*) = 1) AS people";
        for (what, sql) in [("entry", once), ("writeback", told)] {
            let (n,): (i64,) = test.app.db.read().one(sql, args![]).await.unwrap();
            assert_eq!(n, 200, "{}: one {what} each", test.name);
        }
        assert_eq!((count(&test, "consent_ledger").await, count(&test, "writeback").await), (200, 200));
        let acts = "SELECT COUNT(*) FROM audit WHERE action = 'consent.open' AND actor = 'person:link'";
        let (n,): (i64,) = test.app.db.read().one(acts, args![]).await.unwrap();
        assert_eq!(n, 200);
    }
}
