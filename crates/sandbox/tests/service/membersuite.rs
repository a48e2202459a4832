//! The simulated MemberSuite as a client and as a person see it.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rialto_sandbox::membersuite::{NewIndividual, Options, Sandbox};
use rialto_sandbox::{Fault, FaultRule};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::text;

const ACTIONS: &str = "http://membersuite.com/contracts/IConciergeAPIService/";

struct Client {
    sandbox: Sandbox,
    router: Router,
}

impl Client {
    fn new(people: u64) -> Self {
        let sandbox = Sandbox::new(Options { people, ..Options::default() });
        Self { router: sandbox.router(), sandbox }
    }

    fn sign(&self, operation: &str, session: &str) -> String {
        let options = self.sandbox.options();
        let key = STANDARD.decode(&options.secret_access_key).unwrap();
        let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap();
        mac.update([ACTIONS, operation, &options.association_id, session].concat().as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    async fn envelope(&self, operation: &str, session: &str, signature: &str, arguments: &str) -> (u16, String) {
        let options = self.sandbox.options();
        // The order of the header's elements is free.
        let body = format!(
            "<q:Envelope xmlns:q=\"http://schemas.xmlsoap.org/soap/envelope/\"><q:Header><ConciergeRequestHeader><Signature>{signature}</Signature>\
             <SessionId>{session}</SessionId><AssociationId>{}</AssociationId><AccessKeyId>{}</AccessKeyId></ConciergeRequestHeader></q:Header>\
             <q:Body><{operation}>{arguments}</{operation}></q:Body></q:Envelope>",
            options.association_id, options.access_key_id
        );
        let request = Request::builder()
            .method("POST")
            .uri(&options.root)
            .header("content-type", "text/xml; charset=utf-8")
            .header("soapaction", format!("\"{ACTIONS}{operation}\""))
            .body(Body::from(body))
            .unwrap();
        text(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// A signed call without a session.
    async fn call(&self, operation: &str, arguments: &str) -> String {
        let (status, text) = self.envelope(operation, "", &self.sign(operation, ""), arguments).await;
        assert_eq!(status, 200, "{text}");
        text
    }

    async fn msql(&self, statement: &str) -> String {
        let statement = statement.replace('<', "&lt;").replace('>', "&gt;");
        self.call("ExecuteMSQL", &format!("<msqlStatement>{statement}</msqlStatement><startRecord>0</startRecord>")).await
    }

    async fn save(&self, class: &str, fields: &[(&str, &str)]) -> String {
        let pair = |(key, value): &(&str, &str)| {
            format!("<b:KeyValueOfstringanyType><b:Key>{key}</b:Key><b:Value>{value}</b:Value></b:KeyValueOfstringanyType>")
        };
        let fields: String = fields.iter().map(pair).collect();
        let object = format!("<objectToSave><b:ClassType>{class}</b:ClassType><b:Fields>{fields}</b:Fields></objectToSave>");
        self.call("Save", &object).await
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

    async fn post(&self, path: &str, body: &str) -> (u16, String, String) {
        self.page("POST", path, &[("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")], body).await
    }

    async fn json(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, _, text) = self.page(method, path, &[("content-type", "application/json")], &body).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map_or("", |(inner, _)| inner)
}

fn code(text: &str) -> &str {
    between(text, "<b:Code>", "<")
}

#[tokio::test]
async fn calls_are_signed_and_sessions_end() {
    let client = Client::new(20);
    let (_, text) = client.envelope("WhoAmI", "", &client.sign("WhoAmI", ""), "").await;
    let session = between(&text, "<SessionId>", "<").to_owned();
    assert_eq!(session.len(), 36);
    let id = client.sandbox.id(3);
    let get = format!("<id>{id}</id>");
    let (_, text) = client.envelope("Get", &session, &client.sign("Get", &session), &get).await;
    assert!(text.contains("<a:Success>true</a:Success>") && text.contains(&id));
    for signature in ["", "AAAA", &client.sign("Get", ""), &client.sign("Save", &session)] {
        let (status, text) = client.envelope("Get", &session, signature, &get).await;
        assert_eq!((status, code(&text)), (200, "InvalidAccessKey"), "{signature}");
    }
    client.sandbox.expire_sessions();
    let (_, text) = client.envelope("Get", &session, &client.sign("Get", &session), &get).await;
    assert_eq!(code(&text), "SessionExpired");
    let (status, text) = client.envelope("Nothing", "", &client.sign("Nothing", ""), "").await;
    assert!(status == 500 && text.contains("ActionNotSupported"), "{text}");
}

#[tokio::test]
async fn msql_finds_and_refuses_as_the_service_does() {
    let client = Client::new(300);
    let searches = client.msql("select OBJECTS() from SavedSearch where IsPublic=1").await;
    assert_eq!(searches.matches("<b:MemberSuiteObject>").count(), 10);
    assert!(searches.contains("<a:TotalRowCount>10</a:TotalRowCount>") && searches.contains("<a:SingleObject><b:ClassType i:nil"));
    let no = client.sandbox.search_people("All individuals").into_iter().filter(|p| p.do_not_email).count();
    let table = client.msql("SELECT LocalID, LastName FROM INDIVIDUAL WHERE DONOTEMAIL = 'true' order by LastName desc").await;
    assert!(table.contains(&format!("<a:TotalRowCount>{no}</a:TotalRowCount>")) && table.contains("<diffgr:diffgram"));
    let none = client.msql("select OBJECTS() from Individual where LastName = 'Nobody At All'").await;
    assert!(none.contains("<a:Objects i:nil=\"true\"/><a:TotalRowCount>0<"), "{none}");
    for (statement, expected) in [
        ("select OBJECTS() from Bob", "UnableToLocateMetadata"),
        ("select ShoeSize from Individual", "InvalidQuery"),
        ("select * from Individual", "MSQLSyntaxError"),
        ("select ID from Individual where LocalID = 'many'", "InvalidQuery"),
    ] {
        assert_eq!(code(&client.msql(statement).await), expected, "{statement}");
    }
    assert_eq!(code(&client.call("Get", "<id>6faf90e4-0006-0000-0000-000000000001</id>").await), "RecordNotFound");
}

#[tokio::test]
async fn a_saved_search_is_executed_in_pages() {
    let client = Client::new(900);
    let search = |sort: &str| {
        format!(
            "<searchToExecute><OutputColumns><C><Name>ID</Name></C><C><Name>Title</Name></C></OutputColumns><SortColumns><C><Name>{sort}</Name></C></SortColumns>\
             <Type>Individual</Type></searchToExecute>"
        )
    };
    let page = async |sort: &str, from: usize, most: usize| {
        let range = format!("<startRecord>{from}</startRecord><maximumNumberOfRecordsToReturn>{most}</maximumNumberOfRecordsToReturn>");
        client.call("ExecuteSearch", &[search(sort), range].concat()).await
    };
    let first = page("ID", 0, 1_000).await;
    assert_eq!((first.matches("<Table ").count(), between(&first, "<a:TotalRowCount>", "<")), (400, "900"));
    assert!(first.contains("<xs:element name=\"Title\" type=\"xs:string\" minOccurs=\"0\"/>"));
    assert_eq!(page("LastName", 800, 400).await.matches("<Table ").count(), 100);
    let second = page("ID", 400, 1).await;
    assert_eq!(between(&second, "<ID>", "<"), client.sandbox.id(401));
    for (bad, expected) in [("", "InvalidQuery"), ("<Type>Bob</Type>", "UnableToLocateMetadata")] {
        let text = if bad.is_empty() {
            page("ShoeSize", 0, 1).await
        } else {
            client.call("ExecuteSearch", &format!("<searchToExecute>{bad}</searchToExecute>")).await
        };
        assert_eq!(code(&text), expected, "{text}");
    }
}

#[tokio::test]
async fn save_changes_just_the_fields_that_are_sent_and_reads_texts_as_what_a_field_holds() {
    let client = Client::new(50);
    let id = client.sandbox.id(7);
    client.sandbox.set_do_not_email(&id, false);
    let before = client.sandbox.person(&id).unwrap();
    let saved = client.save("Individual", &[("ID", &id), ("DoNotEmail", "true")]).await;
    assert!(saved.contains("<b:Key>DoNotEmail</b:Key><b:Value i:type=\"c:boolean\""));
    let mut after = client.sandbox.person(&id).unwrap();
    assert!(after.do_not_email && after.last_modified > before.last_modified);
    (after.do_not_email, after.last_modified) = (before.do_not_email, before.last_modified);
    assert_eq!(after, before);
    assert_eq!(code(&client.save("Individual", &[("ID", &id), ("DoNotEmail", "perhaps")]).await), "ObjectInvalid");
    assert_eq!(code(&client.save("Individual", &[("ID", &id), ("ShoeSize", "44")]).await), "IllegalParameter");
    assert_eq!(code(&client.save("Organization", &[("DoNotEmail", "true")]).await), "IllegalParameter", "individuals only");
    assert_eq!(code(&client.save("SavedSearch", &[]).await), "AccessDenied");
    client.save("Individual", &[("FirstName", "New"), ("LastName", "Record")]).await;
    assert!(client.sandbox.person(&client.sandbox.id(51)).unwrap().do_not_email, "new records have Do Not Email");
    let kind = client.sandbox.activity_types()[2].id.clone();
    let activity = [("Name", "Note"), ("Entity", id.as_str()), ("Type", kind.as_str()), ("Description", "x [rialto:a]")];
    let refused = client.save("Activity", &activity).await;
    assert_eq!((code(&refused), between(&refused, "<b:OffendingField>", "<")), ("ObjectInvalid", "Status"));
    let status = between(&client.msql("select ID from ActivityStatus where Code = 'COMPLETE'").await, "<ID>", "<").to_owned();
    client.save("Activity", &[&activity[..], &[("Status", status.as_str())]].concat()).await;
    assert_eq!((client.sandbox.activities(&id).len(), client.sandbox.marked()[0].marker.as_str()), (1, "[rialto:a]"));
}

#[tokio::test]
async fn faults_are_shown_in_the_words_of_the_service() {
    let client = Client::new(20);
    let get = format!("<id>{}</id>", client.sandbox.id(1));
    let under = async |fault: Fault| {
        client.sandbox.clear_faults();
        client.sandbox.inject(FaultRule::always(fault).on("Get Individual"));
        client.envelope("Get", "", &client.sign("Get", ""), &get).await
    };
    assert_eq!(code(&under(Fault::BadCredentials).await.1), "InvalidAccessKey");
    assert_eq!(code(&under(Fault::Validation { status: 200, message: "No.".into() }).await.1), "ObjectInvalid");
    assert_eq!(under(Fault::ServerError { status: 503 }).await.0, 503);
    assert_eq!(under(Fault::RateLimited { retry_after: "1".into() }).await.0, 429);
    assert!(under(Fault::HtmlPage).await.1.starts_with("<!DOCTYPE html>"));
    assert!(!under(Fault::TruncatedPayload).await.1.contains("</s:Envelope>"));
    assert!(under(Fault::RenamedField { from: "DoNotEmail".into(), to: "Other".into() }).await.1.contains("<b:Key>Other</b:Key>"));
    let requests = client.sandbox.requests();
    assert_eq!(requests.counts["POST Get Individual"], 7);
    assert!(requests.last.iter().all(|seen| seen.faulty));
}

#[tokio::test]
async fn pages_are_strict_and_play_the_other_side() {
    let client = Client::new(120);
    let id = client.sandbox.id(7);
    let board = client.sandbox.search("Board").unwrap().id;
    let (person, search) = (format!("/membersuite/people/{id}"), format!("/membersuite/searches/{board}"));
    for path in [
        "/membersuite",
        "/membersuite/people",
        "/membersuite/people?q=a&from=5",
        "/membersuite/people/new",
        &person,
        "/membersuite/searches",
        &search,
        "/membersuite/types",
        "/membersuite/faults",
    ] {
        let (status, policy, page) = client.page("GET", path, &[], "").await;
        assert_eq!(status, 200, "{path}");
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{path}: {policy}");
        assert!(page.contains("Simulated MemberSuite") && page.matches("<h1").count() == 1, "{path}");
        for inline in ["<script", " style=", " onclick=", "javascript:"] {
            assert!(!page.contains(inline), "{path} holds {inline}");
        }
    }
    for path in ["/membersuite/people/x", "/membersuite/searches/x", "/membersuite/nowhere"] {
        assert_eq!(client.page("GET", path, &[], "").await.0, 404, "{path}");
    }
    client.sandbox.set_do_not_email(&id, true);
    let foreign = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")];
    assert_eq!(client.page("POST", &person, &foreign, "email=x%40y.example").await.0, 403);
    let (status, to, _) = client.post(&person, "email=new%40there.example&out-JOBS=on").await;
    assert!(status == 303 && to.contains("said=saved"));
    let saved = client.sandbox.person(&id).unwrap();
    assert_eq!((saved.email.as_deref(), saved.do_not_email, saved.opt_outs.len()), (Some("new@there.example"), false, 1));
    assert_eq!(client.post("/membersuite/people/new", "last_name=").await.0, 422);
    let (_, to, _) = client.post("/membersuite/people/new", "last_name=Fresh&do_not_email=on").await;
    assert!(to.starts_with("/membersuite/people/6faf90e4-0006-"), "{to}");
    client.post(&search, "name=The+board&public=on").await;
    let board = client.sandbox.search(&board).unwrap();
    assert_eq!((board.name.as_str(), board.public, board.active), ("The board", true, false));
    client.post("/membersuite/types/categories", "code=NEWS&active=no").await;
    assert!(!client.sandbox.categories()[0].active);
    client.post("/membersuite/faults/html_page/on", "place=Save&times=2").await;
    assert_eq!(client.sandbox.faults()[0].rule.times, Some(2));
    assert_eq!(client.post("/membersuite/faults/html_page/on", "place=Elsewhere").await.0, 422);
    client.post("/membersuite/faults/html_page/off", "").await;
    assert!(client.sandbox.faults().is_empty());
}

#[tokio::test]
async fn admin_routes_do_as_the_methods() {
    let client = Client::new(120);
    let (_, searches) = client.json("GET", "/membersuite/admin/searches", Value::Null).await;
    assert_eq!(searches.as_array().unwrap().len(), 11);
    let board = client.sandbox.search("Board").unwrap().id;
    let path = format!("/membersuite/admin/searches/{board}");
    assert_eq!(client.json("GET", &path, Value::Null).await.1["count"], 24);
    assert_eq!(client.json("POST", &format!("{path}/add"), json!({"count": 3})).await.1, json!({"added": 3}));
    assert_eq!(client.json("POST", &format!("{path}/remove"), json!({"count": 5})).await.1, json!({"removed": 5}));
    let (_, people) = client.json("GET", &format!("{path}/people?offset=20&limit=10"), Value::Null).await;
    assert_eq!(people.as_array().unwrap().len(), 2);
    assert_eq!(client.json("PATCH", &path, json!({"public": false})).await.1["public"], false);
    let person = format!("/membersuite/admin/people/{}", client.sandbox.id(4));
    let (_, patched) = client.json("PATCH", &person, json!({"do_not_email": true, "email": null})).await;
    assert_eq!((&patched["do_not_email"], &patched["email"]), (&json!(true), &Value::Null));
    let (status, made) = client.json("POST", "/membersuite/admin/people", json!({"last_name": "Fresh"})).await;
    assert_eq!((status, &made["do_not_email"]), (201, &json!(true)));
    assert_eq!(client.json("DELETE", &person, Value::Null).await.0, 204);
    assert_eq!(client.json("GET", &person, Value::Null).await.0, 404);
    let (_, activities) = client.json("GET", "/membersuite/admin/activities", Value::Null).await;
    assert_eq!((&activities["activities"], &activities["markers_twice"]), (&json!(0), &json!(0)));
    let rule = json!({"fault": "server_error", "status": 503, "procedure": "Get", "times": 1});
    assert_eq!(client.json("POST", "/membersuite/admin/faults", rule).await.0, 204);
    assert_eq!(client.json("PUT", "/membersuite/admin/activity-types/OTHER", Value::Null).await.0, 204);
    assert!(client.sandbox.activity_types().iter().any(|kind| kind.code == "OTHER"));
}

#[test]
fn individuals_follow_from_the_seed() {
    let sandbox = |seed| Sandbox::new(Options { people: 5_000, seed, ..Options::default() });
    let people = sandbox(7).search_people("All individuals");
    assert_eq!(people, sandbox(7).search_people("All individuals"));
    assert_ne!(people, sandbox(8).search_people("All individuals"));
    let no = people.iter().filter(|p| p.do_not_email).count();
    assert!((800..1_000).contains(&no), "{no}");
    assert!(people.iter().filter_map(|p| p.email.as_ref()).all(|email| email.ends_with(".example")));
    assert!(people.windows(2).all(|pair| pair[0].id < pair[1].id));
    let sandbox = sandbox(7);
    let new = NewIndividual { last_name: "X".into(), do_not_email: Some(false), ..NewIndividual::default() };
    assert!(!sandbox.create_person(new).unwrap().do_not_email);
}

#[tokio::test]
async fn it_is_served_beside_the_other_simulated_systems() {
    let client = Client::new(20);
    let both =
        rialto_sandbox::Sandbox::new(rialto_sandbox::Options { people: 20, ..Default::default() }).router().merge(client.router.clone());
    for (path, title) in [("/", "Simulated Personify360"), ("/membersuite", "Simulated MemberSuite")] {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let (status, page) = text(both.clone().oneshot(request).await.unwrap()).await;
        assert!(status == 200 && page.contains(title), "{path}");
    }
}
