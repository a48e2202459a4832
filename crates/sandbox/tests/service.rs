//! The data service as a client sees it.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use rialto_sandbox::{Churn, Fault, FaultRule, Options, Sandbox, Who};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const ROOT: &str = "/PersonifyDataServices/PersonifyData.svc";
const BASIC: &str = "Basic cmlhbHRvOnNhbmRib3g=";
const MEMBERS: &str = "usr_Rialto_ListMembers";

type Row = BTreeMap<String, String>;

struct Client {
    sandbox: Sandbox,
    router: Router,
}

impl Client {
    fn new(people: u64) -> Self {
        Self::with(Options { people, ..Options::default() })
    }

    fn with(options: Options) -> Self {
        let sandbox = Sandbox::new(options);
        let router = sandbox.router();
        Self { sandbox, router }
    }

    async fn send(&self, method: &str, path: &str, accept: &str, body: String) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", BASIC)
            .header("accept", accept)
            .header("content-type", accept)
            .body(Body::from(body))
            .unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn json(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.send(method, path, "application/json", body).await;
        let (status, text) = text(response).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.json("GET", &format!("{ROOT}/{path}"), Value::Null).await
    }

    async fn atom(&self, path: &str) -> (u16, String) {
        let path = format!("{ROOT}/{path}");
        text(self.send("GET", &path, "*/*", String::new()).await).await
    }

    async fn call(&self, name: &str, parameters: &[(&str, &str)]) -> Response<Body> {
        let parameters: String = parameters
            .iter()
            .map(|(name, value)| {
                format!(
                    "<StoredProcedureParameter><Name>@{name}</Name><Value>{value}</Value>\
                     <Direction>1</Direction></StoredProcedureParameter>"
                )
            })
            .collect();
        let body = format!(
            "<StoredProcedureRequest><StoredProcedureName>{name}</StoredProcedureName>\
             <IsUserDefinedFunction>false</IsUserDefinedFunction>\
             <SPParameterList>{parameters}</SPParameterList></StoredProcedureRequest>"
        );
        let path = format!("{ROOT}/GetStoredProcedureDataXML");
        self.send("POST", &path, "application/xml", body).await
    }

    async fn rows(&self, name: &str, parameters: &[(&str, &str)]) -> Vec<Row> {
        let (status, text) = text(self.call(name, parameters).await).await;
        assert_eq!(status, 200, "{text}");
        rows(&text)
    }

    async fn page(&self, code: &str, after: (&str, &str), rows: usize) -> Response<Body> {
        let rows = rows.to_string();
        let parameters = [("ListCode", code), ("AfterMaster", after.0), ("AfterSub", after.1), ("Rows", &rows)];
        self.call(MEMBERS, &parameters).await
    }

    async fn read(&self, code: &str, size: usize) -> Vec<Row> {
        let mut all: Vec<Row> = Vec::new();
        loop {
            let last = all.last().cloned().unwrap_or_default();
            let at = |name: &str| last.get(name).map_or("", String::as_str).to_owned();
            let (master, sub) = (at("MASTER_CUSTOMER_ID"), at("SUB_CUSTOMER_ID"));
            let page = self.page(code, (&master, &sub), size).await;
            let found = rows(&text(page).await.1);
            if found.is_empty() {
                return all;
            }
            all.extend(found);
        }
    }
}

async fn text(response: Response<Body>) -> (u16, String) {
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn rows(text: &str) -> Vec<Row> {
    let start = text.find("<Data>").expect("no Data") + 6;
    let inner = unescape(&text[start..text.find("</Data>").expect("Data is not closed")]);
    if inner == "No Data Found" {
        return Vec::new();
    }
    assert!(inner.starts_with("<?xml version=\"1.0\" encoding=\"utf-16\"?><NewDataSet>"));
    inner.split("<Table>").skip(1).map(row).collect()
}

fn row(table: &str) -> Row {
    let mut rest = table;
    let mut row = Row::new();
    while let Some(inner) = rest.strip_prefix('<').filter(|inner| !inner.starts_with('/')) {
        let (name, after) = inner.split_once('>').unwrap();
        let (value, after) = after.split_once(&format!("</{name}>")).unwrap();
        row.insert(name.to_owned(), unescape(value));
        rest = after;
    }
    row
}

fn id(row: &Row) -> String {
    format!("{}-{}", row["MASTER_CUSTOMER_ID"], row["SUB_CUSTOMER_ID"])
}

#[tokio::test]
async fn pages_give_every_member_once_and_as_held() {
    let client = Client::new(3_000);
    for list in client.sandbox.lists() {
        let held = client.sandbox.list_members(&list.code);
        let read = client.read(&list.code, 97).await;
        assert_eq!(read.len() as u64, list.member_count, "{}", list.code);
        assert_eq!(read.len(), held.len());
        for (row, person) in read.iter().zip(&held) {
            assert_eq!(id(row), person.remote_id());
            assert_eq!(row.get("PRIMARY_EMAIL_ADDRESS"), person.email.as_ref());
            assert_eq!(row["LAST_NAME"], person.last_name);
            assert_eq!(row.get("COMPANY_NAME").map(String::as_str), person.company_name.as_deref());
            assert_eq!(row["ALLOW_EMAIL_FLAG"] == "Y", person.allow_email);
        }
    }
}

#[tokio::test]
async fn lists_are_as_described() {
    let client = Client::new(3_000);
    let lists = client.rows("usr_Rialto_Lists", &[]).await;
    let find = |code: &str| lists.iter().find(|list| list["LIST_CODE"] == code).unwrap();
    assert_eq!(find("ALL_MEMBERS")["MEMBER_COUNT"], "3000");
    assert_eq!(find("BOARD")["MEMBER_COUNT"], "24");
    assert_eq!(find("EMPTY_LIST")["MEMBER_COUNT"], "0");
    assert_eq!(find("OLD_APPEAL")["ACTIVE_FLAG"], "N");
    assert_eq!(find("STUDENTS")["LIST_NAME"], "Students & early career");
    assert!(client.rows(MEMBERS, &[("ListCode", "NO_SUCH")]).await.is_empty());
    let fields = client.rows("usr_Rialto_Fields", &[]).await;
    assert!(fields.iter().any(|field| field["DATA_TYPE"] == "decimal"));
    let codes = client.rows("usr_Rialto_Codes", &[]).await;
    assert!(codes.iter().any(|code| code["CODE"] == "RIALTO_UNSUB"));
}

#[test]
fn people_follow_from_the_seed_and_have_the_expected_shares() {
    let sandbox = |seed| Sandbox::new(Options { people: 20_000, seed, ..Options::default() });
    let people = sandbox(7).list_members("ALL_MEMBERS");
    assert_eq!(people, sandbox(7).list_members("ALL_MEMBERS"));
    assert_ne!(people, sandbox(8).list_members("ALL_MEMBERS"));
    let share = |count: usize| count as f64 / people.len() as f64;
    let none = share(people.iter().filter(|p| p.email.is_none()).count());
    assert!((0.02..0.04).contains(&none), "{none}");
    let no = share(people.iter().filter(|p| !p.allow_email).count());
    assert!((0.07..0.09).contains(&no), "{no}");
    assert!(people.iter().all(|p| p.allow_solicitation || !p.allow_email));
    assert!(people.iter().any(|p| p.sub_customer_id == 1));
    let emails: Vec<&String> = people.iter().filter_map(|p| p.email.as_ref()).collect();
    assert!(emails.iter().all(|email| email.ends_with(".example")));
    let distinct: HashSet<_> = emails.iter().collect();
    let shared = share(emails.len() - distinct.len());
    assert!((0.005..0.02).contains(&shared), "{shared}");
}

#[test]
fn solicitation_off_implies_email_off() {
    let sandbox = Sandbox::new(Options::default());
    let (master, sub) = sandbox.ids(5);
    sandbox.set_allow_email(&master, sub, true).unwrap();
    let person = sandbox.set_allow_solicitation(&master, sub, false).unwrap();
    assert!(!person.allow_email && !person.allow_solicitation);
    assert_eq!(sandbox.person(&master, sub).unwrap(), person);
    assert!(sandbox.set_allow_email("000000000000", 0, true).is_none());
}

#[test]
fn counts_stay_exact_through_edits_and_churn() {
    let sandbox = Sandbox::new(Options { people: 5_000, ..Options::default() });
    let before = sandbox.list("NEWSLETTER").unwrap();
    assert_eq!(sandbox.remove_from_list("NEWSLETTER", &Who::First(10)), Some(10));
    assert_eq!(sandbox.add_to_list("NEWSLETTER", &Who::First(3)), Some(3));
    let after = sandbox.list("NEWSLETTER").unwrap();
    assert_eq!(after.member_count, before.member_count - 7);
    assert!(after.last_refreshed > before.last_refreshed);
    let old = sandbox.list_members("NEWSLETTER");
    let churn = Churn { changed_permille: 10, new_permille: 5, gone_permille: 5, round: 1 };
    let report = sandbox.churn("NEWSLETTER", churn).unwrap();
    let new = sandbox.list_members("NEWSLETTER");
    assert_eq!(new.len() as u64, report.members);
    assert_eq!(sandbox.list("NEWSLETTER").unwrap().member_count, report.members);
    let known: BTreeMap<String, _> = old.iter().map(|p| (p.remote_id(), p)).collect();
    let joined = new.iter().filter(|p| !known.contains_key(&p.remote_id())).count() as u64;
    assert_eq!(joined, report.new);
    let changed = new.iter().filter(|p| known.get(&p.remote_id()).is_some_and(|o| o != p)).count();
    assert_eq!(changed as u64, report.changed);
    assert!(report.changed > 0 && report.gone > 0 && report.new > 0);
    let again = sandbox.churn("NEWSLETTER", Churn { round: 2, ..churn }).unwrap();
    assert_eq!(sandbox.list_members("NEWSLETTER").len() as u64, again.members);
}

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
async fn activities_are_created_and_saved() {
    let client = Client::new(100);
    let (status, blank) = client.get("Create?EntityName='CusActivity'").await;
    assert_eq!(status, 200);
    let mut entity = blank["d"].clone();
    entity["MasterCustomerId"] = json!("000000000009");
    entity["ActivityCode"] = json!("RIALTO_UNSUB");
    entity["ActivityText"] = json!("marker <1> & more");
    let path = format!("{ROOT}/Save?EntityName='CusActivity'");
    let (status, saved) = client.json("POST", &path, entity.clone()).await;
    assert_eq!((status, &saved["d"]["ActivityId"]), (200, &json!(1)));
    let xml = "<CusActivity><MasterCustomerId>000000000009</MasterCustomerId>\
         <SubCustomerId>0</SubCustomerId><ActivityCode>RIALTO_MAILING</ActivityCode>\
         <ActivityText>a &amp; b</ActivityText></CusActivity>";
    let response = client.send("POST", &path, "application/xml", xml.to_owned()).await;
    assert_eq!(response.status(), 200);
    let key = [("MasterCustomerId", "000000000009"), ("SubCustomerId", "0")];
    let rows = client.rows("usr_Rialto_Activities", &key).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["ACTIVITY_TEXT"], "marker <1> & more");
    assert_eq!(client.sandbox.activities("000000000009", 0)[1].text, "a & b");
    entity["ActivityCode"] = json!("NO_SUCH");
    assert_eq!(client.json("POST", &path, entity.clone()).await.0, 400);
    entity["ActivityCode"] = json!("RIALTO_UNSUB");
    entity["ActivityText"] = json!("x".repeat(4_001));
    assert_eq!(client.json("POST", &path, entity).await.0, 400);
    assert_eq!(client.sandbox.activity_count(), 2);
    assert_eq!(client.json("POST", &path, json!({"Odd": 1})).await.0, 400);
}

#[tokio::test]
async fn flags_addresses_and_interests_are_saved() {
    let client = Client::new(100);
    let (master, _) = client.sandbox.ids(9);
    client.sandbox.set_allow_email(&master, 0, true);
    client.sandbox.set_email(&master, 0, Some("nine@lumora.example"));
    let save = async |entity: &str, body: Value| client.json("POST", &format!("{ROOT}/Save?EntityName='{entity}'"), body).await;
    let path = format!("CustomerInfos(MasterCustomerId='{master}',SubCustomerId=0)");
    let mut customer = client.get(&path).await.1["d"].clone();
    customer["AllowEmailFlag"] = json!(false);
    let (status, saved) = save("CustomerInfo", customer).await;
    assert_eq!((status, &saved["d"]["AllowEmailFlag"]), (200, &json!(false)));
    assert!(!client.sandbox.person(&master, 0).unwrap().allow_email);
    let filter = format!("CusCommunications?$filter=MasterCustomerId%20eq%20'{master}'");
    let mut address = client.get(&filter).await.1["d"][0].clone();
    assert_eq!(address["FormattedPhoneAddress"], "nine@lumora.example");
    address["ActiveFlag"] = json!(false);
    assert_eq!(save("CusCommunication", address).await.0, 200);
    assert!(client.sandbox.is_address_inactive(&master, 0));
    let ids = json!({"MasterCustomerId": master, "SubCustomerId": 0});
    for flag in [true, false] {
        let mut row = ids.clone();
        row["OptInCode"] = json!("EVENTS");
        row["OptInFlag"] = json!(flag);
        assert_eq!(save("CusOptInOption", row).await.0, 200);
    }
    assert_eq!(client.sandbox.opt_ins(&master, 0), [("EVENTS".to_owned(), false)]);
    let mut row = ids;
    row["DemographicCode"] = json!("INTEREST");
    row["DemographicSubcode"] = json!("BIRDS");
    assert_eq!(save("CusDemographic", row.clone()).await.0, 200);
    assert_eq!(client.sandbox.demographics(&master, 0).len(), 1);
    let path = format!("{ROOT}/Delete?EntityName='CusDemographic'");
    assert_eq!(client.json("POST", &path, row).await.0, 200);
    assert!(client.sandbox.demographics(&master, 0).is_empty());
    assert_eq!(save("MarketingList", json!({"ListCode": "X"})).await.0, 400);
}

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

#[tokio::test]
async fn lists_change_between_pages_once_per_read() {
    let client = Client::new(400);
    let refreshed = || client.sandbox.list("NEWSLETTER").unwrap().last_refreshed;
    client.sandbox.inject(FaultRule::always(Fault::RegenerateDuring).times(2));
    for changes in [true, true, false] {
        let before = refreshed();
        client.read("NEWSLETTER", 50).await;
        assert_eq!(refreshed() != before, changes);
    }
    client.sandbox.clear_faults();
    client.sandbox.inject(FaultRule::always(Fault::MovingRows).times(1));
    let before = refreshed();
    let read: Vec<String> = client.read("NEWSLETTER", 50).await.iter().map(id).collect();
    let list = client.sandbox.list("NEWSLETTER").unwrap();
    assert!(list.last_refreshed > before);
    let held: Vec<String> = client.sandbox.list_members("NEWSLETTER").iter().map(|p| p.remote_id()).collect();
    assert_eq!(held.len() as u64, list.member_count);
    assert_eq!(held.iter().filter(|id| !read.contains(id)).count(), 1);
    let again: Vec<String> = client.read("NEWSLETTER", 50).await.iter().map(id).collect();
    assert_eq!(again, held);
}

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

async fn over_tcp(base_url: &str, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = base_url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A broken connection may end with an error instead of an end.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn it_serves_on_a_free_port_and_cuts_connections() {
    let options = Options { people: 5, ..Options::default() };
    let running = rialto_sandbox::start(options).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let page = over_tcp(&running.base_url, request).await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("simulator"));
    running.sandbox.inject(FaultRule::always(Fault::CutBody { after_bytes: 40 }));
    let request = format!("GET {ROOT}/$metadata HTTP/1.1\r\nhost: x\r\nauthorization: {BASIC}\r\n\r\n");
    let cut = over_tcp(&running.base_url, &request).await;
    let (head, body) = cut.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(length.parse::<usize>().unwrap() > 1_000);
    assert_eq!(body.len(), 40);
}
