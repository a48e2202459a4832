//! Sign-in and entity sets.

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::support::{BASIC, Client, ROOT, text};

#[tokio::test]
async fn sign_in_is_basic() {
    let client = Client::new(10);
    for header in [None, Some("Basic bm86bm8="), Some("Bearer x"), Some("Basic ?")] {
        let mut request = Request::builder().uri(format!("{ROOT}/$metadata"));
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = client.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 401);
        let challenge = response.headers().get("www-authenticate").unwrap();
        assert!(challenge.to_str().unwrap().starts_with("Basic "));
    }
    let (status, metadata) = client.atom("$metadata").await;
    assert_eq!(status, 200);
    assert!(metadata.contains("<EntitySet Name=\"CustomerInfos\""));
}

#[tokio::test]
async fn entities_are_filtered_and_selected() {
    let client = Client::new(2_000);
    let get = async |filter: &str| {
        let filter = filter.replace(' ', "%20");
        let (status, body) = client.get(&format!("CustomerInfos?$filter={filter}")).await;
        assert_eq!(status, 200, "{body}");
        body["d"].as_array().unwrap().len()
    };
    let ids = "(MasterCustomerId eq '000000000003' or MasterCustomerId eq '000000000007') ";
    assert_eq!(get(ids).await, 2);
    let range = "MasterCustomerId gt '000000000010' and MasterCustomerId le '000000000020'";
    assert!((10..=12).contains(&get(range).await));
    let no = client.sandbox.list_members("ALL_MEMBERS");
    let no = no.iter().filter(|p| !p.allow_email && p.email.is_some()).count();
    assert_eq!(get("AllowEmailFlag eq false and PrimaryEmailAddress ne null").await, no);
    assert!(get("startswith(LastName,'O''') and SubCustomerId eq 0").await > 0);
    assert!(get("substringof('lumora', PrimaryEmailAddress) eq true").await > 0);
    for bad in ["$top=5", "$filter=Nope%20eq%201", "$filter=(((", "$select=Nope", "$orderby=City"] {
        assert_eq!(client.get(&format!("CustomerInfos?{bad}")).await.0, 400, "{bad}");
    }
    assert_eq!(client.get("Nopes").await.0, 404);
    let path = "CustomerInfos(MasterCustomerId='000000000003',SubCustomerId=0)";
    let (status, one) = client.get(&format!("{path}?$select=LastName,%20City")).await;
    assert_eq!(status, 200);
    let held = client.sandbox.person("000000000003", 0).unwrap();
    assert_eq!(one["d"]["LastName"], *held.last_name);
    assert!(one["d"].get("FirstName").is_none());
    let (status, entry) = client.atom(path).await;
    assert_eq!(status, 200);
    assert!(entry.contains("<d:SubCustomerId m:type=\"Edm.Int32\">0</d:SubCustomerId>"));
    let missing = "CustomerInfos(MasterCustomerId='000000009999',SubCustomerId=0)";
    assert_eq!(client.get(missing).await.0, 404);
    let (_, error) = client.atom(missing).await;
    assert!(error.contains("<message xml:lang=\"en-US\">"));
}

#[tokio::test]
async fn marketing_lists_are_entity_sets_too() {
    let client = Client::new(1_000);
    let (_, lists) = client.get("MarketingLists").await;
    let list = lists["d"].as_array().unwrap().iter().find(|l| l["ListCode"] == "BOARD").unwrap();
    assert_eq!(list["MemberCount"], 24);
    assert!(list["LastRefreshed"].as_str().unwrap().starts_with("/Date("));
    let (_, members) = client.get("MarketingListMembers?$filter=ListCode%20eq%20'BOARD'").await;
    assert_eq!(members["d"].as_array().unwrap().len(), 24);
    let dated = "MarketingLists?$filter=LastRefreshed%20ge%20datetime'2018-05-01'";
    assert_eq!(client.get(dated).await.1["d"].as_array().unwrap().len(), 9);
}

#[tokio::test]
async fn clients_of_odata_2_get_results() {
    let client = Client::new(10);
    let request = Request::builder()
        .uri(format!("{ROOT}/MarketingLists"))
        .header("authorization", BASIC)
        .header("accept", "application/json")
        .header("maxdataserviceversion", "2.0")
        .body(Body::empty())
        .unwrap();
    let response = client.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["dataserviceversion"], "2.0;");
    let body: Value = serde_json::from_str(&text(response).await.1).unwrap();
    assert_eq!(body["d"]["results"].as_array().unwrap().len(), 9);
}
