//! A client of the data service.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use rialto_sandbox::{Options, Sandbox};
use serde_json::Value;
use tower::ServiceExt as _;

pub const ROOT: &str = "/PersonifyDataServices/PersonifyData.svc";
pub const BASIC: &str = "Basic cmlhbHRvOnNhbmRib3g=";
pub const MEMBERS: &str = "usr_Rialto_ListMembers";

pub type Row = BTreeMap<String, String>;

pub struct Client {
    pub sandbox: Sandbox,
    pub router: Router,
}

impl Client {
    pub fn new(people: u64) -> Self {
        Self::with(Options { people, ..Options::default() })
    }

    pub fn with(options: Options) -> Self {
        let sandbox = Sandbox::new(options);
        let router = sandbox.router();
        Self { sandbox, router }
    }

    pub async fn send(&self, method: &str, path: &str, accept: &str, body: String) -> Response<Body> {
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

    pub async fn json(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.send(method, path, "application/json", body).await;
        let (status, text) = text(response).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.json("GET", &format!("{ROOT}/{path}"), Value::Null).await
    }

    pub async fn atom(&self, path: &str) -> (u16, String) {
        let path = format!("{ROOT}/{path}");
        text(self.send("GET", &path, "*/*", String::new()).await).await
    }

    pub async fn call(&self, name: &str, parameters: &[(&str, &str)]) -> Response<Body> {
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

    pub async fn rows(&self, name: &str, parameters: &[(&str, &str)]) -> Vec<Row> {
        let (status, text) = text(self.call(name, parameters).await).await;
        assert_eq!(status, 200, "{text}");
        rows(&text)
    }

    pub async fn page(&self, code: &str, after: (&str, &str), rows: usize) -> Response<Body> {
        let rows = rows.to_string();
        let parameters = [("ListCode", code), ("AfterMaster", after.0), ("AfterSub", after.1), ("Rows", &rows)];
        self.call(MEMBERS, &parameters).await
    }

    pub async fn read(&self, code: &str, size: usize) -> Vec<Row> {
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

pub async fn text(response: Response<Body>) -> (u16, String) {
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

pub fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

pub fn rows(text: &str) -> Vec<Row> {
    let start = text.find("<Data>").expect("no Data") + 6;
    let inner = unescape(&text[start..text.find("</Data>").expect("Data is not closed")]);
    if inner == "No Data Found" {
        return Vec::new();
    }
    assert!(inner.starts_with("<?xml version=\"1.0\" encoding=\"utf-16\"?><NewDataSet>"));
    inner.split("<Table>").skip(1).map(row).collect()
}

pub fn row(table: &str) -> Row {
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

pub fn id(row: &Row) -> String {
    format!("{}-{}", row["MASTER_CUSTOMER_ID"], row["SUB_CUSTOMER_ID"])
}
