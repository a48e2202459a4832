//! Just enough of HTTP to ask a server on this machine: one request a connection, answers of bounded size.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Largest answer, and longest wait for it.
const LARGEST: u64 = 4 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on this machine, and a path there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    host: String,
    path: String,
}

impl Target {
    pub(super) fn of(address: &str) -> Result<Self, &'static str> {
        let rest = address.trim().strip_prefix("http://").ok_or("Enter an address that begins with http://.")?;
        let (host, path) = rest.split_once('/').ok_or("Enter the whole address, with its path.")?;
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        if !["127.0.0.1", "localhost", "[::1]"].contains(&name) {
            return Err("The simulator asks servers on this machine only.");
        }
        if !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("The address holds characters that cannot be sent.");
        }
        Ok(Self { host: host.to_owned(), path: format!("/{path}") })
    }
}

/// An answer.
pub(super) struct Answer {
    pub status: u16,
    pub body: String,
}

/// Sends a request with a bearer token; with a body it is a POST of JSON.
pub(super) async fn ask(target: &Target, query: &str, token: &str, body: Option<&str>) -> Result<Answer, String> {
    match tokio::time::timeout(PATIENCE, exchange(target, query, token, body)).await {
        Ok(answer) => answer.map_err(|e| format!("Rialto did not answer: {e}.")),
        Err(_) => Err("Rialto did not answer in time.".to_owned()),
    }
}

async fn exchange(target: &Target, query: &str, token: &str, body: Option<&str>) -> std::io::Result<Answer> {
    // A token with a line's end in it would be a header of its own.
    let token: String = token.chars().filter(char::is_ascii_graphic).collect();
    let method = if body.is_some() { "POST" } else { "GET" };
    // Of HTTP/1.0: the answer ends with its connection.
    let mut request = format!(
        "{method} {}{query} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n",
        target.path, target.host
    );
    if let Some(body) = body {
        request.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body.unwrap_or_default());
    let host = if target.host.contains(':') { target.host.clone() } else { format!("{}:80", target.host) };
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(LARGEST).read_to_end(&mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| std::io::Error::other("no answer of HTTP"))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Answer { status: status.ok_or_else(|| std::io::Error::other("no status"))?, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked() {
        assert_eq!(Target::of("http://127.0.0.1:80/remote/x/writebacks").unwrap().path, "/remote/x/writebacks");
        for bad in
            ["https://127.0.0.1/x", "http://10.0.0.1/x", "http://127.0.0.1.example/x", "http://127.0.0.1", "http://localhost/a b", ""]
        {
            assert!(Target::of(bad).is_err(), "{bad}");
        }
    }
}
