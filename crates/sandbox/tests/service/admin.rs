//! The simulator's own routes.

use rialto_sandbox::Options;
use serde_json::{Value, json};

use crate::support::{Client, ROOT, text};

#[tokio::test]
async fn procedures_come_with_the_setup_script() {
    let client = Client::with(Options { people: 50, installed: false, ..Options::default() });
    let response = client.call("usr_Rialto_Lists", &[]).await;
    let (status, error) = text(response).await;
    assert_eq!(status, 404);
    assert!(error.contains("Could not find stored procedure"));
    let script = "/* set-up */\nCREATE OR ALTER PROCEDURE [dbo].[usr_Rialto_Lists] AS SELECT 1\nGO\n\
         -- CREATE PROCEDURE dbo.usr_Rialto_Codes\ncreate procedure dbo.usr_Rialto_Fields(@x int) AS\n\
         INSERT INTO CODES VALUES ('RIALTO_UNSUB', 'x')\nGO";
    let response = client.send("POST", "/admin/setup", "text/plain", script.to_owned()).await;
    let report: Value = serde_json::from_str(&text(response).await.1).unwrap();
    assert_eq!(report["procedures"], json!(["usr_Rialto_Lists", "usr_Rialto_Fields"]));
    assert_eq!(report["codes"], json!(["RIALTO_UNSUB"]));
    assert_eq!(client.rows("usr_Rialto_Lists", &[]).await.len(), 9);
    assert_eq!(client.call("usr_Rialto_Codes", &[]).await.status(), 404);
}

#[tokio::test]
async fn admin_routes_do_as_the_methods() {
    let client = Client::new(300);
    let (_, lists) = client.json("GET", "/admin/lists", Value::Null).await;
    assert_eq!(lists.as_array().unwrap().len(), 9);
    let path = "/admin/lists/BOARD/members?offset=20&limit=10";
    assert_eq!(client.json("GET", path, Value::Null).await.1.as_array().unwrap().len(), 4);
    let gone = client.json("POST", "/admin/lists/BOARD/remove", json!({"count": 4})).await;
    assert_eq!(gone, (200, json!({"removed": 4})));
    let ids = json!({"ids": ["000000000001-0"]});
    let added = client.json("POST", "/admin/lists/BOARD/add", ids).await;
    assert_eq!(added.1["added"], 1);
    let churn = json!({"changed_permille": 10, "new_permille": 100, "gone_permille": 0});
    assert_eq!(client.json("POST", "/admin/lists/BOARD/churn", churn).await.1["members"], 24);
    let (master, sub) = client.sandbox.ids(4);
    let path = format!("/admin/people/{master}/{sub}");
    let (_, person) = client.json("PATCH", &path, json!({"allow_solicitation": false, "email": null})).await;
    assert_eq!((&person["allow_email"], &person["email"]), (&json!(false), &Value::Null));
    let rule = json!({"fault": "rate_limited", "retry_after": "1", "procedure": "Lists", "times": 1});
    assert_eq!(client.json("POST", "/admin/faults", rule).await.0, 204);
    assert_eq!(client.get("MarketingLists").await.0, 429);
    assert_eq!(client.get("MarketingLists").await.0, 200);
    let (_, requests) = client.json("GET", "/admin/requests", Value::Null).await;
    assert_eq!(requests["counts"]["GET MarketingLists"], 2);
    assert_eq!(requests["last"][0]["status"], 429);
    assert_eq!(client.json("DELETE", "/admin/lists/BOARD", Value::Null).await.0, 204);
    assert!(client.sandbox.list("BOARD").is_none());
    let big = "x".repeat(2 << 20);
    let path = format!("{ROOT}/Save?EntityName='CusActivity'");
    assert_eq!(client.send("POST", &path, "application/json", big).await.status(), 413);
}
