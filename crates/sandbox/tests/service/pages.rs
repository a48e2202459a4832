//! The pages by which a person plays the other side.

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use rialto_sandbox::{Frequency, Selection, Who};
use serde_json::json;
use tower::ServiceExt as _;

use crate::clock::watched;
use crate::support::{Client, text};

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn to(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.headers["location"].to_str().unwrap()
    }
}

async fn ask(client: &Client, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", "sandbox.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = client.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let headers = response.headers().clone();
    let (status, text) = text(response).await;
    Answer { status, headers, text }
}

async fn see(client: &Client, path: &str) -> String {
    let answer = ask(client, "GET", path, &[], "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.text
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn post(client: &Client, path: &str, body: &str) -> Answer {
    ask(client, "POST", path, &[FORM, ("sec-fetch-site", "same-origin")], body).await
}

#[tokio::test]
async fn every_page_is_strict_and_without_script() {
    let client = Client::new(300);
    let (master, sub) = client.sandbox.ids(7);
    let person = format!("/crm360/{master}/{sub}");
    let contact = format!("{person}/contact");
    client.sandbox.define_list("NEW_ONE", "New one", Selection::West, Frequency::Daily);
    let run = post(&client, "/lists/NEW_ONE/create", "").await.to().to_owned();
    let pages = [
        "/",
        "/crm360",
        "/crm360?q=a",
        "/crm360/new",
        &person,
        &contact,
        "/lists",
        "/lists?q=b",
        "/lists/new",
        "/lists/NEW_ONE",
        "/lists/LAPSED/members",
        "/jobs",
        "/jobs/new",
        &run,
        "/faults",
        "/admin/setup",
    ];
    for path in pages {
        let page = ask(&client, "GET", path, &[], "").await;
        assert_eq!(page.status, 200, "{path}");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self';") && !policy.contains("unsafe"), "{path}: {policy}");
        for inline in ["<script", " style=", " onclick=", " onchange=", " onsubmit=", "javascript:"] {
            assert!(!page.text.contains(inline), "{path} holds {inline}");
        }
        assert!(page.text.contains("Simulated Personify360") && page.text.matches("<h1").count() == 1, "{path}");
        assert_eq!(page.headers["cache-control"], "no-store", "{path}");
    }
    assert_eq!(ask(&client, "GET", "/crm360/000000009999/0", &[], "").await.status, 404);
    assert_eq!(ask(&client, "GET", "/lists/NO_SUCH", &[], "").await.status, 404);
    assert_eq!(ask(&client, "GET", "/jobs/runs/99", &[], "").await.status, 404);
    assert_eq!(ask(&client, "GET", "/nowhere", &[], "").await.status, 404);
    assert!(see(&client, "/style.css").await.contains("prefers-color-scheme"));
}

#[tokio::test]
async fn forms_from_other_sites_do_nothing() {
    let client = Client::new(100);
    let (master, sub) = client.sandbox.ids(5);
    client.sandbox.set_allow_email(&master, sub, true);
    let path = format!("/crm360/{master}/{sub}/email");
    let foreign: [&[(&str, &str)]; 5] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://sandbox.example")],
    ];
    for headers in foreign {
        let headers: Vec<_> = headers.iter().copied().chain([FORM]).collect();
        assert_eq!(ask(&client, "POST", &path, &headers, "do_not_solicit=on").await.status, 403, "{headers:?}");
        assert_eq!(ask(&client, "POST", "/admin/lists/BOARD/regenerate", &headers, "").await.status, 403);
        assert_eq!(ask(&client, "DELETE", "/admin/lists/BOARD", &headers, "").await.status, 403);
    }
    assert!(client.sandbox.person(&master, sub).unwrap().allow_email && client.sandbox.list("BOARD").is_some());
    for headers in [("sec-fetch-site", "same-origin"), ("origin", "http://sandbox.example")] {
        assert_eq!(
            ask(&client, "POST", &path, &[headers, FORM], "allow_solicitation=on&do_not_solicit=on").await.status,
            303,
            "{headers:?}"
        );
    }
    assert!(!client.sandbox.person(&master, sub).unwrap().allow_email);
}

#[tokio::test]
async fn the_wrench_follows_the_rule() {
    let client = Client::new(100);
    let (master, sub) = client.sandbox.ids(5);
    let path = format!("/crm360/{master}/{sub}/email");
    // Given: Do Not Solicit, Allow Solicitation. Then: Allow Email, Allow Solicitation.
    let cases = [
        ("allow_solicitation=on", "saved", (true, true)),
        ("do_not_solicit=on&allow_solicitation=on", "saved", (false, true)),
        ("", "followed", (false, false)),
        ("do_not_solicit=on", "saved", (false, false)),
    ];
    for (form, said, flags) in cases {
        let answer = post(&client, &path, form).await;
        assert_eq!(answer.to(), format!("/crm360/{master}/{sub}?said={said}#email"), "{form}");
        let person = client.sandbox.person(&master, sub).unwrap();
        assert_eq!((person.allow_email, person.allow_solicitation), flags, "{form}");
    }
    let page = see(&client, &format!("/crm360/{master}/{sub}?said=followed")).await;
    assert!(page.contains("Without Allow Solicitation, Do Not Solicit by Email is on as well."));
    assert!(!see(&client, &format!("/crm360/{master}/{sub}?said=%3Cb%3Ehello")).await.contains("hello"));
}

#[tokio::test]
async fn a_constituent_is_created_found_and_edited() {
    let client = Client::new(3_000);
    let form = "first_name=%3Cscript%3EZora&last_name=O%27Neil&email=zora%40quarto.example&city=Mossbridge&state=or&country=USA&allow_solicitation=on";
    let made = post(&client, "/crm360/new", form).await;
    let path = made.to().split('?').next().unwrap().to_owned();
    let id = path.trim_start_matches("/crm360/").replace('/', "-");
    for q in ["zora", "%3Cscript%3Ezora+mossbridge", "ZORA@QUARTO", "quarto.example", &id, &id[..12]] {
        let page = see(&client, &format!("/crm360?q={q}")).await;
        assert!(page.contains(&format!("href=\"{path}\"")), "{q}");
        assert!(page.contains("&#60;script&#62;Zora") && !page.contains("<script"), "{q}");
    }
    assert!(see(&client, "/crm360?q=nobody+of+this+name").await.contains("Nobody matches"));
    let bad = post(&client, "/crm360/new", &format!("first_name=&last_name=Kept&city={}", "x".repeat(61))).await;
    assert_eq!(bad.status, 422);
    assert!(bad.text.contains("This is needed.") && bad.text.contains("At most 60 characters.") && bad.text.contains("value=\"Kept\""));
    let edit = "first_name=Zora&last_name=Ward&email=&city=Old+Ferry&state=VA&member=on";
    assert!(post(&client, &format!("{path}/contact"), edit).await.to().starts_with(&path));
    let (master, sub) = rialto_sandbox::Sandbox::split_remote_id(&id).unwrap();
    let person = client.sandbox.person(&master, sub).unwrap();
    assert_eq!((person.label_name.as_str(), person.email, person.member_flag), ("Zora Ward", None, true));
    assert_eq!(post(&client, &format!("{path}/contact"), "first_name=Zora&last_name=%00").await.status, 422);
    assert_eq!(post(&client, "/crm360/new", &"x".repeat(100_000)).await.status, 413);
}

#[tokio::test]
async fn search_pages_through_everybody_that_matches() {
    let client = Client::new(2_000);
    let wanted: Vec<_> =
        client.sandbox.list_members("ALL_MEMBERS").into_iter().filter(|p| p.first_name == "Quillon").map(|p| p.remote_id()).collect();
    assert!(wanted.len() > 25);
    let (mut path, mut seen) = ("/crm360?q=quillon".to_owned(), Vec::new());
    loop {
        let page = see(&client, &path).await;
        let ids = page.split("<td class=\"id spare\">").skip(1).filter_map(|rest| rest.split('<').next());
        seen.extend(ids.map(str::to_owned));
        match page.split("href=\"").find(|link| link.contains("from=")).and_then(|link| link.split('"').next()) {
            Some(next) => path = next.replace("&amp;", "&").replace("&#38;", "&"),
            None => break,
        }
    }
    seen.retain(|id| wanted.contains(id));
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn lists_and_jobs_are_kept_by_hand() {
    let (sandbox, watch) = watched(400);
    let client = Client { router: sandbox.router(), sandbox: sandbox.clone() };
    assert_eq!(
        post(&client, "/lists/new", "code=west_new&name=West+new&selection=west&frequency=WEEKLY").await.to(),
        "/lists/WEST_NEW?said=defined"
    );
    for (form, text) in [
        ("code=WEST_NEW&name=Again&frequency=DAILY", "There is such a list already"),
        ("code=a%2Fb&name=Odd&frequency=DAILY", "Letters, digits"),
        ("code=ODD&name=Odd&frequency=HOURLY", "must be one of"),
        ("code=ODD&name=&frequency=DAILY", "This is needed."),
    ] {
        let answer = post(&client, "/lists/new", form).await;
        assert!(answer.status == 422 && answer.text.contains(text), "{form}");
    }
    assert!(see(&client, "/lists/WEST_NEW").await.contains("MKT600 skips this list"));
    let schedule = "process=MKT600&setup_code=WEEKLY&list_code=&pattern=minutes&minutes=30&begin=2026-03-02T09%3A00&end=";
    assert_eq!(post(&client, "/jobs/new", schedule).await.to(), "/jobs?said=scheduled");
    let log = post(&client, "/jobs/1/run", "").await.to().to_owned();
    assert!(see(&client, &log).await.contains("MKT510 has not created this list"));
    assert_eq!(post(&client, "/lists/WEST_NEW/create", "").await.to(), "/jobs/runs/2");
    let members = sandbox.list("WEST_NEW").unwrap().member_count;
    assert!(see(&client, "/jobs/runs/2").await.contains(&format!("<td>Created</td><td>{members} members.</td>")));
    let first = sandbox.list_members("WEST_NEW")[0].clone();
    let lists = format!("/crm360/{}/{}/lists", first.master_customer_id, first.sub_customer_id);
    assert!(post(&client, &lists, "code=WEST_NEW&member=no").await.to().contains("said=selected"));
    assert!(see(&client, "/lists/WEST_NEW").await.contains("<b>0</b> enter, <b>1</b> leave"));
    watch.pass(65);
    assert!(see(&client, "/lists/WEST_NEW").await.contains("5 minutes ago"));
    assert_eq!(sandbox.list("WEST_NEW").unwrap().member_count, members - 1);
    assert_eq!(post(&client, "/lists/WEST_NEW", "frequency=NEVER").await.to(), "/lists/WEST_NEW?said=saved");
    assert_eq!(post(&client, "/lists/WEST_NEW", "frequency=SOMETIMES").await.status, 422);
    watch.pass(60);
    assert!(see(&client, "/lists/WEST_NEW").await.contains("65 minutes ago"));
    for (form, text) in [
        ("process=MKT510&list_code=&pattern=once", "This is needed."),
        ("process=MKT600&setup_code=WEEKLY&list_code=NEWSLETTER&pattern=daily", "does not match the set-up code WEEKLY"),
        ("process=MKT600&setup_code=DAILY&pattern=minutes&minutes=x", "between 1 minute"),
        ("process=MKT600&setup_code=DAILY&pattern=daily&begin=2026-03-02T09:00&end=2026-03-01T09:00", "lies before"),
        ("process=MKT600&setup_code=DAILY&pattern=daily&begin=tomorrow", "A date and time"),
        ("process=MKT600&setup_code=DAILY&pattern=sometimes", "Choose a schedule pattern."),
    ] {
        let answer = post(&client, "/jobs/new", form).await;
        assert!(answer.status == 422 && answer.text.contains(text), "{form}: {}", answer.text);
    }
    assert_eq!(post(&client, "/jobs/1/delete", "").await.to(), "/jobs?said=deleted");
    assert_eq!(post(&client, "/jobs/1/run", "").await.status, 404);
}

#[tokio::test]
async fn faults_are_switched_by_hand() {
    let client = Client::new(200);
    let names: Vec<String> =
        see(&client, "/faults").await.split("/on\"").filter_map(|part| part.rsplit('/').next().map(str::to_owned)).collect();
    let names = &names[..names.len() - 1];
    assert_eq!(names.len(), 20);
    for name in names {
        let form = if ["rate_limited", "timeout", "cut_body", "slow_body", "wrong_total", "oversize_value"].contains(&name.as_str()) {
            "number=7&times=&place="
        } else {
            "number=503&times=2&place=usr_Rialto_ListMembers"
        };
        assert_eq!(post(&client, &format!("/faults/{name}/on"), form).await.to(), format!("/faults#{name}"));
        let on = client.sandbox.faults();
        assert_eq!(serde_json::to_value(&on[0]).unwrap()["fault"], json!(name));
        assert_eq!(post(&client, &format!("/faults/{name}/off"), "").await.to(), format!("/faults#{name}"));
        assert!(client.sandbox.faults().is_empty(), "{name}");
    }
    post(&client, "/faults/rate_limited/on", "number=3&times=1&place=").await.to();
    assert_eq!(client.get("MarketingLists").await.0, 429);
    assert_eq!(client.get("MarketingLists").await.0, 200);
    assert!(see(&client, "/faults").await.contains("<b>On</b>, shown 1×"));
    assert_eq!(post(&client, "/faults/clear", "").await.to(), "/faults");
    for form in ["number=99&times=&place=", "number=503&times=0&place=", "number=503&times=&place=elsewhere"] {
        assert_eq!(post(&client, "/faults/server_error/on", form).await.status, 422, "{form}");
    }
    assert_eq!(post(&client, "/faults/no_such/on", "").await.status, 404);
}

#[tokio::test]
async fn activities_and_members_are_shown() {
    let client = Client::new(300);
    let entity = json!({"MasterCustomerId": "000000000009", "ActivityCode": "RIALTO_UNSUB", "ActivityText": "said <no> & left"});
    let path = format!("{}/Save?EntityName='CusActivity'", crate::support::ROOT);
    assert_eq!(client.json("POST", &path, entity).await.0, 200);
    let page = see(&client, "/crm360/000000000009/0").await;
    assert!(page.contains("said &#60;no&#62; &#38; left") && page.contains("Unsubscribed by Rialto"));
    let entity = json!({"MasterCustomerId": "000000000009", "ActivityCode": "RIALTO_RESUB", "ActivityText": "came back"});
    assert_eq!(client.json("POST", &path, entity).await.0, 200);
    let page = see(&client, "/crm360/000000000009/0").await;
    assert!(page.contains("came back") && !page.contains("said &#60;no&#62;"), "the latest is chosen");
    assert!(page.contains("activity=1#activities\">RIALTO_UNSUB") && page.contains("activity=2#activities\" aria-current"));
    let page = see(&client, "/crm360/000000000009/0?activity=1").await;
    assert!(page.contains("said &#60;no&#62;") && !page.contains("came back"));
    client.sandbox.add_to_list("EMPTY_LIST", &Who::First(120));
    let (mut from, mut seen) = (String::new(), 0);
    while seen < 1_000 {
        let page = see(&client, &format!("/lists/EMPTY_LIST/members{from}")).await;
        seen += page.matches("<td class=\"id spare\">").count();
        match page.split("members?from=").nth(1).and_then(|rest| rest.split('"').next()) {
            Some(next) => from = format!("?from={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 120);
    let setup = post(&client, "/admin/setup", "script=CREATE+PROCEDURE+dbo.usr_Mine+AS+SELECT+1").await;
    assert!(setup.status == 200 && setup.text.contains("usr_mine"));
}
