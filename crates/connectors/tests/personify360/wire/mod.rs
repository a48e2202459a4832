//! Answers no decent service gives, from a listener that says what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rialto_connectors::ConnectorError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::{Bridge, all_people, bridge};

mod hostile;

/// What is said to a request: its head and body as text.
type Say = Arc<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// Says what it is told; stops when dropped.
struct Fake {
    port: u16,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// Says the same to everybody.
    async fn saying(answer: Vec<u8>) -> Self {
        Self::answering(move |_| answer.clone()).await
    }

    async fn answering(how: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let how: Say = Arc::new(how);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let seen = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(say(stream, how.clone()));
            }
        });
        Self { port, asked, task }
    }

    fn root(&self) -> String {
        format!("http://127.0.0.1:{}/x.svc", self.port)
    }

    fn bridge(&self) -> Bridge {
        self.bridge_with(&[])
    }

    fn bridge_with(&self, settings: &[(&str, &str)]) -> Bridge {
        bridge(&self.root(), settings, "u", "secret-password", &["127.0.0.0/8"]).unwrap()
    }

    async fn error(&self) -> ConnectorError {
        let error = all_people(&self.bridge(), "L").await.unwrap_err();
        assert!(!format!("{error:?}").contains("secret-password"), "{error:?}");
        error
    }
}

/// Reads a request to the end of its body, answers and closes.
async fn say(mut stream: TcpStream, how: Say) {
    let mut request = Vec::new();
    let mut chunk = [0; 4_096];
    let whole = |r: &[u8]| r.ends_with(b"</StoredProcedureRequest>") || (r.starts_with(b"GET ") && r.ends_with(b"\r\n\r\n"));
    while !whole(&request) {
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
            _ => return,
        }
    }
    let answer = how(&String::from_utf8_lossy(&request));
    // The client may hang up first.
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let mut whole = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{head}\r\n\r\n").into_bytes();
    whole.extend_from_slice(body);
    whole
}

fn json(body: &str) -> Vec<u8> {
    answer(&format!("content-type: application/json\r\ncontent-length: {}", body.len()), body.as_bytes())
}

fn xml(inner: &str) -> Vec<u8> {
    let body = format!("<StoredProcedureOutput><Data>{}</Data></StoredProcedureOutput>", quick_xml::escape::escape(inner));
    answer(&format!("content-type: application/xml\r\ncontent-length: {}", body.len()), body.as_bytes())
}

#[tokio::test]
async fn a_service_that_repeats_its_first_page_does_not_hold_the_reader_for_ever() {
    let row = "<Table><MASTER_CUSTOMER_ID>1</MASTER_CUSTOMER_ID><SUB_CUSTOMER_ID>0</SUB_CUSTOMER_ID><ALLOW_EMAIL_FLAG>Y</ALLOW_EMAIL_FLAG><ALLOW_SOLICITATION_FLAG>Y</ALLOW_SOLICITATION_FLAG></Table>";
    let fake = Fake::saying(xml(&format!("<NewDataSet>{row}</NewDataSet>"))).await;
    let error = fake.error().await;
    assert_eq!(error.kind(), "protocol");
    assert!(error.to_string().contains("does not get on"), "{error}");
    assert_eq!(fake.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn secure_addresses_need_a_certificate_that_holds() {
    let fake = Fake::saying(Vec::new()).await;
    match bridge(&format!("https://127.0.0.1:{}/", fake.port), &[], "u", "p", &["127.0.0.1"]) {
        Ok(bridge) => assert_eq!(bridge.lists().await.unwrap_err().kind(), "transient"),
        // A machine without any root certificates cannot make secure connections at all.
        Err(detail) => assert!(detail.contains("certificates"), "{detail}"),
    }
}
