//! kill -9 at random moments while people act and the remote misbehaves, again and again.

use std::sync::Arc;
use std::time::Duration;

use rialto_sandbox::{Fault, FaultRule};
use rialto_testkit::TestDb;

use crate::check::{self, Seen};
use crate::clients::{Clients, Habits, Heard, Ports};
use crate::dice::{self, Dice};
use crate::house::{House, Plan};

fn rounds() -> u64 {
    std::env::var("RIALTO_TEST_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

/// A few things that go wrong at the remote, once each.
fn misbehave(house: &House, dice: &mut Dice) {
    house.sandbox().clear_faults();
    for on in ["CustomerInfos", "Save CustomerInfo", "Create CusActivity", "Save CusActivity", "Save CusActivity", "usr_Rialto_Activities"]
    {
        let fault = match dice.below(6) {
            0 => Fault::ServerError { status: *dice.pick(&[500, 502, 503]) },
            1 => Fault::Timeout { seconds: 1 + dice.below(2) },
            2 | 3 => Fault::CutBody { after_bytes: dice.below(900) as usize },
            4 => Fault::HtmlPage,
            _ => Fault::RateLimited { retry_after: "1".into() },
        };
        house.sandbox().inject(FaultRule::always(fault).on(on).after(dice.below(12)).times(1 + dice.below(2)));
    }
}

async fn killed_again_and_again(test: TestDb, seed: u64) {
    println!("{}: RIALTO_TEST_SEED={}", test.name, dice::seed());
    let mut dice = Dice::new(seed);
    let house = Arc::new(House::on(test, &Plan { people: 300, lease: 3, concurrency: 6 }).await);
    let people = house.people().await[..48].to_vec();
    let mut life = house.serve().await;
    let ports = Ports::new(&[life.port]);
    let habits = Habits { pause: Duration::from_millis(15), each: usize::MAX };
    let clients = Clients::start(&house, &ports, &people, 6, &habits, seed);
    for round in 1..=rounds() {
        misbehave(&house, &mut dice);
        house.run_now(life.port).await;
        tokio::time::sleep(Duration::from_millis(dice.below(700))).await;
        if round.is_multiple_of(3) {
            house.run_now(life.port).await;
            tokio::time::sleep(Duration::from_millis(dice.below(150))).await;
        }
        life.kill();
        life = house.begin();
        ports.set(life.port);
        if round.is_multiple_of(7) {
            // As it starts, too.
            tokio::time::sleep(Duration::from_millis(dice.below(200))).await;
            life.kill();
            life = house.begin();
            ports.set(life.port);
        }
        life = house.ready(life).await;
        if round.is_multiple_of(6) {
            house.retry_all().await;
        }
    }
    let history = clients.end().await;
    check::drain(&house, life.port).await;
    let seen = check::all(&house, &people, &history).await;
    let unanswered = history.iter().filter(|a| a.heard == Heard::Nothing).count();
    println!("{}: {} requests, {unanswered} without an answer; {seen:?}", house.name, history.len());
    // Kills that only hit a process beside its work would show nothing.
    let Seen { writebacks, lost, errors, .. } = seen;
    let rounds = rounds() as usize;
    assert!(writebacks > rounds * 5 && lost >= rounds && errors > 0 && unanswered > rounds, "{}: {seen:?}", house.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_and_double_nothing_on_sqlite() {
    killed_again_and_again(rialto_testkit::sqlite().await, dice::seed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_and_double_nothing_on_postgresql() {
    killed_again_and_again(rialto_testkit::postgres().await, dice::seed().wrapping_add(1)).await;
}
