//! PostgreSQL is gone for 20 seconds, under people who act and writebacks that go out.

use std::sync::Arc;
use std::time::Duration;

use rialto_sandbox::{Fault, FaultRule};
use rialto_store::args;
use tokio::time::{Instant, sleep};

use crate::check;
use crate::clients::{Clients, Habits, Heard, Ports};
use crate::dice;
use crate::house::{House, Plan};
use crate::private::Server;

const AWAY: Duration = Duration::from_secs(20);
/// Longest wait for an answer while storage is away: less than mail programs wait.
const ANSWER: Duration = Duration::from_secs(5);

async fn status(house: &House, url: String) -> (u16, Duration) {
    let began = Instant::now();
    let answer = house.http().get(url).send().await.unwrap();
    (answer.status().as_u16(), began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_database_is_told_at_once_and_ends_by_itself() {
    let seed = dice::seed().wrapping_add(5);
    println!("outage: RIALTO_TEST_SEED={}", dice::seed());
    let server = Arc::new(Server::start_new());
    let house = Arc::new(House::at(&server.url(), "postgres of its own", &Plan { people: 300, lease: 10, concurrency: 4 }).await);
    let people = house.people().await[..60].to_vec();
    let mut life = house.serve().await;
    let ports = Ports::new(&[life.port]);
    let clients = Clients::start(&house, &ports, &people, 6, &Habits { pause: Duration::from_millis(20), each: usize::MAX }, seed);
    assert!(house.run_now(life.port).await);
    sleep(Duration::from_millis(900)).await;
    // Some requests are carried out while nobody can write down what became of them.
    house.sandbox().inject(FaultRule::always(Fault::Timeout { seconds: 1 }).on("Save CusActivity").times(4));
    while house.sandbox().faults().iter().any(|f| f.fired < 2) {
        assert!(house.run_now(life.port).await);
        sleep(Duration::from_millis(50)).await;
    }
    server.stop("immediate");
    let began = Instant::now();
    let mut started = None;
    while began.elapsed() < AWAY {
        // One that is started meanwhile, as the machine's other services are, waits a while.
        if began.elapsed() > AWAY - Duration::from_secs(7) {
            started.get_or_insert_with(|| house.begin());
        }
        assert_eq!(status(&house, life.url("/healthz")).await.0, 200, "it lives");
        let (ready, took) = status(&house, life.url("/readyz")).await;
        assert!(ready == 503 && took < ANSWER, "readyz: {ready} after {took:?}");
        let (page, took) = status(&house, life.url(&people[0].link)).await;
        assert!(page == 503 && took < ANSWER, "a page: {page} after {took:?}");
        sleep(Duration::from_millis(200)).await;
    }
    let before = clients.acknowledged();
    tokio::task::spawn_blocking({
        let server = server.clone();
        move || server.start()
    })
    .await
    .unwrap();
    let back = Instant::now();
    while clients.acknowledged() < before + 10 {
        assert!(back.elapsed() < Duration::from_secs(15), "it does not go on: {}", house.last_lines());
        sleep(Duration::from_millis(20)).await;
    }
    println!("went on {:?} after the database was back", back.elapsed());
    drop(house.ready(started.unwrap()).await);
    sleep(Duration::from_secs(1)).await;
    let history = clients.end().await;
    assert!(life.lives());
    check::drain(&house, life.port).await;
    let seen = check::all(&house, &people, &history).await;
    let later = history.iter().filter(|a| a.heard == Heard::Later).count();
    let slowest = history.iter().map(|a| a.took).max().unwrap_or_default();
    println!("{} requests, {later} told to come back, the slowest took {slowest:?}; {seen:?}", history.len());
    assert!(later >= 20 && history.iter().all(|a| a.heard != Heard::Nothing), "{later}");
    assert!(slowest < ANSWER, "somebody waited for {slowest:?}");
    assert!(seen.lost >= 2 && seen.found_there >= 2, "what was open when it went away is found: {seen:?}");
    let db = house.db().await;
    let (open,): (i64,) = db.read().one("SELECT COUNT(*) FROM sync_run WHERE state IN ('queued', 'running')", args![]).await.unwrap();
    assert_eq!(open, 0);
    db.close().await;
}
