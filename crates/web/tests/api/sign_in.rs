//! Sessions, forms from elsewhere, guessing of passwords.

use axum::http::StatusCode;
use rialto_core::permissions::{Access, Role};
use rialto_store::{sessions, users};
use rialto_web::auth::secret_hash;

use crate::harness::{PASSWORD, Test};

async fn signed_in(test: &Test, cookie: &str) -> bool {
    let hash = secret_hash(cookie.split_once('=').unwrap().1);
    sessions::find(test.app.db.read(), &hash, test.app.clock.now()).await.unwrap().is_some()
}

async fn csrf(test: &Test, cookie: &str) -> String {
    let hash = secret_hash(cookie.split_once('=').unwrap().1);
    sessions::find(test.app.db.read(), &hash, test.app.clock.now()).await.unwrap().unwrap().csrf
}

#[tokio::test]
async fn a_session_begins_rotates_and_ends() {
    for test in Test::on_both().await {
        test.user("ann@rialto.example", Role::Marketer).await;
        let answer = test.try_sign_in(" Ann@Rialto.example ", PASSWORD, "/target-groups").await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/target-groups"));
        let whole =
            answer.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap()).find(|c| c.starts_with("rialto_session=")).unwrap();
        assert!(whole.contains("HttpOnly") && whole.contains("SameSite=Lax") && whole.contains("Path=/"), "{whole}");
        let first = answer.cookie("rialto_session").unwrap();
        assert!(signed_in(&test, &first).await);

        let page = test.get("/sign-in", "").await;
        let form = page.cookie("rialto_sign_in").unwrap();
        let token = form.split_once('=').unwrap().1.to_owned();
        let fields = [("csrf", token.as_str()), ("email", "ann@rialto.example"), ("password", PASSWORD)];
        let again = test.form("/sign-in", &format!("{form}; {first}"), &fields, &[]).await;
        let second = again.cookie("rialto_session").unwrap();
        assert_ne!(first, second);
        assert!(!signed_in(&test, &first).await, "the old session ends at sign-in");

        let token = csrf(&test, &second).await;
        let out = test.form("/sign-out", &second, &[("csrf", &token)], &[]).await;
        assert_eq!((out.status, out.header("location")), (StatusCode::SEE_OTHER, "/sign-in"));
        assert!(!signed_in(&test, &second).await);
    }
}

#[tokio::test]
async fn idle_old_and_disabled_sessions_are_over() {
    for test in Test::on_both().await {
        let ann = test.user("ann@rialto.example", Role::Viewer).await;
        let idle = test.sign_in("ann@rialto.example").await;
        test.later(sessions::IDLE + 1);
        assert!(!signed_in(&test, &idle).await);
        let used = test.sign_in("ann@rialto.example").await;
        for _ in 0..14 {
            assert!(signed_in(&test, &used).await);
            test.later(sessions::IDLE - 60);
            test.get("/sign-in", &used).await; // a look keeps it alive
        }
        test.later(900);
        assert!(!signed_in(&test, &used).await, "a week is the end of every session");
        let live = test.sign_in("ann@rialto.example").await;
        let change = users::Change { access: Access::preset(Role::Viewer), timezone: String::new(), disabled: true };
        let mut tx = test.app.db.write().await.unwrap();
        users::update(&mut tx, ann, &change, &test.actor()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!signed_in(&test, &live).await);
        assert_eq!(test.try_sign_in("ann@rialto.example", PASSWORD, "/").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn forms_from_elsewhere_do_nothing() {
    for test in Test::on_both().await {
        test.user("ann@rialto.example", Role::Admin).await;
        let session = test.sign_in("ann@rialto.example").await;
        let token = csrf(&test, &session).await;
        let fields = [("csrf", token.as_str())];
        for (fields, headers) in [
            (&[][..], &[][..]),
            (&[("csrf", "")], &[]),
            (&[("csrf", "guess")], &[]),
            (&fields, &[("sec-fetch-site", "cross-site")]),
            (&fields, &[("sec-fetch-site", "same-site")]),
            (&fields, &[("origin", "https://evil.example")]),
            (&fields, &[("origin", "null")]),
        ] {
            let answer = test.form("/sign-out", &session, fields, headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{fields:?} {headers:?}");
            assert!(answer.header("content-type").starts_with("text/html"));
            assert!(answer.text.contains(answer.header("x-request-id")), "the page names the request");
        }
        assert!(signed_in(&test, &session).await);
        let no_session = test.form("/sign-out", "", &fields, &[]).await;
        assert!(no_session.header("location").starts_with("/sign-in"));
        let fine =
            test.form("/sign-out", &session, &fields, &[("sec-fetch-site", "same-origin"), ("origin", "http://rialto.example")]).await;
        assert_eq!(fine.status, StatusCode::SEE_OTHER);

        // The sign-in form needs the browser that asked for it.
        let page = test.get("/sign-in", "").await;
        let form = page.cookie("rialto_sign_in").unwrap();
        let forged = [("csrf", "x"), ("email", "ann@rialto.example"), ("password", PASSWORD)];
        assert_eq!(test.form("/sign-in", &form, &forged, &[]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(test.form("/sign-in", "", &forged, &[]).await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn guessing_gets_slower_and_never_locks_for_good() {
    for test in Test::on_both().await {
        test.user("ann@rialto.example", Role::Viewer).await;
        let mut bodies = Vec::new();
        for email in ["ann@rialto.example", "nobody@rialto.example"] {
            for _ in 0..5 {
                let wrong = test.try_sign_in(email, "wrong", "/").await;
                assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
                bodies.push(wrong.text.replace(email, "").len());
            }
            // Whoever exists or not, even the right password waits now.
            let wait = test.try_sign_in(email, PASSWORD, "/").await;
            assert_eq!(wait.status, StatusCode::TOO_MANY_REQUESTS, "{}", test.name);
            assert!(wait.header("retry-after").parse::<i64>().unwrap() >= 1);
        }
        assert!(bodies.iter().all(|n| *n == bodies[0]), "unknown and wrong look alike: {bodies:?}");
        let other = test.user("bob@rialto.example", Role::Viewer).await;
        assert!(other > 0);
        test.sign_in("bob@rialto.example").await;
        test.later(2);
        test.sign_in("ann@rialto.example").await;
        for _ in 0..12 {
            test.later(1_000);
            test.try_sign_in("ann@rialto.example", "wrong", "/").await;
        }
        test.later(901);
        test.sign_in("ann@rialto.example").await;
    }
}

#[tokio::test]
async fn many_guesses_at_once_do_not_slip_through() {
    for test in Test::on_both().await {
        test.user("ann@rialto.example", Role::Viewer).await;
        let tries = (0..12).map(|_| test.try_sign_in("ann@rialto.example", "wrong", "/"));
        let answers = futures::future::join_all(tries).await;
        let judged = answers.iter().filter(|a| a.status == StatusCode::UNAUTHORIZED).count();
        assert_eq!(judged, 5, "{}", test.name);
    }
}

#[tokio::test]
async fn next_never_leads_elsewhere() {
    let test = Test::over(rialto_testkit::sqlite().await, false);
    test.user("ann@rialto.example", Role::Viewer).await;
    for next in ["//evil.example", "https://evil.example", "%2F%5Cevil.example", "javascript:alert(1)"] {
        let answer = test.try_sign_in("ann@rialto.example", PASSWORD, next).await;
        assert_eq!(answer.header("location"), "/", "{next}");
    }
}

#[tokio::test]
async fn behind_https_cookies_are_bound_to_the_host() {
    let test = Test::over(rialto_testkit::sqlite().await, true);
    let page = test.get("/sign-in", "").await;
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("__Host-rialto_sign_in=") && cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
    assert!(page.header("strict-transport-security").contains("max-age"));
}

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let test = Test::over(rialto_testkit::sqlite().await, false);
    let token = test.token(Role::Viewer).await;
    let mut nonces = std::collections::HashSet::new();
    let answers = [
        test.get("/sign-in", "").await,
        test.get("/nothing/here", "").await,
        test.get("/healthz", "").await,
        test.api("", "GET", "/bridges", None).await,
        test.api(&token, "GET", "/bridges", None).await,
    ];
    for answer in &answers {
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        nonces.insert(policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned());
        for (name, value) in
            [("x-content-type-options", "nosniff"), ("cache-control", "no-store"), ("cross-origin-opener-policy", "same-origin")]
        {
            assert_eq!(answer.header(name), value);
        }
        assert_eq!(answer.header("x-request-id").len(), 16);
    }
    assert_eq!(nonces.len(), answers.len(), "a nonce is used once");
}

#[tokio::test]
async fn pages_ask_who_is_there() {
    for test in Test::on_both().await {
        test.user("ann@rialto.example", Role::Viewer).await;
        let stranger = test.get("/sync-runs?state=held", "").await;
        assert_eq!((stranger.status, stranger.header("location")), (StatusCode::SEE_OTHER, "/sign-in?next=%2Fsync-runs%3Fstate%3Dheld"));
        let forged = test.get("/sync-runs", "rialto_session=0000").await;
        assert_eq!(forged.status, StatusCode::SEE_OTHER);
        let session = test.sign_in("ann@rialto.example").await;
        let page = test.get("/sync-runs", &session).await;
        assert_eq!((page.status, page.header("cache-control")), (StatusCode::OK, "no-store"), "{}", page.text);
        // A session is no key to the API: only a token is.
        assert_eq!(test.get("/api/v1/bridges", &session).await.status, StatusCode::UNAUTHORIZED);
    }
}
