//! Answers no decent service gives, from a listener that says what it is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

type Say = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Answers calls with what it is told; stops when dropped.
struct Fake {
    port: u16,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    async fn answering(how: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let how: Say = Arc::new(how);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(say(stream, how.clone()));
            }
        });
        Self { port, task }
    }

    /// Opens no session, knows one search, and says something else when that is executed.
    async fn searched(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::answering(move |request| {
            if request.contains("<WhoAmI ") {
                result("WhoAmI", "")
            } else if request.contains("<Get ") {
                let search = "<Criteria/><Type>Individual</Type>";
                let pair = |key: &str, value: &str| format!("<K><Key>{key}</Key><Value>{value}</Value></K>");
                result("Get", &format!("<ClassType>SavedSearch</ClassType><Fields>{}{}</Fields>", pair("ID", "L"), pair("Search", search)))
            } else {
                answer(request)
            }
        })
        .await
    }

    fn bridge(&self) -> Bridge {
        let settings = [("association_id", "a"), ("access_key_id", "key-of-nobody")];
        bridge(&format!("http://127.0.0.1:{}/", self.port), &settings, "c2VjcmV0LXBhc3N3b3Jk")
    }

    async fn error(&self) -> ConnectorError {
        let read = tokio::time::timeout(Duration::from_secs(60), people_of(&self.bridge(), "L", &[])).await;
        let error = read.expect("an end").unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains("c2VjcmV0") && !told.contains("key-of-nobody"), "{told}");
        error
    }
}

async fn say(mut stream: TcpStream, how: Say) {
    let mut request = Vec::new();
    let mut chunk = [0; 4_096];
    while !request.ends_with(b"</s:Envelope>") {
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
            _ => return,
        }
    }
    let body = how(&String::from_utf8_lossy(&request));
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n", body.len());
    // The client may hang up first.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn result(operation: &str, value: &str) -> String {
    format!(
        "<E:Envelope><E:Body><{operation}Response><{operation}Result><Success>true</Success><ResultValue>{value}</ResultValue>\
         </{operation}Result></{operation}Response></E:Body></E:Envelope>"
    )
}

fn rows(rows: &str, total: u64) -> String {
    let table = format!("<Table><diffgram><S>{rows}</S></diffgram></Table><TotalRowCount>{total}</TotalRowCount>");
    result("ExecuteSearch", &table)
}

fn row(id: u64) -> String {
    format!("<T><ID>i-{id}</ID><EmailAddress>a@x.example</EmailAddress><DoNotEmail>false</DoNotEmail></T>")
}

/// Number of the first row that a request asks for.
fn start(request: &str) -> u64 {
    let rest = request.split_once("<startRecord>").unwrap().1;
    rest.split_once('<').unwrap().0.parse().unwrap()
}

#[tokio::test]
async fn a_service_without_sessions_schemas_and_prefixes_is_read() {
    let fake = Fake::searched(|request| {
        let from = start(request);
        rows(&(from..450.min(from + 400)).map(row).collect::<String>(), 450)
    })
    .await;
    let people = people_of(&fake.bridge(), "L", &[]).await.unwrap();
    assert_eq!(people.len(), 450);
    assert!(people.iter().enumerate().all(|(at, p)| p.remote_id.as_deref() == Some(&format!("i-{at}"))));
}

#[tokio::test]
async fn a_service_that_repeats_its_first_page_or_never_ends_is_left() {
    let fake = Fake::searched(|_| rows(&(0..400).map(row).collect::<String>(), 10_000)).await;
    assert!(fake.error().await.to_string().contains("startRecord"));
    let fake = Fake::searched(|request| rows(&(start(request)..start(request) + 2).map(row).collect::<String>(), 1_000_000)).await;
    assert!(fake.error().await.to_string().contains("far fewer rows"));
    let anew = std::sync::atomic::AtomicU64::new(0);
    let fake = Fake::searched(move |_| {
        let from = anew.fetch_add(400, std::sync::atomic::Ordering::SeqCst);
        rows(&(from..from + 400).map(row).collect::<String>(), 10_000)
    })
    .await;
    let error = fake.error().await;
    assert!(error.kind() == "transient" && error.to_string().contains("could not be found"), "{error}");
}

#[tokio::test]
async fn answers_that_are_too_much_are_refused() {
    for (rows_of, words) in [
        (row(1).repeat(401), "more than the 400 rows"),
        ("<T/>".repeat(250_000), "too many elements"),
        (format!("<T>{}", "<a>".repeat(100)), "too deeply"),
        ("<!DOCTYPE a []>".to_owned(), "document type"),
        ("<T>&unknown;</T>".to_owned(), "unknown entity"),
    ] {
        let fake = Fake::searched(move |_| rows(&rows_of, 1)).await;
        let error = fake.error().await;
        assert_eq!(error.kind(), "protocol");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_error_in_the_remotes_own_words_is_short_and_holds_no_secret() {
    let said = "no such key: key-of-nobody / c2VjcmV0LXBhc3N3b3Jk ".to_owned() + &"x".repeat(9_000);
    let refused = format!(
        "<Envelope><Body><ExecuteSearchResponse><ExecuteSearchResult><Success>false</Success><Errors><E><Code>IllegalParameter</Code>\
         <Message>{said}</Message></E></Errors></ExecuteSearchResult></ExecuteSearchResponse></Body></Envelope>"
    );
    let fake = Fake::searched(move |_| refused.clone()).await;
    let error = fake.error().await;
    assert!(error.kind() == "rejected" && error.to_string().len() < 400, "{error}");
    let fault = "<Envelope><Body><Fault><faultcode>s:Server</faultcode><faultstring>out of order</faultstring></Fault></Body></Envelope>";
    let fake = Fake::searched(move |_| fault.to_owned()).await;
    let error = fake.error().await;
    assert!(error.kind() == "transient" && error.to_string().contains("out of order"), "{error}");
}

#[tokio::test]
async fn a_service_that_does_not_know_whoami_is_called_without_a_session() {
    let refused =
        "<Envelope><Body><Fault><faultcode>a:ActionNotSupported</faultcode><faultstring>no</faultstring></Fault></Body></Envelope>";
    let nothing = "<ObjectSearchResult><Objects i:nil=\"true\"/><TotalRowCount>0</TotalRowCount></ObjectSearchResult>";
    let fake = Fake::answering(move |request| {
        assert!(!request.contains("SessionId"), "{request}");
        if request.contains("<WhoAmI ") { refused.to_owned() } else { result("ExecuteMSQL", nothing) }
    })
    .await;
    assert_eq!(fake.bridge().lists().await.unwrap(), []);
}

#[tokio::test]
async fn a_session_that_always_ends_and_an_odd_one_are_errors() {
    let ended = |operation: &str| {
        format!(
            "<Envelope><Header><ConciergeResponseHeader><SessionId>s-1</SessionId></ConciergeResponseHeader></Header><Body><{operation}Response>\
             <{operation}Result><Success>{}</Success><Errors><E><Code>SessionExpired</Code></E></Errors></{operation}Result></{operation}Response></Body></Envelope>",
            operation == "WhoAmI"
        )
    };
    let fake = Fake::answering(move |request| ended(if request.contains("<WhoAmI ") { "WhoAmI" } else { "ExecuteMSQL" })).await;
    assert_eq!(fake.bridge().lists().await.unwrap_err().kind(), "transient");
    let odd = "<Envelope><Header><ConciergeResponseHeader><SessionId>a b</SessionId></ConciergeResponseHeader></Header><Body><WhoAmIResponse><WhoAmIResult><Success>true</Success></WhoAmIResult></WhoAmIResponse></Body></Envelope>";
    let fake = Fake::answering(move |_| odd.to_owned()).await;
    assert!(fake.bridge().lists().await.unwrap_err().to_string().contains("odd name"));
}
