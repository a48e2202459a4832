//! Over a real connection.

use rialto_sandbox::{Fault, FaultRule, Options};

use crate::support::{BASIC, ROOT};

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
