//! Just enough of HTTP to ask a server on this machine: one request at a time, the connection kept while both sides want it, answers of
//! bounded size.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Largest answer, and longest wait for it.
const LARGEST: usize = 4 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on this machine, and a path there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    host: String,
    path: String,
}

impl Target {
    pub(crate) fn of(address: &str) -> Result<Self, &'static str> {
        let rest = address.trim().strip_prefix("http://").ok_or("Enter an address that begins with http://.")?;
        let (host, path) = rest.split_once('/').ok_or("Enter the whole address, with its path.")?;
        if !is_here(host) {
            return Err("The simulator asks servers on this machine only.");
        }
        if !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("The address holds characters that cannot be sent.");
        }
        Ok(Self { host: host.to_owned(), path: format!("/{path}") })
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let has_port = !self.host.ends_with(']') && self.host.contains(':');
        let host = if has_port { self.host.clone() } else { format!("{}:80", self.host) };
        TcpStream::connect(host).await
    }
}

/// Whether a host, with its port or without, is this machine.
pub(crate) fn is_here(host: &str) -> bool {
    let name = if host.ends_with(']') { host } else { host.rsplit_once(':').map_or(host, |(name, _)| name) };
    ["127.0.0.1", "localhost", "[::1]"].contains(&name)
}

/// A body to be posted.
pub(crate) struct Post {
    pub content_type: &'static str,
    pub body: Bytes,
}

/// An answer.
pub(crate) struct Answer {
    pub status: u16,
    pub body: String,
}

/// A connection to one server; made when it is needed.
#[derive(Default)]
pub(crate) struct Connection {
    open: Option<SendRequest<Body>>,
}

impl Connection {
    /// Sends a request with a bearer token; with something to post it is a POST.
    pub(crate) async fn ask(&mut self, target: &Target, query: &str, token: &str, post: Option<Post>) -> Result<Answer, String> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(target, query, token, post)).await;
        let answer = answer.unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "it took too long")));
        if answer.is_err() {
            // Whatever is left of an exchange must not be taken for the answer to the next.
            self.open = None;
        }
        answer.map_err(|e| format!("Rialto did not answer: {e}."))
    }

    async fn exchange(&mut self, target: &Target, query: &str, token: &str, post: Option<Post>) -> std::io::Result<Answer> {
        let mut sender = match self.open.take().filter(|open| !open.is_closed()) {
            Some(open) => open,
            None => open(target).await?,
        };
        if sender.ready().await.is_err() {
            // The server closed it in the meantime.
            sender = open(target).await?;
        }
        let request = request(target, query, token, post)?;
        let response = sender.send_request(request).await.map_err(Error::other)?;
        let status = response.status().as_u16();
        let bytes = to_bytes(Body::new(response.into_body()), LARGEST).await.map_err(Error::other)?;
        self.open = Some(sender);
        Ok(Answer { status, body: String::from_utf8_lossy(&bytes).into_owned() })
    }
}

/// Sends one request on a connection of its own; with a body it is a POST of JSON.
pub(crate) async fn ask(target: &Target, query: &str, token: &str, body: Option<&str>) -> Result<Answer, String> {
    let post = body.map(|body| Post { content_type: "application/json", body: Bytes::copy_from_slice(body.as_bytes()) });
    Connection::default().ask(target, query, token, post).await
}

async fn open(target: &Target) -> std::io::Result<SendRequest<Body>> {
    let (sender, connection) = http1::handshake(TokioIo::new(target.connect().await?)).await.map_err(Error::other)?;
    // Ends when its sender is dropped; what went wrong is told to whoever waits for an answer.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

fn request(target: &Target, query: &str, token: &str, post: Option<Post>) -> std::io::Result<Request<Body>> {
    // A token with a line's end in it would be refused without a word about why.
    let token: String = token.chars().filter(char::is_ascii_graphic).collect();
    let request = Request::builder()
        .method(if post.is_some() { "POST" } else { "GET" })
        .uri(format!("{}{query}", target.path))
        .header("host", &target.host)
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "application/json");
    let request = match post {
        Some(post) => request.header("content-type", post.content_type).body(Body::from(post.body)),
        None => request.body(Body::empty()),
    };
    request.map_err(Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked() {
        assert_eq!(Target::of("http://127.0.0.1:80/remote/x/writebacks").unwrap().path, "/remote/x/writebacks");
        assert_eq!(Target::of("http://[::1]/x").unwrap().host, "[::1]");
        for bad in
            ["https://127.0.0.1/x", "http://10.0.0.1/x", "http://127.0.0.1.example/x", "http://127.0.0.1", "http://localhost/a b", ""]
        {
            assert!(Target::of(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn what_is_asked_arrives_with_its_token_and_the_connection_is_kept() {
        use axum::http::{HeaderMap, Method, Uri};
        let echo = async |method: Method, uri: Uri, headers: HeaderMap, body: String| {
            let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
            format!("{method} {uri} {} {} {body}", header("authorization"), header("content-type"))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target::of(&format!("http://{}/remote", listener.local_addr().unwrap())).unwrap();
        let router = axum::Router::new().fallback(axum::routing::any(echo));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let answer = ask(&target, "?lease_seconds=5", "a\r\nb", None).await.unwrap();
        assert_eq!(answer.body, "GET /remote?lease_seconds=5 Bearer ab  ");
        let answer = ask(&target, "", "t", Some("{}")).await.unwrap();
        assert_eq!(answer.body, "POST /remote Bearer t application/json {}");
        let mut connection = Connection::default();
        connection.ask(&target, "", "t", None).await.unwrap();
        assert!(connection.open.is_some());
    }

    #[tokio::test]
    async fn a_server_that_closes_after_each_answer_is_asked_on_a_new_connection() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target::of(&format!("http://{}/remote", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 1_000];
                assert!(stream.read(&mut asked).await.unwrap() > 0);
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nit is here").await.unwrap();
            }
        });
        let mut connection = Connection::default();
        for _ in 0..3 {
            assert_eq!(connection.ask(&target, "", "t", None).await.unwrap().body, "it is here");
        }
    }
}
