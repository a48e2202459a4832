//! The simulated iMIS as a client and as a person see it.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use rialto_sandbox::imis::{Generation, Options, Sandbox, Table};
use rialto_sandbox::{Fault, FaultRule};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::text;

const LISTS: &str = "$/HigherLogic/MailingLists";

struct Client {
    sandbox: Sandbox,
    router: Router,
    token: String,
}

struct Answer {
    status: u16,
    text: String,
    to: String,
}

impl Client {
    async fn new(people: u64, generation: Generation) -> Self {
        let sandbox = Sandbox::new(Options { people, generation, ..Options::default() });
        let mut client = Self { router: sandbox.router(), sandbox, token: String::new() };
        let (status, granted) = client.sign_in("sandbox").await;
        assert_eq!((status, &granted["token_type"], &granted["expires_in"]), (200, &json!("bearer"), &json!(86_399)));
        client.token = granted["access_token"].as_str().unwrap().to_owned();
        client
    }

    async fn sign_in(&self, password: &str) -> (u16, Value) {
        let answer = self.form("/imis/token", &format!("grant_type=password&username=rialto&password={password}")).await;
        (answer.status, serde_json::from_str(&answer.text).unwrap())
    }

    async fn send(&self, method: &str, path: &str, kind: &str, body: String) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let to = response.headers().get("location").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let (status, text) = text(response).await;
        Answer { status, text, to }
    }

    async fn form(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, "application/x-www-form-urlencoded", body.to_owned()).await
    }

    async fn api(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.send(method, &format!("/imis/api/{path}"), "application/json", body).await;
        (answer.status, serde_json::from_str(&answer.text).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.api("GET", path, Value::Null).await
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.send("GET", path, "text/html", String::new()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.text
    }
}

#[tokio::test]
async fn tokens_are_asked_for_and_run_out() {
    let client = Client::new(50, Generation::Ems).await;
    let (status, refused) = client.sign_in("wrong").await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert_eq!(client.get("party?limit=1").await.0, 200, "names of entities in any case");
    assert_eq!(client.get("/Party?limit=1").await.0, 200, "doubled slashes");
    client.sandbox.expire_tokens();
    assert_eq!(client.get("Party?limit=1").await.0, 401);
}

/// Follows NextOffset, or goes on by the limit until nothing comes.
async fn read(client: &Client, route: &str, name: &str, limit: usize, follow: bool) -> usize {
    let (mut offset, mut rows) = (0, 0);
    loop {
        let (status, page) = client.get(&format!("{route}?QueryName={LISTS}/{name}&limit={limit}&offset={offset}")).await;
        assert_eq!(status, 200, "{page}");
        let count = page["Count"].as_u64().unwrap() as usize;
        assert_eq!(page["Items"]["$values"].as_array().unwrap().len(), count);
        rows += count;
        let next = page["NextOffset"].as_u64().unwrap() as usize;
        assert_eq!(page["HasNext"].as_bool().unwrap(), next > 0);
        match (follow, next, count) {
            (true, 0, _) | (false, _, 0) => return rows,
            (true, next, _) => offset = next,
            (false, ..) => offset += limit.min(500),
        }
    }
}

#[tokio::test]
async fn both_styles_of_paging_read_a_query_on_both_generations() {
    for (generation, route) in [(Generation::Ems, "query"), (Generation::Ems, "iqa"), (Generation::Y2017, "iqa")] {
        let client = Client::new(1_300, generation).await;
        let members = client.sandbox.members(&format!("{LISTS}/Members")).len();
        for (limit, follow) in [(70, true), (70, false), (9_999, true), (9_999, false)] {
            assert_eq!(read(&client, route, "Members", limit, follow).await, members, "{route} {limit} {follow}");
        }
        assert_eq!(client.get(&format!("{route}?QueryName={LISTS}/Nothing")).await.0, 404);
        assert_eq!(client.get(&format!("{route}?QueryName={LISTS}/Board")).await.0, 403);
        let (_, empty) = client.get(&format!("{route}?QueryName={LISTS}/By%20State")).await;
        assert_eq!(empty["TotalCount"], 0, "nobody without an answer to its prompt");
    }
    let old = Client::new(50, Generation::Y2017).await;
    assert_eq!(old.get(&format!("query?QueryName={LISTS}/Members")).await.0, 404);
    let (_, page) = old.get(&format!("iqa?QueryName={LISTS}/Members&limit=1")).await;
    assert_eq!(page["Items"]["$values"][0]["Properties"]["$values"][0]["Name"], "ResultRow");
}

fn persona(id: &str, name: &str) -> Value {
    let property = |n: &str, v: &str| json!({ "Name": n, "Value": v });
    json!({ "EntityTypeName": "INFORMZ_PERSONA", "properties": { "$values": [property("ID", id), property("SCORE_NAME", name)] } })
}

#[tokio::test]
async fn rows_of_tables_are_made_asked_for_replaced_and_deleted() {
    let client = Client::new(50, Generation::Ems).await;
    for name in ["a", "b"] {
        let (status, made) = client.api("POST", "INFORMZ_PERSONA", persona("101", name)).await;
        assert_eq!((status, &made["Identity"]["IdentityElements"]["$values"]), (201, &json!(["101", "0"])), "ordinal 0, whatever it is");
    }
    let (_, page) = client.get("informz_persona?ID=101&SCORE_NAME=eq:b").await;
    assert_eq!(page["Items"]["$values"][0]["Identity"]["IdentityElements"]["$values"], json!(["101", "2"]));
    assert_eq!(client.api("PUT", "INFORMZ_PERSONA/~101%7C2", persona("101", "c")).await.0, 200);
    assert_eq!(client.api("PUT", "INFORMZ_PERSONA/~101%7C9", persona("101", "c")).await.0, 404);
    assert_eq!(client.get("INFORMZ_PERSONA?EntityId=~101%7C2").await.0, 200);
    let (status, long) = client.api("POST", "INFORMZ_PERSONA", persona("101", &"x".repeat(256))).await;
    assert!(status == 400 && long["Errors"]["$values"][0]["Message"].as_str().unwrap().contains("255"));
    assert_eq!(client.api("POST", "INFORMZ_PERSONA", persona("9999", "a")).await.0, 400);
    assert_eq!(client.api("DELETE", "INFORMZ_PERSONA/~101%7C1", Value::Null).await.0, 204);
    assert_eq!(client.sandbox.rows("INFORMZ_PERSONA", Some("101"), 9).len(), 1);
    let (_, definition) = client.get("BoEntityDefinition/informz_persona").await;
    assert_eq!((&definition["EntityTypeName"], &definition["ObjectTypeName"]), (&json!("INFORMZ_PERSONA"), &json!("Multi")));
    assert_eq!(client.get("BoEntityDefinition/NONE").await.0, 404);
    assert_eq!((client.get("NONE").await.0, client.get("metadata/Party").await.0), (404, 501));
}

#[tokio::test]
async fn what_a_party_is_put_back_without_is_cleared() {
    let client = Client::new(50, Generation::Ems).await;
    let (_, party) = client.get("Party/103").await;
    let before = client.sandbox.contact("103").unwrap();
    assert_eq!(client.api("PUT", "Party/103", party.clone()).await.0, 200);
    assert_eq!(client.sandbox.contact("103").unwrap(), before, "as it came");
    let mut less = party;
    less.as_object_mut().unwrap().remove("Emails");
    assert_eq!(client.api("PUT", "Party/103", less).await.0, 200);
    assert_eq!(client.sandbox.contact("103").unwrap().email, None);
    assert_eq!(client.api("PUT", "Party/104", json!({ "Id": "103" })).await.0, 500, "a bad payload");
    let fixed =
        json!({ "Id": "104", "CommunicationTypePreferences": [{ "CommunicationTypeId": client.sandbox.communication_types()[3].id }] });
    assert_eq!(client.api("PUT", "Party/104", fixed).await.0, 400, "nobody can opt out of that");
}

#[tokio::test]
async fn a_person_plays_the_other_side_on_the_pages() {
    let client = Client::new(300, Generation::Ems).await;
    for path in [
        "/imis",
        "/imis/contacts",
        "/imis/contacts?q=a",
        "/imis/contacts/new",
        "/imis/contacts/105",
        "/imis/contacts/105/edit",
        "/imis/queries",
        "/imis/queries/2",
        "/imis/tables",
        "/imis/tables/INFORMZ_PERSONA",
        "/imis/faults",
    ] {
        let page = client.page(path).await;
        for inline in ["<script", " style=", " onclick=", "javascript:"] {
            assert!(!page.contains(inline), "{path} holds {inline}");
        }
        assert!(page.contains("Simulated iMIS") && page.matches("<h1").count() == 1, "{path}");
    }
    let made = client.form("/imis/contacts/new", "first_name=Ann&last_name=Lee&email=ann%40x.example&do_not_email=on").await;
    assert_eq!((made.status, made.to.as_str()), (303, "/imis/contacts/401?said=created"));
    assert!(client.sandbox.contact("401").unwrap().do_not_email());
    client.form("/imis/contacts/401/edit", "first_name=Ann&last_name=Lee&email=new%40x.example").await;
    let ann = client.sandbox.contact("401").unwrap();
    assert!(!ann.do_not_email() && ann.email.as_deref() == Some("new@x.example"));
    let events = client.sandbox.communication_types()[1].id.clone();
    client.form("/imis/contacts/401/preferences", &format!("type={events}")).await;
    let ann = client.sandbox.contact("401").unwrap();
    assert!(ann.do_not_email() && !ann.opted_out(&events));
    let made = client.form("/imis/queries", "name=My+list&selection=nobody").await;
    let query = made.to.split('?').next().unwrap().to_owned();
    assert_eq!(client.form(&format!("{query}/members"), "id=401&member=yes").await.status, 303);
    assert_eq!(client.sandbox.members(&format!("{LISTS}/My list"))[0].id, "401");
    assert!(client.page(&query).await.contains("value=\"My list\""));
    client.form(&query, "name=Our+list&shared=on&published=on&column=ID&column=Email").await;
    assert_eq!(client.sandbox.query(&format!("{LISTS}/Our list")).unwrap().columns, ["ID", "Email"]);
    client.form(&format!("{query}/delete"), "").await;
    assert!(client.sandbox.query(&format!("{LISTS}/Our list")).is_none());
}

#[tokio::test]
async fn tables_are_made_altered_and_dropped_on_the_pages() {
    let client = Client::new(50, Generation::Ems).await;
    client.form("/imis/tables/INFORMZ_PERSONA/drop", "").await;
    assert!(client.sandbox.tables().is_empty());
    client.form("/imis/tables", "name=INFORMZ_PERSONA&several=on").await;
    let fields = "/imis/tables/INFORMZ_PERSONA/fields";
    client.form(fields, "name=SCORE_NAM&prompt=Persona+Name&kind=Int").await;
    client.form(fields, "was=SCORE_NAM&name=SCORE_NAME&prompt=Persona+Name&kind=Char&length=255").await;
    client.form(fields, "name=SCORE_DESC&prompt=Persona+Desc&kind=Char&length=2000").await;
    assert_eq!(client.sandbox.table("INFORMZ_PERSONA").unwrap().fields, Table::personas().fields);
    assert_eq!(client.form(fields, "name=SCORE_DESC&kind=Char&length=5").await.status, 422);
    assert_eq!(client.form("/imis/tables", "name=A+B").await.status, 422);
    client.form("/imis/tables/INFORMZ_PERSONA/fields/SCORE_DESC/drop", "").await;
    client.form("/imis/tables/INFORMZ_PERSONA/rename", "name=OTHER").await;
    assert_eq!(client.sandbox.table("OTHER").unwrap().fields.len(), 1);
}

#[tokio::test]
async fn faults_are_switched_on_by_hand_and_the_pages_are_never_disturbed() {
    let client = Client::new(50, Generation::Ems).await;
    let on = client.form("/imis/faults/server_error/on", "number=503&place=GET+query&times=").await;
    assert_eq!(on.status, 303, "{}", on.text);
    assert_eq!(client.get(&format!("query?QueryName={LISTS}/Members")).await.0, 503);
    assert_eq!(client.get("Party?limit=1").await.0, 200);
    assert!(client.page("/imis/faults").await.contains("shown 1×"));
    client.form("/imis/faults/clear", "").await;
    client.sandbox.inject(FaultRule::always(Fault::WrongTotal { delta: 5 }).on("GET query").times(1));
    let (_, page) = client.get(&format!("query?QueryName={LISTS}/All%20Contacts&limit=1")).await;
    assert_eq!(page["TotalCount"], 55);
    let answer = client.send("GET", "/imis/admin/requests", "", String::new()).await;
    assert!(answer.status == 200 && answer.text.contains("\"GET query\":2"), "{}", answer.text);
}
