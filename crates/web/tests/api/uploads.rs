//! Files brought by API and by the page's form: kept, looked at, refused in words, and given up. What runs do with them is the engine's.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use rialto_core::permissions::Role;
use rialto_store::{args, uploads};
use serde_json::{Value, json};

use crate::harness::{Answer, Test};

const FILE: &[u8] = b"E-mail;Shirt\r\nann@x.example;M\r\nbob@x.example;L\r\n";

fn multipart(fields: &[(&str, &str)], file: Option<(&str, &[u8])>) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes());
    }
    if let Some((name, bytes)) = file {
        body.extend(
            format!("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n")
                .into_bytes(),
        );
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--XX--\r\n");
    ("multipart/form-data; boundary=XX".into(), body)
}

async fn bring(test: &Test, token: &str, path: &str, fields: &[(&str, &str)], file: (&str, &[u8]), key: &str) -> Answer {
    let (kind, body) = multipart(fields, Some(file));
    let mut request = Request::builder().method("POST").uri(format!("/api/v1{path}")).header(header::CONTENT_TYPE, kind);
    request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    if !key.is_empty() {
        request = request.header("idempotency-key", key);
    }
    let answer = test.send(request.body(Body::from(body)).unwrap()).await;
    crate::described::check("POST", path, &answer);
    answer
}

async fn count(test: &Test, text: &'static str) -> i64 {
    test.app.db.read().one::<(i64,)>(text, args![]).await.unwrap().0
}

#[tokio::test]
async fn a_file_is_kept_and_what_it_is_is_told() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let answer = bring(&test, &token, "/uploads", &[("name", "Fair")], ("C:\\lists\\fair.csv", FILE), "").await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}: {}", test.name, answer.text);
        let view = answer.json();
        assert_eq!((&view["state"], &view["file_name"], &view["bytes"]), (&json!("planning"), &json!("fair.csv"), &json!(FILE.len())));
        assert_eq!((&view["encoding"], &view["separator"], &view["header"]), (&json!("UTF-8"), &json!("semicolon"), &json!(true)));
        assert_eq!(view["mapping"]["columns"], json!([{"use": "address"}, {"use": "field", "name": "Shirt"}]), "{}", test.name);
        assert_eq!(view["samples"][1], json!(["bob@x.example", "L"]));
        assert_eq!((&view["plan"]["kind"], &view["plan"]["plan_only"], &view["run"]), (&json!("upload"), &json!(true), &Value::Null));
        let id = view["id"].as_str().unwrap();
        // While its plan is made it takes neither a mapping nor an order.
        let mapping = json!({"columns": [{"use": "address"}, {"use": "ignore"}]});
        for (method, path, body) in [("PUT", "mapping", Some(mapping.clone())), ("POST", "apply", None)] {
            let answer = test.api(&token, method, &format!("/uploads/{id}/{path}"), body).await;
            assert_eq!(answer.status, StatusCode::CONFLICT, "{}: {}", test.name, answer.text);
        }
        let listed = test.api(&token, "GET", "/uploads", None).await.json();
        assert_eq!((&listed["total"], &listed["items"][0]["id"]), (&json!(1), &json!(id)), "{}", test.name);
        assert_eq!(count(&test, "SELECT COUNT(*) FROM audit WHERE action = 'upload.begin'").await, 1, "{}", test.name);
    }
}

#[tokio::test]
async fn faulty_uploads_are_refused_in_words_and_leave_nothing() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let xls: &[u8] = b"\xd0\xcf\x11\xe0rest";
        for (path, fields, file, status, words) in [
            ("/uploads", vec![], FILE, StatusCode::UNPROCESSABLE_ENTITY, "name of 1 to 120"),
            ("/uploads", vec![("name", "A"), ("mode", "x")], FILE, StatusCode::UNPROCESSABLE_ENTITY, "add or replace"),
            ("/uploads", vec![("name", "A")], xls, StatusCode::UNPROCESSABLE_ENTITY, "old Excel file"),
            ("/uploads", vec![("name", "A")], b"".as_slice(), StatusCode::UNPROCESSABLE_ENTITY, "empty"),
            (
                "/uploads",
                vec![("name", "A")],
                b"PK\x03\x04no archive".as_slice(),
                StatusCode::UNPROCESSABLE_ENTITY,
                "XLSX file cannot be read",
            ),
            ("/unsubscriber-uploads", vec![], FILE, StatusCode::UNPROCESSABLE_ENTITY, "where this list comes from"),
        ] {
            let answer = bring(&test, &token, path, &fields, ("f", file), "").await;
            assert_eq!(answer.status, status, "{}: {path} {fields:?}: {}", test.name, answer.text);
            assert!(answer.text.contains(words), "{}: {}", test.name, answer.text);
        }
        let (kind, body) = multipart(&[("name", "A")], None);
        let request = Request::builder().method("POST").uri("/api/v1/uploads").header(header::CONTENT_TYPE, kind);
        let answer = test.send(request.header(header::AUTHORIZATION, format!("Bearer {token}")).body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
        assert_eq!(count(&test, "SELECT COUNT(*) FROM upload WHERE state <> 'discarded'").await, 0, "{}", test.name);
        assert_eq!(count(&test, "SELECT COUNT(*) FROM sync_run").await, 0, "{}", test.name);
        // The files of those that were given up go.
        test.later(1);
        while uploads::expire(&test.app.db, test.app.clock.now()).await.unwrap() {}
        assert_eq!(count(&test, "SELECT COUNT(*) FROM upload_chunk").await, 0, "{}", test.name);
        let viewer = test.token(Role::Viewer).await;
        assert_eq!(bring(&test, &viewer, "/uploads", &[("name", "A")], ("f", FILE), "").await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn columns_that_do_not_explain_themselves_are_asked_for_and_remembered() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let file = b"Who,What\nx,y\n";
        let view = bring(&test, &token, "/uploads", &[("name", "A")], ("f.csv", file), "").await.json();
        assert_eq!((&view["state"], &view["mapping"], &view["plan"]), (&json!("mapping"), &Value::Null, &Value::Null), "{}", test.name);
        let path = format!("/uploads/{}/mapping", view["id"].as_str().unwrap());
        for (columns, field) in [
            (json!([{"use": "address"}]), "columns"),
            (json!([{"use": "field", "name": "Who"}, {"use": "ignore"}]), "columns"),
            (json!([{"use": "address"}, {"use": "address"}]), "columns.1"),
            (json!([{"use": "address"}, {"use": "field"}]), "columns.1.use"),
        ] {
            let answer = test.api(&token, "PUT", &path, Some(json!({"columns": columns}))).await;
            assert_eq!(
                (answer.status, &answer.json()["errors"][0]["field"]),
                (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)),
                "{}",
                answer.text
            );
        }
        let columns = json!([{"use": "address"}, {"use": "field", "name": "Thing"}]);
        let answer = test.api(&token, "PUT", &path, Some(json!({"columns": columns}))).await;
        assert_eq!((answer.status, &answer.json()["run"]["plan_only"]), (StatusCode::ACCEPTED, &json!(true)), "{}", answer.text);
        // The same heads again, in other letters.
        let view = bring(&test, &token, "/uploads", &[("name", "B")], ("g.csv", b"WHO,What\na,b\n"), "").await.json();
        assert_eq!((&view["mapping"]["columns"], &view["state"]), (&columns, &json!("planning")), "{}", test.name);
    }
}

#[tokio::test]
async fn an_idempotency_key_brings_a_file_once() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let long: Vec<u8> = [b"E-mail\n".as_slice(), "ann@x.example\n".repeat(200_000).as_bytes()].concat();
        let fields = [("evidence", "a letter")];
        let first = bring(&test, &token, "/unsubscriber-uploads", &fields, ("f", &long), "k1").await;
        let again = bring(&test, &token, "/unsubscriber-uploads", &fields, ("f", &long), "k1").await;
        assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED), "{}: {}", test.name, first.text);
        assert_eq!((&first.json()["id"], again.header("idempotent-replayed")), (&again.json()["id"], "true"), "{}", test.name);
        assert_eq!(count(&test, "SELECT COUNT(*) FROM upload").await, 1, "{}", test.name);
        assert_eq!(count(&test, "SELECT COUNT(*) FROM upload_chunk").await, 3, "{}: 2.8 million bytes", test.name);
    }
}

async fn form(test: &Test, cookie: &str, fields: &[(&str, &str)], file: (&str, &[u8]), site: &str) -> Answer {
    let (kind, body) = multipart(fields, Some(file));
    let request =
        Request::builder().method("POST").uri("/subscribers/upload").header(header::CONTENT_TYPE, kind).header(header::COOKIE, cookie);
    test.send(request.header("sec-fetch-site", site).body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn the_page_takes_a_file_only_with_its_own_token() {
    for test in Test::on_both().await {
        test.user("ann@x.example", Role::Marketer).await;
        let cookie = test.sign_in("ann@x.example").await;
        let page = test.get("/subscribers/upload", &cookie).await.text;
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let fields = |csrf| vec![("csrf", csrf), ("kind", "people"), ("name", "Fair")];
        assert_eq!(form(&test, &cookie, &fields("wrong"), ("f.csv", FILE), "same-origin").await.status, StatusCode::FORBIDDEN);
        assert_eq!(form(&test, &cookie, &fields(&csrf), ("f.csv", FILE), "cross-site").await.status, StatusCode::FORBIDDEN);
        assert_eq!(count(&test, "SELECT COUNT(*) FROM upload").await, 0, "{}", test.name);

        let answer = form(&test, &cookie, &fields(&csrf), ("f.csv", b"%PDF-1.7"), "same-origin").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text.contains("This is a PDF") && answer.text.contains("value=\"Fair\""), "{}: nothing entered is lost", test.name);

        let answer = form(&test, &cookie, &fields(&csrf), ("f.csv", FILE), "same-origin").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let shown = test.get(answer.header("location"), &cookie).await.text;
        for words in ["f.csv", "separated by semicolon", "the first line names the columns", "Being looked at", "id=\"progress\""] {
            assert!(shown.contains(words), "{}: {words}: {shown}", test.name);
        }
    }
}
