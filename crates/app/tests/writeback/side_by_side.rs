//! Two processes on one PostgreSQL, eight requests at once each, while people go on acting through both.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::check;
use crate::clients::{Clients, Habits, Heard, Ports};
use crate::dice;
use crate::house::{House, Plan};

/// People, and acts of each: about two thousand writebacks.
const PEOPLE: usize = 400;
const EACH: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_work_and_tell_everything_once() {
    let seed = dice::seed().wrapping_add(2);
    println!("side by side: RIALTO_TEST_SEED={}", dice::seed());
    let test = rialto_testkit::postgres().await;
    let house = Arc::new(House::on(test, &Plan { people: 1_500, lease: 60, concurrency: 8 }).await);
    let people = house.people().await[..PEOPLE].to_vec();
    let (one, two) = (house.serve().await, house.serve().await);
    let ports = Ports::new(&[one.port, two.port]);
    let clients = Clients::start(&house, &ports, &people, 12, &Habits { pause: Duration::ZERO, each: EACH }, seed);
    let until = Instant::now() + Duration::from_secs(90);
    while !clients.are_done() {
        assert!(Instant::now() < until, "{} acts so far", clients.acknowledged());
        assert!(house.run_now(if clients.acknowledged().is_multiple_of(2) { one.port } else { two.port }).await);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let history = clients.end().await;
    assert!(history.iter().all(|a| a.heard == Heard::Done), "both processes lived, and nobody was asked to come back");
    check::drain(&house, two.port).await;
    let seen = check::all(&house, &people, &history).await;
    let slowest = history.iter().map(|a| a.took).max().unwrap_or_default();
    println!("{} requests, the slowest took {slowest:?}; {seen:?}", history.len());
    assert!(seen.writebacks > PEOPLE * EACH * 3 / 4 && seen.workers == 2, "{seen:?}");
    assert_eq!((seen.lost, seen.errors, seen.doubled), (0, 0, 0), "nobody died and nothing failed: {seen:?}");
}
