//! Forms whose page has grown old.

use axum::http::StatusCode;
use rialto_core::permissions::Role;

use crate::harness::Test;

const HERE: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];

fn token_of(page: &str) -> String {
    page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_entered_survives_the_end_of_a_session() {
    for test in Test::on_both().await {
        test.user("ann@rialto.example", Role::Admin).await;
        let path = "/admin/bridges/new/personify360";
        let entered = [
            ("csrf", "old"),
            ("name", "Members \"<x>\""),
            ("settings.base_url", "https://p360.example/"),
            ("secrets.password", "hush-hush"),
        ];
        let signed_out = test.form(path, "", &entered, &HERE).await;
        assert_eq!(signed_out.status, StatusCode::UNAUTHORIZED, "{}", test.name);
        let page = &signed_out.text;
        assert!(page.contains(&format!("action=\"{path}\"")), "{page}");
        assert!(page.contains("value=\"https://p360.example/\"") && !page.contains("<x>"), "{page}");
        assert!(!page.contains("hush-hush") && page.contains("type=\"password\" name=\"secrets.password\""), "{page}");
        let session = test.sign_in("ann@rialto.example").await;
        let stale = test.form(path, &session, &entered, &HERE).await;
        assert_eq!(stale.status, StatusCode::FORBIDDEN);
        let fresh = token_of(&stale.text);
        let mut again = entered;
        again[0].1 = &fresh;
        // Sent again it reaches the form's own check, which finds the user name missing.
        let sent = test.form(path, &session, &again, &HERE).await;
        assert_eq!(sent.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", sent.text);
    }
}

#[tokio::test]
async fn nothing_is_given_back_to_a_form_from_who_knows_where() {
    let test = Test::over(rialto_testkit::sqlite().await, false);
    test.user("ann@rialto.example", Role::Admin).await;
    let session = test.sign_in("ann@rialto.example").await;
    let fields = [("csrf", "guess"), ("name", "planted")];
    for headers in [&[][..], &[("sec-fetch-site", "none")], &[("sec-fetch-site", "cross-site")], &[("origin", "https://evil.example")]] {
        let answer = test.form("/admin/bridges/new/personify360", &session, &fields, headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(!answer.text.contains("planted"), "{headers:?}");
    }
}

#[tokio::test]
async fn the_configured_address_counts_as_ours_whatever_host_the_proxy_sends() {
    let mut test = Test::over(rialto_testkit::sqlite().await, false);
    test.public_url("https://members.example.org");
    test.user("ann@rialto.example", Role::Admin).await;
    let session = test.sign_in("ann@rialto.example").await;
    let page = test.get("/", &session).await;
    let token = token_of(&page.text);
    let answer = test.form("/sign-out", &session, &[("csrf", &token)], &[("origin", "https://members.example.org.evil.example")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = test.form("/sign-out", &session, &[("csrf", &token)], &[("origin", "https://members.example.org")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_missing_permission_is_said_in_words_and_named_for_programs() {
    let test = Test::over(rialto_testkit::sqlite().await, false);
    test.user("vic@rialto.example", Role::Viewer).await;
    let session = test.sign_in("vic@rialto.example").await;
    let page = test.get("/admin/bridges/new/personify360", &session).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(
        page.text.contains("manage bridges") && page.text.contains("Ask an administrator") && !page.text.contains("bridges.admin"),
        "{}",
        page.text
    );
    let token = test.token(Role::Viewer).await;
    assert_eq!(test.api(&token, "GET", "/users", None).await.json()["permission"], "users.admin");
}
