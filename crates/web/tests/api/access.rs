//! Who may do what: every operation of the API for every role, tokens, users.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use rialto_core::permissions::{Permission, Role};
use rialto_core::{Instant, Kind, PublicId};
use serde_json::{Value, json};

use crate::harness::{PASSWORD, Test};

/// Method, path, what it needs (any of these; none: a valid token), and a body that passes.
type Operation = (&'static str, &'static str, &'static [Permission], Option<fn() -> Value>);

const OPERATIONS: &[Operation] = &[
    ("GET", "/bridge-kinds", &[], None),
    ("GET", "/bridges", &[], None),
    ("POST", "/bridges", &[Permission::BridgesAdmin], Some(|| json!({"kind": "none", "name": "x"}))),
    ("GET", "/bridges/{id}", &[], None),
    ("PATCH", "/bridges/{id}", &[Permission::BridgesAdmin], Some(|| json!({}))),
    ("DELETE", "/bridges/{id}", &[Permission::BridgesAdmin], None),
    ("POST", "/bridges/{id}/test", &[Permission::BridgesAdmin], None),
    ("POST", "/bridges/{id}/refresh", &[Permission::BridgesAdmin, Permission::GroupsSync], None),
    ("GET", "/bridges/{id}/lists", &[], None),
    ("GET", "/bridges/{id}/fields", &[], None),
    ("PATCH", "/bridges/{id}/fields", &[Permission::BridgesAdmin], Some(|| json!({"fields": []}))),
    ("GET", "/writebacks", &[], None),
    ("GET", "/writebacks/{id}", &[], None),
    ("PATCH", "/writebacks/{id}", &[Permission::WritebacksRetry], Some(|| json!({"reason": "x"}))),
    ("POST", "/writebacks/{id}/retry", &[Permission::WritebacksRetry], None),
    ("POST", "/writebacks/{id}/cancel", &[Permission::WritebacksRetry], Some(|| json!({"reason": "x"}))),
    ("POST", "/writebacks/retry", &[Permission::WritebacksRetry], Some(|| json!({"bridge": "x"}))),
    ("GET", "/bridges/{id}/writeback-settings", &[], None),
    ("PUT", "/bridges/{id}/writeback-settings", &[Permission::BridgesAdmin], Some(|| json!({"kinds": {}}))),
    ("POST", "/bridges/{id}/run-writebacks", &[Permission::BridgesAdmin], None),
    ("GET", "/bridges/{id}/fetch-token", &[Permission::BridgesAdmin], None),
    ("POST", "/bridges/{id}/fetch-token", &[Permission::BridgesAdmin], None),
    ("DELETE", "/bridges/{id}/fetch-token", &[Permission::BridgesAdmin], None),
    ("GET", "/bridges/{id}/reconcile", &[], None),
    ("POST", "/bridges/{id}/reconcile", &[Permission::BridgesAdmin], None),
    ("POST", "/bridges/{id}/reconcile/repair", &[Permission::BridgesAdmin], None),
    ("GET", "/target-groups", &[], None),
    (
        "POST",
        "/target-groups",
        &[Permission::ListsEdit],
        Some(|| json!({"kind": "compound", "name": "x", "include": {"mode": "any", "groups": []}})),
    ),
    ("POST", "/target-groups/count", &[Permission::ListsEdit], Some(|| json!({"include": {"mode": "any", "groups": []}}))),
    ("POST", "/target-groups/{id}/preview", &[Permission::ListsEdit], None),
    ("POST", "/target-groups/{id}/split", &[Permission::ListsEdit], Some(|| json!({"parts": 2}))),
    ("GET", "/target-groups/{id}", &[], None),
    ("PATCH", "/target-groups/{id}", &[Permission::ListsEdit], Some(|| json!({"folder": "x"}))),
    ("DELETE", "/target-groups/{id}", &[Permission::ListsEdit], None),
    ("POST", "/target-groups/{id}/sync", &[Permission::GroupsSync], None),
    ("POST", "/target-groups/{id}/resume", &[Permission::GroupsApprove], None),
    ("GET", "/target-groups/{id}/counts", &[], None),
    ("GET", "/target-groups/{id}/subscribers", &[], None),
    ("GET", "/target-groups/{id}/mailings", &[], None),
    ("GET", "/sync-runs", &[], None),
    ("GET", "/sync-runs/{id}", &[], None),
    ("GET", "/sync-runs/{id}/changes", &[], None),
    ("GET", "/sync-runs/{id}/events", &[], None),
    ("POST", "/sync-runs/{id}/approve", &[Permission::GroupsApprove], None),
    ("POST", "/sync-runs/{id}/discard", &[Permission::GroupsApprove], None),
    ("POST", "/sync-runs/{id}/undo", &[Permission::GroupsApprove], None),
    ("GET", "/schedules", &[], None),
    ("GET", "/schedules/{id}", &[], None),
    ("PATCH", "/schedules/{id}", &[Permission::BridgesAdmin], Some(|| json!({"enabled": false}))),
    ("GET", "/schedules/{id}/occurrences", &[], None),
    ("POST", "/schedules/{id}/run", &[Permission::BridgesAdmin, Permission::GroupsSync], None),
    ("GET", "/subscribers", &[], None),
    ("GET", "/subscribers/{id}", &[], None),
    ("GET", "/subscribers/{id}/consent", &[], None),
    ("POST", "/subscribers/{id}/unsubscribe", &[Permission::ListsEdit], Some(|| json!({"reason": "x", "evidence": "x"}))),
    ("POST", "/subscribers/{id}/resubscribe", &[Permission::UsersAdmin], Some(|| json!({"reason": "x", "evidence": "x"}))),
    ("GET", "/segments", &[], None),
    ("POST", "/segments", &[Permission::ListsEdit], Some(|| json!({"name": "x", "rule": {"all": []}}))),
    ("POST", "/segments/count", &[Permission::ListsEdit], Some(|| json!({"rule": {"all": []}}))),
    ("GET", "/segments/{id}", &[], None),
    ("PATCH", "/segments/{id}", &[Permission::ListsEdit], Some(|| json!({"name": "x"}))),
    ("DELETE", "/segments/{id}", &[Permission::ListsEdit], None),
    ("GET", "/segments/{id}/explain", &[], None),
    ("GET", "/personas", &[], None),
    ("POST", "/personas", &[Permission::ListsEdit], Some(|| json!({"name": "Student", "target_group": "x"}))),
    ("PUT", "/personas/order", &[Permission::ListsEdit], Some(|| json!({"personas": []}))),
    ("GET", "/personas/{id}", &[], None),
    ("PATCH", "/personas/{id}", &[Permission::ListsEdit], Some(|| json!({"name": "Student"}))),
    ("DELETE", "/personas/{id}", &[Permission::ListsEdit], None),
    ("GET", "/subscribers/{id}/persona", &[], None),
    ("POST", "/bridges/{id}/send-personas", &[Permission::BridgesAdmin], None),
    ("GET", "/interests", &[], None),
    ("GET", "/interests/{id}", &[], None),
    ("PATCH", "/interests/{id}", &[Permission::ListsEdit], Some(|| json!({"used": true}))),
    ("DELETE", "/interests/{id}", &[Permission::ListsEdit], None),
    ("GET", "/subscribers/{id}/interests", &[], None),
    ("POST", "/subscribers/{id}/interests", &[Permission::ListsEdit], Some(|| json!({"take": [], "evidence": "x"}))),
    ("GET", "/users", &[Permission::UsersAdmin], None),
    ("POST", "/users", &[Permission::UsersAdmin], Some(|| json!({"email": "x", "role": "viewer", "password": "x"}))),
    ("GET", "/users/{id}", &[Permission::UsersAdmin], None),
    ("PATCH", "/users/{id}", &[Permission::UsersAdmin], Some(|| json!({}))),
    ("PUT", "/users/{id}/password", &[Permission::UsersAdmin], Some(|| json!({"password": "x"}))),
    ("GET", "/uploads", &[], None),
    ("POST", "/uploads", &[Permission::ListsEdit], None),
    ("GET", "/uploads/{id}", &[], None),
    ("DELETE", "/uploads/{id}", &[Permission::ListsEdit], None),
    ("PUT", "/uploads/{id}/mapping", &[Permission::ListsEdit], Some(|| json!({"columns": []}))),
    ("POST", "/uploads/{id}/apply", &[Permission::ListsEdit], None),
    ("POST", "/unsubscriber-uploads", &[Permission::ListsEdit], None),
    ("GET", "/unsubscriber-uploads/{id}", &[], None),
    ("POST", "/unsubscriber-uploads/{id}/apply", &[Permission::ListsEdit], None),
    ("GET", "/tokens", &[Permission::UsersAdmin], None),
    ("POST", "/tokens", &[Permission::UsersAdmin], Some(|| json!({"name": "", "role": "viewer"}))),
    ("DELETE", "/tokens/{id}", &[Permission::UsersAdmin], None),
    ("GET", "/households", &[], None),
    ("POST", "/households/{id}/decide", &[Permission::ListsEdit], Some(|| json!({"decision": "leave"}))),
    ("GET", "/folders", &[], None),
    ("POST", "/folders", &[Permission::ListsEdit], Some(|| json!({"name": ""}))),
    ("GET", "/folders/{id}", &[], None),
    ("PATCH", "/folders/{id}", &[Permission::ListsEdit], Some(|| json!({}))),
    ("DELETE", "/folders/{id}", &[Permission::ListsEdit], None),
    ("GET", "/audience-lists", &[], None),
    ("POST", "/audience-lists", &[Permission::ListsEdit], Some(|| json!({"name": "", "fields": []}))),
    ("GET", "/audience-lists/{id}", &[], None),
    ("PATCH", "/audience-lists/{id}", &[Permission::ListsEdit], Some(|| json!({}))),
    ("DELETE", "/audience-lists/{id}", &[Permission::ListsEdit], None),
    ("GET", "/audience-lists/{id}/extensions", &[], None),
    ("POST", "/audience-lists/{id}/extensions", &[Permission::ListsEdit], Some(|| json!({"name": "x", "fields": []}))),
    ("POST", "/audience-lists/{id}/fields", &[Permission::ListsEdit], Some(|| json!({"name": "x", "type": "date"}))),
    ("PATCH", "/audience-lists/{id}/fields/{number}", &[Permission::ListsEdit], Some(|| json!({}))),
    ("GET", "/audience-lists/{id}/rows", &[], None),
    ("GET", "/audience-lists/{id}/usage", &[], None),
    ("GET", "/personalization/fields", &[], None),
    ("POST", "/personalization/preview", &[], Some(|| json!({"subscriber": "x"}))),
    ("GET", "/streams", &[], None),
    ("POST", "/streams", &[Permission::ProfileStream], Some(|| json!({"name": "", "sources": []}))),
    ("GET", "/streams/{id}", &[], None),
    ("PATCH", "/streams/{id}", &[Permission::ProfileStream], Some(|| json!({}))),
    ("DELETE", "/streams/{id}", &[Permission::ProfileStream], None),
    ("POST", "/streams/{id}/token", &[Permission::ProfileStream], None),
    ("GET", "/streams/{id}/fields", &[], None),
    ("GET", "/streams/{id}/rejected", &[], None),
    ("POST", "/streams/{id}/alarms/{number}/settle", &[Permission::ProfileStream], None),
    ("POST", "/streams/{id}/dismiss", &[Permission::ProfileStream], None),
    ("POST", "/streams/{id}/events", &[Permission::ProfileStream], Some(|| json!([]))),
    ("GET", "/data-syncs", &[], None),
    (
        "POST",
        "/data-syncs",
        &[Permission::DataExchangeEdit],
        Some(|| json!({"name": "", "destination": "", "stream": "", "mode": "upsert", "mapping": []})),
    ),
    ("GET", "/data-syncs/{id}", &[], None),
    (
        "PUT",
        "/data-syncs/{id}",
        &[Permission::DataExchangeEdit],
        Some(|| json!({"name": "x", "destination": "", "stream": "", "mode": "upsert", "mapping": []})),
    ),
    ("DELETE", "/data-syncs/{id}", &[Permission::DataExchangeEdit], None),
    ("POST", "/data-syncs/{id}/enable", &[Permission::DataExchangeEdit], None),
    ("POST", "/data-syncs/{id}/disable", &[Permission::DataExchangeEdit], None),
    ("GET", "/data-syncs/{id}/history", &[], None),
    ("GET", "/data-syncs/{id}/rejected", &[], None),
    ("POST", "/data-syncs/{id}/replay", &[Permission::DataExchangeEdit], None),
    ("POST", "/data-syncs/{id}/dismiss", &[Permission::DataExchangeEdit], None),
    ("GET", "/data-syncs/{id}/preview", &[], None),
    ("GET", "/labels", &[], None),
    ("POST", "/labels", &[Permission::LabelsCreate], Some(|| json!({"name": ""}))),
    ("DELETE", "/labels/{id}", &[Permission::LabelsCreate], None),
    ("GET", "/settings", &[], None),
    ("PATCH", "/settings", &[Permission::BridgesAdmin], Some(|| json!({}))),
    ("GET", "/audit", &[Permission::AuditRead], None),
];

fn path_of(path: &str) -> String {
    let kind = match path.split('/').nth(1).unwrap_or_default() {
        "bridges" => Kind::Bridge,
        "target-groups" | "segments" => Kind::TargetGroup,
        "sync-runs" => Kind::SyncRun,
        "folders" => Kind::Folder,
        "households" => Kind::Household,
        "interests" => Kind::Interest,
        "personas" => Kind::Persona,
        "schedules" => Kind::Schedule,
        "uploads" | "unsubscriber-uploads" => Kind::Upload,
        "audience-lists" => Kind::AudienceList,
        "streams" => Kind::Stream,
        "data-syncs" => Kind::DataSync,
        "labels" => Kind::Label,
        "users" => Kind::User,
        "tokens" => Kind::Token,
        _ => Kind::Subscriber,
    };
    path.replace("{id}", &PublicId::new(kind, Instant(rialto_testkit::START), 999).to_string()).replace("{number}", "2")
}

#[tokio::test]
async fn every_operation_for_every_role() {
    for test in Test::on_both().await {
        for role in Role::ALL {
            let token = test.token(role).await;
            for (method, path, needs, body) in OPERATIONS {
                let answer = test.api(&token, method, &path_of(path), body.map(|b| b())).await;
                let may = needs.is_empty() || needs.iter().any(|p| role.allows(*p));
                assert_eq!(answer.status != StatusCode::FORBIDDEN, may, "{} {method} {path}: {}", role.name(), answer.text);
                assert!(answer.status.as_u16() < 500 && answer.status != StatusCode::UNAUTHORIZED, "{method} {path}: {}", answer.text);
                if path.contains("{id}") && may {
                    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}: an id never handed out is not found");
                }
                problem_or_success(&answer);
                if !may && body.is_some() {
                    let odd = test.api(&token, method, &path_of(path), Some(json!({"odd": 1}))).await;
                    assert_eq!(odd.status, StatusCode::FORBIDDEN, "the permission comes before the body");
                }
            }
        }
        for (method, path, _, body) in OPERATIONS {
            for token in ["", "rialto_00", "x"] {
                let answer = test.api(token, method, &path_of(path), body.map(|b| b())).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
                assert_eq!(answer.header("www-authenticate"), "Bearer");
                problem_or_success(&answer);
            }
        }
    }
}

fn problem_or_success(answer: &crate::harness::Answer) {
    if answer.status.is_success() {
        return;
    }
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status.as_u16());
    assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["errors"].is_array(), "{problem}");
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn the_description_lists_every_operation() {
    let test = Test::over(rialto_testkit::sqlite().await, false);
    let document = test.get("/api/v1/openapi.json", "").await.json();
    let mut described = BTreeSet::new();
    // What remote systems fetch has a token of its own (`fetched`).
    let paths = document["paths"].as_object().unwrap().iter().filter(|(path, _)| !path.starts_with("/remote/"));
    for (path, item) in paths {
        for method in item.as_object().unwrap().keys() {
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let tested: BTreeSet<String> = OPERATIONS.iter().map(|(m, p, ..)| format!("{m} /api/v1{p}")).collect();
    assert_eq!(described, tested);
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert!(document["components"]["schemas"].get("RunView").is_some());
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "schema {name} is described");
    }
}

#[tokio::test]
async fn other_methods_and_unreadable_requests() {
    for test in Test::on_both().await {
        let token = test.token(Role::Admin).await;
        let wrong = test.api(&token, "PUT", "/bridges", None).await;
        assert_eq!((wrong.status, wrong.header("allow").contains("GET")), (StatusCode::METHOD_NOT_ALLOWED, true));
        problem_or_success(&wrong);
        let unknown = test.api(&token, "GET", "/nothing", None).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND);
        problem_or_success(&unknown);
        for (query, field) in [
            ("?limit=0", "limit"),
            ("?limit=201", "limit"),
            ("?limit=x", "limit"),
            ("?kind=x", "kind"),
            ("?cursor=%20", "cursor"),
            ("?bridge=x", "bridge"),
        ] {
            let answer = test.api(&token, "GET", &format!("/target-groups{query}"), None).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
            assert_eq!(answer.json()["errors"][0]["field"], field);
        }
        for query in ["?nonsense=1", "?q=a&q=b", "?q=%00"] {
            let answer = test.api(&token, "GET", &format!("/target-groups{query}"), None).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
            problem_or_success(&answer);
        }
        let body = |text: &str, kind: &str| {
            let request = axum::http::Request::builder().method("POST").uri("/api/v1/tokens").header("content-type", kind);
            request.header("authorization", format!("Bearer {token}")).body(axum::body::Body::from(text.to_owned())).unwrap()
        };
        for (text, kind, status, field) in [
            ("{", "application/json", 400, None),
            ("{}", "text/plain", 415, None),
            ("{}", "application/json", 422, Some("name")),
            (r#"{"name": "x", "role": "viewer", "admin": true}"#, "application/json", 422, Some("admin")),
            (r#"{"name": 7, "role": "viewer"}"#, "application/json", 422, Some("name")),
            (r#"{"name": "a\u0000b", "role": "viewer"}"#, "application/json", 422, Some("name")),
            (r#"{"name": "x", "role": "king"}"#, "application/json", 422, Some("role")),
        ] {
            let answer = test.send(body(text, kind)).await;
            assert_eq!(answer.status.as_u16(), status, "{text}: {}", answer.text);
            assert_eq!(answer.json()["errors"][0]["field"].as_str(), field, "{text}: {}", answer.text);
            problem_or_success(&answer);
        }
        let large = test.send(body(&format!("{{\"name\": \"{}\"}}", "x".repeat(1 << 20)), "application/json")).await;
        assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
        problem_or_success(&large);
    }
}

#[tokio::test]
async fn a_token_is_seen_once_and_ends_at_once() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let made = test.api(&admin, "POST", "/tokens", Some(json!({"name": "nightly", "role": "viewer"}))).await;
        assert_eq!(made.status, StatusCode::CREATED);
        let (token, id) = (made.json()["token"].as_str().unwrap().to_owned(), made.json()["id"].as_str().unwrap().to_owned());
        assert_eq!(test.api(&token, "GET", "/bridges", None).await.status, StatusCode::OK);
        let listed = test.api(&admin, "GET", "/tokens", None).await;
        assert!(!listed.text.contains(&token) && listed.json()["total"] == 2 && !listed.json()["items"][1]["last_used_at"].is_null());
        assert_eq!(test.api(&admin, "DELETE", &format!("/tokens/{id}"), None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(test.api(&token, "GET", "/bridges", None).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(test.api(&admin, "DELETE", &format!("/tokens/{id}"), None).await.status, StatusCode::CONFLICT);
        let audit = test.api(&admin, "GET", "/audit", None).await.json();
        assert_eq!(audit["items"][0]["action"], "token.revoke");
        assert_eq!(audit["items"][0]["by"], "token:admin");
    }
}

#[tokio::test]
async fn users_are_made_changed_and_kept_from_locking_everybody_out() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let ann = json!({"email": "Ann@Rialto.example", "role": "admin", "password": PASSWORD, "timezone": "Europe/Vienna"});
        let made = test.api(&admin, "POST", "/users", Some(ann.clone())).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let path = format!("/users/{}", made.json()["id"].as_str().unwrap());
        assert_eq!(test.api(&admin, "POST", "/users", Some(ann)).await.status, StatusCode::CONFLICT);
        let session = test.sign_in("ann@rialto.example").await;
        for change in [json!({"role": "viewer"}), json!({"disabled": true}), json!({"denied": ["users.admin"]})] {
            let last = test.api(&admin, "PATCH", &path, Some(change)).await;
            assert_eq!(last.status, StatusCode::CONFLICT, "the last who manages users stays");
        }
        test.user("bob@rialto.example", Role::Admin).await;
        let change = json!({"role": "viewer", "granted": ["groups.sync"]});
        let changed = test.api(&admin, "PATCH", &path, Some(change)).await.json();
        assert_eq!((changed["role"].as_str(), &changed["permissions"]), (Some("viewer"), &json!(["groups.sync"])));
        let password = test.api(&admin, "PUT", &format!("{path}/password"), Some(json!({"password": "another quiet river"}))).await;
        assert_eq!(password.status, StatusCode::NO_CONTENT);
        let over = test.form("/sign-out", &session, &[("csrf", "x")], &[]).await;
        assert!(over.header("location").starts_with("/sign-in"), "a new password ends sessions");
        for (body, field) in [
            (json!({"email": "no", "role": "viewer", "password": PASSWORD}), "email"),
            (json!({"email": "c@x.example", "role": "viewer", "password": "short"}), "password"),
            (json!({"email": "c@x.example", "role": "viewer", "password": "Password123"}), "password"),
            (json!({"email": "c@x.example", "role": "viewer", "password": PASSWORD, "granted": ["sync.all"]}), "granted[0]"),
        ] {
            let answer = test.api(&admin, "POST", "/users", Some(body)).await;
            assert_eq!((answer.status, answer.json()["errors"][0]["field"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some(field)));
        }
        let page = test.api(&admin, "GET", "/users?limit=1", None).await.json();
        let cursor = page["next_cursor"].as_str().unwrap();
        let rest = test.api(&admin, "GET", &format!("/users?limit=1&cursor={cursor}"), None).await.json();
        assert_eq!((page["total"].as_i64(), rest["items"].as_array().unwrap().len(), rest["next_cursor"].is_null()), (Some(2), 1, true));
    }
}

#[tokio::test]
async fn a_panic_is_an_answer_with_a_request_id_and_no_detail() {
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt;
    async fn fails() -> &'static str {
        panic!("secret inner detail")
    }
    let router = axum::Router::new()
        .route("/api/fails", axum::routing::get(fails))
        .route("/fails", axum::routing::get(fails))
        .layer(axum::middleware::from_fn(rialto_web::error::render));
    for (path, kind) in [("/api/fails", "application/problem+json"), ("/fails", "text/html; charset=utf-8")] {
        let request = axum::http::Request::builder().uri(path).body(Body::empty()).unwrap();
        let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        assert_eq!((parts.status, parts.headers["content-type"].to_str().unwrap()), (StatusCode::INTERNAL_SERVER_ERROR, kind));
        assert!(!text.contains("secret inner detail"));
    }
}
