//! Pages and admin routes.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use rialto_sandbox::loyalty::{Options, Sandbox, start};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::text;

struct Client {
    sandbox: Sandbox,
    router: Router,
}

impl Client {
    fn new(people: u64) -> Self {
        let sandbox = Sandbox::new(Options { people, ..Options::default() });
        Self { router: sandbox.router(), sandbox }
    }

    async fn page(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
        let mut request = Request::builder().method(method).uri(path).header("host", "sandbox.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let told = [header("location"), header("content-security-policy")].concat();
        let (status, text) = text(response).await;
        (status, told, text)
    }

    async fn get(&self, path: &str) -> String {
        let (status, _, page) = self.page("GET", path, &[], "").await;
        assert_eq!(status, 200, "{path}: {page}");
        page
    }

    async fn post(&self, path: &str, body: &str) -> (u16, String, String) {
        self.page("POST", path, &[("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")], body).await
    }

    async fn json(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, _, text) = self.page(method, path, &[("content-type", "application/json")], &body).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn pages_are_strict_and_escape_hostile_names() {
    let client = Client::new(60);
    let hostile = "<script>alert('1')</script>\"&";
    client.sandbox.set("LOY-000007", "lastName", json!(hostile)).unwrap();
    for path in [
        "/loyalty",
        "/loyalty/",
        "/loyalty/members",
        "/loyalty/members?q=script&from=2",
        "/loyalty/members/new",
        "/loyalty/members/LOY-000007",
        "/loyalty/sharing",
        "/loyalty/publishing",
        "/loyalty/load",
        "/loyalty/on-demand",
    ] {
        let (status, policy, page) = client.page("GET", path, &[], "").await;
        assert_eq!(status, 200, "{path}");
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{path}: {policy}");
        assert!(page.contains("Simulated loyalty system") && page.matches("<h1").count() == 1, "{path}");
        for inline in ["<script", " style=", " onclick=", "javascript:"] {
            assert!(!page.contains(inline), "{path} holds {inline}");
        }
    }
    // It stands there: in the list, on the page of the member, in the events.
    for path in ["/loyalty/members", "/loyalty/members/LOY-000007", "/loyalty/publishing"] {
        assert!(client.get(path).await.contains("alert("), "{path}");
    }
    for path in ["/loyalty/members/x", "/loyalty/members/LOY-000061", "/loyalty/nowhere"] {
        assert_eq!(client.page("GET", path, &[], "").await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn buttons_do_what_they_say() {
    let client = Client::new(20);
    let member = "/loyalty/members/LOY-000003";
    let foreign = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")];
    assert_eq!(client.page("POST", &format!("{member}/earn"), &foreign, "earned=5").await.0, 403);
    let before = client.sandbox.member("LOY-000003").unwrap().points();
    let (status, to, _) = client.post(&format!("{member}/earn"), "earned=25").await;
    assert!(status == 303 && to.contains("said=earned"), "{to}");
    assert_eq!(client.sandbox.member("LOY-000003").unwrap().points(), before + 25);
    assert_eq!(client.post(&format!("{member}/earn"), "earned=none").await.0, 422);
    let (_, to, _) = client.post(member, "firstName=Mirabeth&email=&smsOptIn=yes&language=fr").await;
    assert!(to.contains("said=saved"), "{to}");
    let saved = client.sandbox.member("LOY-000003").unwrap();
    assert!(saved.name().starts_with("Mirabeth ") && saved.email().is_none() && !saved.tier().is_empty());
    let (status, _, page) = client.post(member, "points=many&language=de").await;
    assert!(status == 422 && page.contains("A whole number") && page.contains("value=\"many\""));
    assert_eq!(client.sandbox.published().len(), 2);
    let (_, to, _) = client.post("/loyalty/members/new", "lastName=Fresh&unit=%2Floyalty%2Fsouth").await;
    assert!(to.starts_with("/loyalty/members/LOY-000021"), "{to}");
    assert_eq!(client.post("/loyalty/members/new", "lastName=").await.0, 422);
    client.post("/loyalty/members/LOY-000021/delete", "").await;
    assert_eq!(client.sandbox.member("LOY-000021"), None);
    client.post("/loyalty/sharing", "tier=on&points=on&nonsense=on").await;
    assert_eq!(client.sandbox.shared(), ["tier", "points"]);
    for (name, form) in [("duplicate", "number=2"), ("reorder", "member=LOY-000001"), ("burst", "number=3"), ("skip", ""), ("not_json", "")]
    {
        let before = client.sandbox.published().len();
        let (status, to, _) = client.post(&format!("/loyalty/on-demand/{name}"), form).await;
        assert!(status == 303 && to.contains("said=done"), "{name}");
        assert!(client.sandbox.published().len() > before, "{name}");
    }
    assert_eq!(client.post("/loyalty/on-demand/duplicate", "number=9").await.0, 400);
    assert_eq!(client.post("/loyalty/on-demand/reorder", "member=LOY-000099").await.0, 404);
    assert_eq!(client.post("/loyalty/on-demand/nothing", "").await.0, 404);
    assert_eq!(client.post("/loyalty/load", "per_second=50000&seconds=1&batch=1").await.0, 422);
    client.post("/loyalty/load", "per_second=10&seconds=1&batch=1").await;
    assert!(client.get("/loyalty/load").await.contains("Under way"));
}

#[tokio::test]
async fn the_token_is_never_shown_and_goes_nowhere_else() {
    let client = Client::new(5);
    let form = |address: &str, token: &str| format!("kind=http&address={address}&token={token}&batch=5");
    assert_eq!(client.post("/loyalty/publishing", &form("http://127.0.0.1:1/in", "")).await.0, 422, "a token is needed");
    assert_eq!(client.post("/loyalty/publishing", &form("http://10.0.0.1/in", "rialto_secret")).await.0, 422);
    assert_eq!(client.post("/loyalty/publishing", &form("http://127.0.0.1:1/in", "rialto_secret")).await.0, 303);
    let page = client.get("/loyalty/publishing").await;
    assert!(page.contains("http://127.0.0.1:1/in") && !page.contains("rialto_secret"));
    let (_, told) = client.json("GET", "/loyalty/admin/target", Value::Null).await;
    assert_eq!(told, json!({"target": {"kind": "http", "address": "http://127.0.0.1:1/in", "batch": 5}}));
    // Blank keeps it, but only for the very same address.
    assert_eq!(client.post("/loyalty/publishing", &form("http://127.0.0.1:1/in", "")).await.0, 303);
    assert_eq!(client.post("/loyalty/publishing", &form("http://127.0.0.1:2/in", "")).await.0, 422);
    client.post("/loyalty/publishing/end", "").await;
    assert_eq!(client.sandbox.target(), None);
}

#[tokio::test]
async fn admin_routes_do_as_the_methods() {
    let client = Client::new(30);
    let below = |path: &str| format!("/loyalty/admin{path}");
    let (_, members) = client.json("GET", &below("/members?offset=28&limit=10"), Value::Null).await;
    assert_eq!((&members["total"], members["items"].as_array().unwrap().len()), (&json!(30), 2));
    let (_, earned) = client.json("POST", &below("/members/LOY-000002/earn"), json!({"points": 5})).await;
    assert_eq!(earned["metrics"]["points"], client.sandbox.member("LOY-000002").unwrap().points());
    let (_, patched) = client.json("PATCH", &below("/members/LOY-000002"), json!({"tier": "Gold", "email": null, "points": 7})).await;
    assert_eq!((&patched["attributes"]["tier"], &patched["attributes"]["email"]), (&json!("Gold"), &Value::Null));
    assert_eq!(client.sandbox.published().len(), 2, "several fields are one event");
    assert_eq!(client.json("GET", &below("/members/LOY-000002"), Value::Null).await.1["sequence"], "2");
    let (status, refused) = client.json("PATCH", &below("/members/LOY-000002"), json!({"shoeSize": 7})).await;
    assert!(status == 400 && refused["error"].as_str().unwrap().contains("shoeSize"));
    let (status, added) = client.json("POST", &below("/members"), json!({"last_name": "Fresh", "unit": "/loyalty/south"})).await;
    assert_eq!((status, &added["unit"]), (201, &json!("/loyalty/south")));
    assert_eq!(client.json("DELETE", &below("/members/LOY-000031"), Value::Null).await.0, 204);
    assert_eq!(client.json("DELETE", &below("/members/LOY-000031"), Value::Null).await.0, 404);
    assert_eq!(client.json("PUT", &below("/shared"), json!(["points"])).await.1, json!(["points"]));
    assert_eq!(client.json("PUT", &below("/shared"), json!(["x"])).await.0, 400);
    assert_eq!(client.json("GET", &below("/catalogue"), Value::Null).await.1["fields"][11]["type"], "integer");
    let (status, done) = client.json("POST", &below("/on-demand"), json!({"do": "duplicate", "member": "LOY-000002", "times": 2})).await;
    assert_eq!((status, &done["member"]), (200, &json!("LOY-000002")));
    assert_eq!(client.json("POST", &below("/on-demand"), json!({"do": "poison", "poison": "not_json"})).await.0, 200);
    assert_eq!(client.json("POST", &below("/on-demand"), json!({"do": "nothing"})).await.0, 422);
    let (_, events) = client.json("GET", &below("/events?limit=3"), Value::Null).await;
    let last: Value = serde_json::from_str(events[1]["text"].as_str().unwrap()).unwrap();
    assert_eq!((events.as_array().unwrap().len(), &last["subject"]), (2, &json!("LOY-000002")));
    let unit = client.sandbox.member("LOY-000002").unwrap().unit;
    let (_, expected) = client.json("GET", &below(&format!("/expected?source={unit}")), Value::Null).await;
    assert_eq!(expected["LOY-000002"]["sequence"], 3);
    assert_eq!(client.json("POST", &below("/send-all"), Value::Null).await, (202, json!({"members": 30})));
    while client.json("GET", &below("/stream"), Value::Null).await.1["sending_all"] == true {
        tokio::task::yield_now().await;
    }
    // Those who are there, and the one who was deleted.
    assert_eq!(client.json("GET", &below("/stream"), Value::Null).await.1["published"], 7 + 31);
    let target = json!({"kind": "http", "address": "http://127.0.0.1:1/x", "token": "t"});
    assert_eq!(client.json("PUT", &below("/target"), target).await.0, 204);
    assert_eq!(client.json("DELETE", &below("/target"), Value::Null).await.0, 204);
    let load = json!({"per_second": 10, "seconds": 5, "batch": 1});
    assert_eq!(client.json("POST", &below("/load"), load.clone()).await.0, 202);
    assert_eq!(client.json("POST", &below("/load"), load).await.0, 409);
    assert_eq!(client.json("DELETE", &below("/load"), Value::Null).await.0, 204);
}

#[tokio::test]
async fn it_is_served_by_itself_and_beside_the_other_simulated_systems() {
    let running = start(Options { people: 5, ..Options::default() }).await.unwrap();
    assert!(running.site_root().ends_with("/loyalty"));
    let client = Client::new(20);
    let both =
        rialto_sandbox::Sandbox::new(rialto_sandbox::Options { people: 20, ..Default::default() }).router().merge(client.router.clone());
    for (path, title) in [("/", "Simulated Personify360"), ("/loyalty", "Simulated loyalty system")] {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let (status, page) = text(both.clone().oneshot(request).await.unwrap()).await;
        assert!(status == 200 && page.contains(title), "{path}");
    }
}
