//! Answers that no decent service gives, to every question: an error in time, and never an empty list.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::asking::{ask, is_asked};
use super::cases::{Case, Found, NOT_ASKED, hold};
use super::subject::{Subject, class, deliver, open, read};

const QUESTIONS: &[&str] =
    &["people", "deliver", "probe", "lists", "list", "fields", "set_up_faults", "shown", "interests", "interests_of"];

pub fn cases<S: Subject>() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, said) in answers() {
        let said = Arc::new(said);
        for question in QUESTIONS {
            cases.push(Case::new("Any question, hostile", what, refused::<S>(said.clone(), question)).at(*question));
        }
    }
    cases
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let mut whole = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{head}\r\n\r\n").into_bytes();
    whole.extend_from_slice(body);
    whole
}

fn sized(kind: &str, body: &[u8]) -> Vec<u8> {
    answer(&format!("content-type: {kind}\r\ncontent-length: {}", body.len()), body)
}

/// What is said to every request, and the words for it.
fn answers() -> Vec<(&'static str, Vec<u8>)> {
    let bomb = compressed();
    let gzip = format!("content-type: application/xml\r\ncontent-encoding: gzip\r\ncontent-length: {}", bomb.len());
    let moved = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    vec![
        ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("body shorter than announced", answer("content-type: application/json\r\ncontent-length: 500", b"{\"a\":")),
        ("chunk that is cut", answer("content-type: application/xml\r\ntransfer-encoding: chunked", b"ff\r\n<a")),
        ("header of 4 MiB", answer(&format!("x-long: {}", "x".repeat(4 << 20)), b"")),
        ("body of 99 GB announced", answer("content-type: application/xml\r\ncontent-length: 99999999999", b"<")),
        ("body of 5 MiB", sized("application/json", format!("[\"{}\"]", "x".repeat(5 << 20)).as_bytes())),
        ("16 MiB in 16 kB, compressed", answer(&gzip, &bomb)),
        ("redirect to the cloud's metadata", moved.to_vec()),
        ("no content", b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec()),
        ("JSON null", sized("application/json", b"null")),
        ("JSON of another shape", sized("application/json", b"[[1,2],{\"d\":{\"Items\":7,\"access_token\":[]}}]")),
        ("100,000 brackets", sized("application/json", "[".repeat(100_000).as_bytes())),
        ("XML of another shape", sized("text/xml", b"<?xml version=\"1.0\"?><rss><channel/></rss>")),
        ("100,000 elements deep", sized("text/xml", "<a>".repeat(100_000).as_bytes())),
        ("document type with entities", sized("text/xml", b"<!DOCTYPE a [<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>")),
        ("NUL bytes", sized("application/json", &[0; 4_096])),
        ("web page", sized("application/json", b"<!DOCTYPE html><html><body>Sign in</body></html>")),
    ]
}

/// 16 MiB of blanks in a stream of stored runs: (how often, what).
fn compressed() -> Vec<u8> {
    let runs: &[(usize, &[u8])] = &[
        (1, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xec\xc1\x81\x00\x00\x00\x00\x80\x20\x95\xfd\x29\x17\xa9\x0a"),
        (4094, b"\x00"),
        (1, b"\x80\xd9\x83\x03\x01\x00\x00\x00\x00\x20\xff\xd7\x46\x50"),
        (4095, b"\x55"),
        (1, b"\x69\x0f\x0e\x09\x00\x00\x00\x00\x04\xfd\x7f\xed\x07\x33"),
        (954, b"\x00"),
        (1, b"\x5f\xc2\x30\x13\x5d\x00\x00\x90\x00"),
    ];
    runs.iter().flat_map(|(times, bytes)| bytes.repeat(*times)).collect()
}

/// Says the same to everybody; stops when dropped.
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
    async fn saying(said: Arc<Vec<u8>>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(say(stream, said.clone()));
            }
        });
        Ok(Self { port, task })
    }
}

/// Reads a request to its end, answers and closes.
async fn say(mut stream: TcpStream, said: Arc<Vec<u8>>) {
    let mut request = Vec::new();
    let mut chunk = [0; 4_096];
    while !is_whole(&request) {
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
            _ => return,
        }
    }
    // The client may hang up first.
    let _ = stream.write_all(&said).await;
    let _ = stream.shutdown().await;
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().to_owned()));
    body.len() >= length.and_then(|n| n.parse().ok()).unwrap_or(0)
}

async fn refused<S: Subject>(said: Arc<Vec<u8>>, question: &'static str) -> Found {
    if !is_asked::<S>(question) {
        return Ok(NOT_ASKED.to_owned());
    }
    let fake = Fake::saying(said).await.map_err(|e| e.to_string())?;
    let bridge = open::<S>(&format!("http://127.0.0.1:{}/x", fake.port), &[], None, &["127.0.0.0/8"])?;
    let asked = async {
        match question {
            "people" => read::<S>(&bridge, "L").await.map(|p| p.len()).map_err(|e| (e.kind(), format!("{e} {e:?}"))),
            "deliver" => {
                let what = rialto_core::writeback::What::Unsubscribe;
                let delivered = deliver(&bridge, 1, "000000000101-0", &what, false).await;
                delivered.map(|_| 1).map_err(|e| (class(&e), format!("{e} {e:?}")))
            }
            _ => ask::<S>(&bridge, question, "L", "000000000101-0").await.map_err(|e| (e.kind(), format!("{e} {e:?}"))),
        }
    };
    let Ok(answered) = tokio::time::timeout(Duration::from_secs(25), asked).await else { return Err("no end".into()) };
    let Err((kind, told)) = answered else { return Err(format!("it was taken for an answer: {answered:?}")) };
    hold!(!told.contains(S::SECRET) && !told.contains("169.254"), "{told}");
    hold!(told.len() < 4_000, "an error of {} bytes", told.len());
    hold!(matches!(kind, "protocol" | "transient"), "{kind}: {told}");
    Ok(kind.to_owned())
}
