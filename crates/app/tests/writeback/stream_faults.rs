//! Profile events while the disk is full, and while the broker is killed and comes back: nothing that was acknowledged is lost.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use rialto_sandbox::loyalty::Load;
use tokio::time::Instant;

use crate::full::limit;
use crate::house::{House, Life, Plan};
use crate::stream::{Programme, Way};

const PLAN: Plan = Plan { people: 60, lease: 3, concurrency: 2 };
const PATIENCE: Duration = Duration::from_secs(60);

async fn position(house: &House, life: &Life, programme: &Programme) -> i64 {
    let (_, stream) = house.api(life, Method::GET, &format!("/streams/{}", programme.stream), None).await.unwrap();
    stream["position"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_takes_no_event_loses_none_and_ends_by_itself() {
    let house = House::on(rialto_testkit::sqlite().await, &PLAN).await;
    let life = house.serve().await;
    let programme = Programme::begin(&house, &life, &Way::Inbox).await;
    programme.aim(&life);
    programme.sandbox.start_load(Load { per_second: 400, seconds: 8, batch: 7 }).unwrap();
    let until = Instant::now() + PATIENCE;
    while position(&house, &life, &programme).await < 200 {
        assert!(Instant::now() < until, "nothing comes: {}", house.last_lines());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    limit(&life, "4096");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let full = position(&house, &life, &programme).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(position(&house, &life, &programme).await, full, "a full disk took events");
    assert!(programme.sandbox.stream().waiting > 0, "events were acknowledged that nothing keeps");
    limit(&life, "unlimited");
    let kept = programme.settled(&house, &life).await;
    assert!(kept > full + 500, "{kept} of {full}");
    programme.books_hold(&house, &life, kept).await;
}

/// A broker of this test's own, which can be killed.
struct Broker {
    child: Child,
}

impl Broker {
    async fn start(folder: &Path, port: u16) -> Self {
        let program = std::env::var("RIALTO_TEST_NATS_SERVER")
            .expect("RIALTO_TEST_NATS_SERVER: the program nats-server; scripts/test.sh installs one");
        let config = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n",
            folder.join("data").display()
        );
        std::fs::write(folder.join("nats.conf"), config).unwrap();
        let child = Command::new(program)
            .arg("-c")
            .arg(folder.join("nats.conf"))
            .arg("-l")
            .arg(folder.join("log"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "nats-server does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { child }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_and_comes_back_is_read_on() {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    for test in rialto_testkit::both().await {
        let folder = tempfile::tempdir().unwrap();
        let mut broker = Broker::start(folder.path(), port).await;
        let house = House::on(test, &PLAN).await;
        let life = house.serve().await;
        let programme = Programme::begin(&house, &life, &Way::Broker(format!("nats://127.0.0.1:{port}"))).await;
        programme.aim(&life);
        for round in 0..2 {
            programme.sandbox.start_load(Load { per_second: 400, seconds: 2, batch: 20 }).unwrap();
            tokio::time::sleep(Duration::from_millis(900)).await;
            // SIGKILL; what it acknowledged is on its disk.
            drop(broker);
            let until = Instant::now() + PATIENCE;
            let path = format!("/streams/{}", programme.stream);
            loop {
                let (_, stream) = house.api(&life, Method::GET, &path, None).await.unwrap();
                if !stream["trouble"].as_str().unwrap().is_empty() {
                    break;
                }
                assert!(Instant::now() < until, "{}: round {round}: it is not told that the broker is away", house.name);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            broker = Broker::start(folder.path(), port).await;
            programme.aim(&life);
            programme.settled(&house, &life).await;
        }
        let kept = programme.settled(&house, &life).await;
        programme.books_hold(&house, &life, kept).await;
        let (_, stream) = house.api(&life, Method::GET, &format!("/streams/{}", programme.stream), None).await.unwrap();
        assert_eq!((&stream["trouble"], stream["alarms"].as_array().unwrap().len()), (&"".into(), 0), "{}", house.name);
    }
}
