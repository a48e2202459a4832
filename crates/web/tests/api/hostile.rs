//! Input that means no good.

use axum::http::StatusCode;
use base64::Engine;
use rialto_core::permissions::Role;

use crate::harness::{PASSWORD, Test};

#[tokio::test]
async fn the_character_that_no_database_text_holds_is_refused_everywhere() {
    for test in Test::on_both().await {
        test.user("ann@rialto.example", Role::Admin).await;
        let session = test.sign_in("ann@rialto.example").await;
        for page in ["/subscribers?q=%00", "/subscribers?q=a&after=1~b%00", "/target-groups?q=a%00b", "/target-groups?folder=%00"] {
            let answer = test.get(page, &session).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{} {page}: {}", test.name, answer.text);
            assert!(answer.text.contains("U+0000"), "{page}");
        }
        let answer = test.try_sign_in("ann\0@rialto.example", PASSWORD, "/").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", test.name);
        let token = test.token(Role::Admin).await;
        let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"["\u0000",1]"#);
        for path in [format!("/target-groups?cursor={cursor}"), "/target-groups?q=%00".into(), "/subscribers?email=%00".into()] {
            let answer = test.api(&token, "GET", &path, None).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{} {path}: {}", test.name, answer.text);
        }
    }
}

#[tokio::test]
async fn searches_have_an_end() {
    let test = Test::over(rialto_testkit::sqlite().await, false);
    test.user("ann@rialto.example", Role::Admin).await;
    let (session, token) = (test.sign_in("ann@rialto.example").await, test.token(Role::Viewer).await);
    let long = "x".repeat(201);
    for path in ["/subscribers", "/target-groups"] {
        assert_eq!(test.get(&format!("{path}?q={long}"), &session).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(test.get(&format!("{path}?q={}", &long[1..]), &session).await.status, StatusCode::OK, "{path}");
    }
    let answer = test.api(&token, "GET", &format!("/target-groups?q={long}"), None).await;
    assert_eq!((answer.status, &answer.json()["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &"q".into()));
}

#[tokio::test]
async fn an_address_that_no_mail_has_never_becomes_a_key() {
    for test in Test::on_both().await {
        let long = format!("{}@rialto.example", "x".repeat(400));
        let answer = test.try_sign_in(&long, PASSWORD, "/").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.text.contains("do not match") && !answer.text.contains(&long), "the usual answer");
        let kept: Vec<(i64,)> = test.app.db.read().all("SELECT COUNT(*) FROM login_throttle", rialto_store::args![]).await.unwrap();
        assert_eq!(kept, [(0,)], "{}", test.name);
    }
}

/// Signs in from an address, through a proxy at 127.0.0.1 if `by_proxy` names whom it saw.
async fn sign_in_from(test: &Test, peer: &str, by_proxy: Option<&str>, email: &str, password: &str) -> StatusCode {
    let page = test.get("/sign-in", "").await;
    let cookie = page.cookie("rialto_sign_in").unwrap();
    let fields = [("csrf", cookie.split_once('=').unwrap().1), ("email", email), ("password", password)];
    let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = axum::http::Request::builder().method("POST").uri("/sign-in").header("cookie", &cookie);
    request = request.header("content-type", "application/x-www-form-urlencoded");
    if let Some(seen) = by_proxy {
        request = request.header("x-forwarded-for", seen);
    }
    let mut request = request.body(axum::body::Body::from(body)).unwrap();
    let peer: std::net::SocketAddr = format!("{peer}:40000").parse().unwrap();
    request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
    test.send(request).await.status
}

#[tokio::test]
async fn a_stranger_behind_the_same_proxy_locks_nobody_out() {
    for mut test in Test::on_both().await {
        test.trust_proxies(&["127.0.0.1/32"]);
        test.user("ann@rialto.example", Role::Viewer).await;
        for n in 0..30 {
            let email = format!("guess{n}@rialto.example");
            sign_in_from(&test, "127.0.0.1", Some("203.0.113.66"), &email, "wrong").await;
        }
        let stranger = sign_in_from(&test, "127.0.0.1", Some("203.0.113.66"), "ann@rialto.example", PASSWORD).await;
        assert_eq!(stranger, StatusCode::TOO_MANY_REQUESTS, "{}", test.name);
        // A forged beginning of the header changes nothing.
        let forged = sign_in_from(&test, "127.0.0.1", Some("198.51.100.1, 203.0.113.66"), "ann@rialto.example", PASSWORD).await;
        assert_eq!(forged, StatusCode::TOO_MANY_REQUESTS, "{}", test.name);
        let ann = sign_in_from(&test, "127.0.0.1", Some("198.51.100.1"), "ann@rialto.example", PASSWORD).await;
        assert_eq!(ann, StatusCode::SEE_OTHER, "{}", test.name);
    }
}

#[tokio::test]
async fn many_who_mistype_at_one_address_do_not_lock_each_other_out() {
    let test = Test::over(rialto_testkit::sqlite().await, false);
    for n in 0..12 {
        let email = format!("user{n}@rialto.example");
        test.user(&email, Role::Viewer).await;
        for _ in 0..3 {
            assert_eq!(sign_in_from(&test, "198.51.100.9", None, &email, "wrong").await, StatusCode::UNAUTHORIZED, "{n}");
        }
        assert_eq!(sign_in_from(&test, "198.51.100.9", None, &email, PASSWORD).await, StatusCode::SEE_OTHER, "{n}");
    }
}
