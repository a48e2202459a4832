//! A process that stands still, as a paused machine does, and comes back when others have long taken over its work.

use std::sync::Arc;
use std::time::Duration;

use rialto_sandbox::{Fault, FaultRule};
use rialto_store::args;
use tokio::time::Instant;

use crate::check;
use crate::clients::{Act, Asked, Clients, Habits, Heard, History, Ports, ask};
use crate::dice::{self, Dice};
use crate::house::{House, Person, Plan};

async fn acts(house: &House, port: u16, people: &[Person], act: Act, history: &mut History) {
    for person in people {
        assert_eq!(ask_and_note(house, port, person, act, history).await, Heard::Done, "{}", house.name);
    }
}

async fn ask_and_note(house: &House, port: u16, person: &Person, act: Act, history: &mut History) -> Heard {
    let began = Instant::now();
    let heard = ask(house, port, person, act, false).await;
    history.push(Asked { person: person.id, act, heard, at: Duration::ZERO, took: began.elapsed() });
    heard
}

/// What the remote was asked to write so far.
fn written(house: &House) -> u64 {
    let counts = house.sandbox().requests().counts;
    counts.iter().filter(|(what, _)| what.contains("Save") || what.contains("Create")).map(|(_, n)| n).sum()
}

/// Four deliveries, each held at another of its requests; frozen there, and woken when their persons have decided otherwise and all of
/// it was told by another process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_after_the_lease_tells_the_remote_nothing() {
    let test = rialto_testkit::postgres().await;
    let house = Arc::new(House::on(test, &Plan { people: 200, lease: 6, concurrency: 8 }).await);
    let people = house.people().await[..4].to_vec();
    let mut history = History::new();
    let mut frozen = house.serve().await;
    // The first cycle begins by itself; the four belong to one that comes after.
    assert!(house.run_now(frozen.port).await);
    tokio::time::sleep(Duration::from_millis(500)).await;
    for on in ["CustomerInfos", "Save CustomerInfo", "Create CusActivity", "Save CusActivity"] {
        house.sandbox().inject(FaultRule::always(Fault::Timeout { seconds: 2 }).on(on).times(1));
    }
    acts(&house, frozen.port, &people, Act::Unsubscribe, &mut history).await;
    assert!(house.run_now(frozen.port).await);
    let until = Instant::now() + Duration::from_secs(10);
    while house.sandbox().faults().iter().any(|f| f.fired == 0) {
        assert!(Instant::now() < until, "the four requests were not made: {:?}", house.sandbox().faults());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    frozen.signal("STOP");
    let other = house.serve().await;
    acts(&house, other.port, &people, Act::Resubscribe, &mut history).await;
    check::drain(&house, other.port).await;
    let seen = check::all(&house, &people, &history).await;
    assert_eq!((seen.writebacks, seen.lost, seen.found_there, seen.doubled), (8, 4, 1, 0), "{seen:?}");
    let before = written(&house);
    frozen.signal("CONT");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(frozen.lives(), "{}", house.last_lines());
    assert_eq!(written(&house), before, "what was held when it froze went on after others had done it");
    check::all(&house, &people, &history).await;
    // It works on, as if nothing had been.
    other.kill();
    acts(&house, frozen.port, &people, Act::Unsubscribe, &mut history).await;
    check::drain(&house, frozen.port).await;
    let seen = check::all(&house, &people, &history).await;
    assert_eq!((seen.writebacks, seen.workers), (12, 2), "{seen:?}");
}

/// Frozen inside a transaction, a process holds locks that all others need.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_frozen_inside_a_transaction_does_not_stop_the_others() {
    let seed = dice::seed().wrapping_add(4);
    println!("frozen: RIALTO_TEST_SEED={}", dice::seed());
    let mut dice = Dice::new(seed);
    let test = rialto_testkit::postgres().await;
    let house = Arc::new(House::on(test, &Plan { people: 200, lease: 3, concurrency: 4 }).await);
    let people = house.people().await[..28].to_vec();
    let (acting, others) = people.split_at(24);
    let frozen = house.serve().await;
    let ports = Ports::new(&[frozen.port]);
    let habits = Habits { pause: Duration::from_millis(1), each: usize::MAX };
    let clients = Clients::start(&house, &ports, acting, 8, &habits, seed);
    let db = house.db().await;
    let mut caught = false;
    for _ in 0..300 {
        tokio::time::sleep(Duration::from_millis(20 + dice.below(40))).await;
        frozen.signal("STOP");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let held = "SELECT COUNT(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database()
            AND a.state = 'idle in transaction' AND l.mode = 'RowExclusiveLock'";
        let (locks,): (i64,) = db.read().one(held, args![]).await.unwrap();
        caught = locks > 0;
        if caught {
            break;
        }
        frozen.signal("CONT");
    }
    assert!(caught, "it was never caught inside a transaction");
    let began = Instant::now();
    let other = house.serve().await;
    ports.set(other.port);
    let mut history = History::new();
    for person in others {
        while ask_and_note(&house, other.port, person, Act::Unsubscribe, &mut history).await != Heard::Done {
            assert!(began.elapsed() < Duration::from_secs(30), "others wait for the one that is frozen: {}", house.last_lines());
        }
    }
    println!("others went on after {:?}", began.elapsed());
    frozen.signal("CONT");
    tokio::time::sleep(Duration::from_secs(1)).await;
    history.extend(clients.end().await);
    check::drain(&house, other.port).await;
    println!("{:?}", check::with_late(&house, &people, &history, true).await);
    db.close().await;
}
