//! Answers of the remote that break off, after every number of bytes: heads and bodies of all that one delivery is told, through a proxy
//! that breaks the connection there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rialto_sandbox::Options;
use rialto_store::args;
use rialto_store::bridges::{self, Entered};
use rialto_store::writebacks::Writeback;
use rialto_testkit::{TestDb, actor, vault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{RESUBSCRIBE, UNSUBSCRIBE, World, mark, world};

/// Bytes between two places where an answer is cut: the even ones on SQLite and the odd ones on PostgreSQL, all of them on both in the long
/// run of `make faults`.
fn stride() -> usize {
    let long = std::env::var("RIALTO_TEST_KILL_ROUNDS").ok().and_then(|n| n.parse::<u64>().ok()).is_some_and(|rounds| rounds > 20);
    if long { 1 } else { 2 }
}

/// Where the answers to deliveries are cut, counted over all answers of one.
#[derive(Default)]
struct Scissors {
    /// For the next delivery; `None` while nothing is to be cut.
    next: Option<usize>,
    /// Bytes that the one under way may still be told.
    left: Option<usize>,
    cuts: usize,
    /// Deliveries that were told all.
    whole: usize,
}

impl Scissors {
    /// A delivery begins.
    fn begin(&mut self) {
        self.whole += usize::from(self.left.take().is_some());
        self.left = self.next;
        self.next = self.next.map(|n| n + stride());
    }

    /// How many of these bytes may pass; less than all of them: then the connection breaks.
    fn pass(&mut self, bytes: usize) -> usize {
        match self.left {
            Some(left) if left < bytes => {
                self.left = None;
                self.cuts += 1;
                left
            }
            Some(left) => {
                self.left = Some(left - bytes);
                bytes
            }
            None => bytes,
        }
    }
}

/// Stands between Rialto and the remote. Requests must come one after another.
async fn proxy(remote: String) -> (String, Arc<Mutex<Scissors>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let scissors = Arc::new(Mutex::new(Scissors::default()));
    let shared = scissors.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&remote).await.unwrap();
            for stream in [&client, &server] {
                stream.set_nodelay(true).unwrap();
            }
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            let (asks, answers) = (shared.clone(), shared.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = requests(from_client, to_server, &asks) => {}
                    () = replies(from_server, to_client, &answers) => {}
                }
            });
        }
    });
    (address, scissors)
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, scissors: &Mutex<Scissors>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        // The first request of a delivery looks the person up.
        if buffer.starts_with(b"GET ") && buffer[..read].windows(13).any(|w| w == b"CustomerInfos") {
            scissors.lock().unwrap().begin();
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

async fn replies(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, scissors: &Mutex<Scissors>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let passes = scissors.lock().unwrap().pass(read);
        if to.write_all(&buffer[..passes]).await.is_err() || passes < read {
            return;
        }
    }
}

/// The bridge goes through the proxy from now on.
async fn divert(w: &World, proxy: &str) {
    let base_url = format!("{proxy}{}", w.remote().options().root);
    let settings = BTreeMap::from([("base_url".into(), base_url), ("requests_per_second".into(), "1000".into())]);
    let secrets = BTreeMap::from([("username".into(), "rialto".into()), ("password".into(), "sandbox".into())]);
    let entered = Entered { name: "Members".into(), settings, secrets, enabled: true };
    let mut tx = w.db.write().await.unwrap();
    bridges::update(&mut tx, &vault(), w.bridge, &entered, &actor()).await.unwrap();
    tx.commit().await.unwrap();
}

/// The last so many writebacks, one of each person.
async fn latest(w: &World, number: usize) -> Vec<Writeback> {
    let text = "SELECT * FROM writeback ORDER BY id DESC LIMIT $1";
    w.db.read().all(text, args![number as i64]).await.unwrap()
}

/// How often each mark stands at the remote.
fn marks(w: &World) -> BTreeMap<String, usize> {
    w.remote().marked().into_iter().map(|m| (m.marker, m.activities.len())).collect()
}

async fn cut_everywhere(test: TestDb, first: usize) {
    let w = world(test, Options { people: 250, ..Options::default() }).await;
    w.set(|s| s.concurrency = 1).await;
    let (proxy, scissors) = proxy(w.sandbox.base_url.trim_start_matches("http://").to_owned()).await;
    divert(&w, &proxy).await;
    let people = w.people().await;
    let people = &people[..60];
    let (mut next, mut step) = (first, UNSUBSCRIBE);
    let mut written_then_cut = 0;
    loop {
        w.act(&people.iter().map(|(id, _)| (*id, step)).collect::<Vec<_>>()).await;
        scissors.lock().unwrap().next = Some(next);
        w.cycle().await;
        let (cuts, whole) = {
            let mut s = scissors.lock().unwrap();
            s.next = None;
            s.begin();
            next += people.len() * stride();
            (std::mem::take(&mut s.cuts), std::mem::take(&mut s.whole))
        };
        let (rows, there) = (latest(&w, people.len()).await, marks(&w));
        let (failed, sent): (Vec<_>, Vec<_>) = rows.iter().partition(|r| r.state == "error");
        assert_eq!((failed.len(), sent.len()), (cuts, whole), "{}: who was told all is Sent, and nobody else, up to {next} bytes", w.name);
        let of = |there: &BTreeMap<String, usize>, w: &Writeback| there.get(&mark(w)).copied().unwrap_or_default();
        written_then_cut += failed.iter().filter(|r| of(&there, r) == 1).count();
        w.cycle().await;
        let (rows, there) = (latest(&w, people.len()).await, marks(&w));
        let told = |r: &Writeback| r.state == "sent" && of(&there, r) == 1;
        assert!(rows.iter().all(told), "{}: up to {next} bytes: {rows:?}", w.name);
        let no = matches!(step, rialto_store::consent::Step::Open(_));
        assert!(people.iter().all(|(_, id)| w.allows(id) != no), "{}: up to {next} bytes", w.name);
        if whole > 0 {
            w.check().await;
            break;
        }
        step = if no { RESUBSCRIBE } else { UNSUBSCRIBE };
    }
    println!("{}: cut after every {} of {next} bytes; {written_then_cut} were done there and not told", w.name, stride());
    assert!(next > 2_000 && written_then_cut > 10, "the answers of a delivery are longer than {next} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_cut_after_any_number_of_bytes_lose_and_double_nothing_on_sqlite() {
    cut_everywhere(rialto_testkit::sqlite().await, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_cut_after_any_number_of_bytes_lose_and_double_nothing_on_postgresql() {
    cut_everywhere(rialto_testkit::postgres().await, 1).await;
}
