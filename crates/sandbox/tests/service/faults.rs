//! Faults on demand.

use std::collections::HashSet;
use std::time::Duration;

use axum::body::to_bytes;
use rialto_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{Client, MEMBERS, ROOT, id, rows, text};

#[tokio::test]
async fn faults_without_an_answer_of_their_own() {
    let client = Client::new(200);
    let first = async |fault: Fault| {
        client.sandbox.clear_faults();
        client.sandbox.inject(FaultRule::always(fault).on(MEMBERS).after(1).times(1));
        let calm = client.page("NEWSLETTER", ("", ""), 10).await;
        assert_eq!(calm.status(), 200);
        let response = client.page("NEWSLETTER", ("", ""), 10).await;
        assert_eq!(client.sandbox.faults()[0].fired, 1);
        response
    };
    let limited = first(Fault::RateLimited { retry_after: "3".into() }).await;
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"3".parse().unwrap()));
    assert_eq!(first(Fault::ServerError { status: 503 }).await.status(), 503);
    assert_eq!(first(Fault::BadCredentials).await.status(), 401);
    let (status, page) = text(first(Fault::HtmlPage).await).await;
    assert!(status == 200 && page.starts_with("<!DOCTYPE html>"));
    let (_, empty) = text(first(Fault::EmptyList).await).await;
    assert!(rows(&empty).is_empty());
    let (_, part) = text(first(Fault::TruncatedPayload).await).await;
    assert!(!part.contains("</Data>"));
    let cut = first(Fault::CutBody { after_bytes: 100 }).await;
    assert!(to_bytes(cut.into_body(), usize::MAX).await.is_err());
    let slow = first(Fault::SlowBody { bytes_per_second: 50 }).await;
    let body = to_bytes(slow.into_body(), usize::MAX);
    assert!(tokio::time::timeout(Duration::from_millis(250), body).await.is_err());
    let late = tokio::time::timeout(Duration::from_millis(100), first(Fault::Timeout { seconds: 60 }));
    assert!(late.await.is_err());
    let calm = client.page("NEWSLETTER", ("", ""), 10).await;
    assert_eq!(rows(&text(calm).await.1).len(), 10);
}

#[tokio::test]
async fn a_time_out_comes_after_the_commit() {
    let client = Client::new(20);
    client.sandbox.inject(FaultRule::always(Fault::Timeout { seconds: 60 }).on("Save"));
    let entity = json!({"MasterCustomerId": "000000000009", "ActivityCode": "RIALTO_UNSUB"});
    let path = format!("{ROOT}/Save?EntityName='CusActivity'");
    let save = client.json("POST", &path, entity);
    assert!(tokio::time::timeout(Duration::from_millis(300), save).await.is_err());
    assert_eq!(client.sandbox.activity_count(), 1);
}

#[tokio::test]
async fn faults_within_rows() {
    let client = Client::new(400);
    let inject = |fault: Fault| {
        client.sandbox.clear_faults();
        client.sandbox.inject(FaultRule::always(fault));
    };
    inject(Fault::DuplicateRows);
    let read = client.read("NEWSLETTER", 50).await;
    let distinct: HashSet<String> = read.iter().map(id).collect();
    assert_eq!(distinct.len() as u64, client.sandbox.list("NEWSLETTER").unwrap().member_count);
    assert!(read.len() > distinct.len());
    inject(Fault::RenamedField { from: "LAST_NAME".into(), to: "SURNAME".into() });
    let read = client.rows(MEMBERS, &[("ListCode", "BOARD")]).await;
    assert!(read.iter().all(|row| row.contains_key("SURNAME") && !row.contains_key("LAST_NAME")));
    inject(Fault::OversizeValue { bytes: 100_000 });
    let read = client.rows(MEMBERS, &[("ListCode", "BOARD")]).await;
    assert_eq!(read[0]["FIRST_NAME"].len(), 100_000);
    inject(Fault::InvalidUtf8);
    let response = client.call(MEMBERS, &[("ListCode", "BOARD")]).await;
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert!(std::str::from_utf8(&bytes).is_err());
    inject(Fault::MissingKey);
    let read = client.rows(MEMBERS, &[("ListCode", "BOARD")]).await;
    assert!(read.iter().any(|row| !row.contains_key("MASTER_CUSTOMER_ID")));
    inject(Fault::WrongTotal { delta: 2 });
    let lists = client.rows("usr_Rialto_Lists", &[]).await;
    assert!(lists.iter().any(|l| l["LIST_CODE"] == "BOARD" && l["MEMBER_COUNT"] == "26"));
}
