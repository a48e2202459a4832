//! A disk that takes nothing more: the files of a SQLite installation reach the limit that its process has for them. The log is one of them.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rialto_store::{Db, args};
use tokio::time::Instant;

use crate::check;
use crate::clients::{Act, Asked, Clients, Habits, Heard, History, Ports, ask};
use crate::dice;
use crate::house::{House, Life, Plan};

/// Largest file that the process may write from now on, in bytes; what is larger already stays.
pub fn limit(life: &Life, bytes: &str) {
    let set = Command::new("prlimit").args(["--pid", &life.id().to_string(), &format!("--fsize={bytes}:")]).status().unwrap();
    assert!(set.success());
}

async fn entries(db: &Db) -> i64 {
    let (number,): (i64,) = db.read().one("SELECT COUNT(*) FROM consent_ledger", args![]).await.unwrap();
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_takes_no_act_loses_none_and_ends_by_itself() {
    let seed = dice::seed().wrapping_add(3);
    println!("full: RIALTO_TEST_SEED={}", dice::seed());
    let house = Arc::new(House::on(rialto_testkit::sqlite().await, &Plan { people: 200, lease: 3, concurrency: 4 }).await);
    let people = house.people().await[..40].to_vec();
    let (apart, acting) = people.split_first().unwrap();
    let mut life = house.serve().await;
    let ports = Ports::new(&[life.port]);
    let mut history = History::new();
    let db = house.db().await;
    for round in 0..3 {
        let habits = Habits { pause: Duration::from_millis(5), each: usize::MAX };
        let clients = Clients::start(&house, &ports, acting, 4, &habits, seed + round);
        assert!(house.run_now(life.port).await);
        tokio::time::sleep(Duration::from_millis(600)).await;
        // The pages that a change needs do not fit any more, wherever in a transaction that comes to light.
        limit(&life, &(4_096 * (1 + round * 7)).to_string());
        tokio::time::sleep(Duration::from_millis(700)).await;
        let before = entries(&db).await;
        let asked = house.sandbox().requests().total;
        let began = Instant::now();
        let heard = ask(&house, life.port, apart, Act::Unsubscribe, true).await;
        assert_eq!(heard, Heard::Later, "{}", house.last_lines());
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(entries(&db).await, before, "a full disk took an act");
        let more = house.sandbox().requests().total - asked;
        assert!(more <= 4, "{more} requests to the remote although nothing can be recorded");
        assert!(life.lives(), "it ended without a word: {:?} {}", life.status(), house.last_lines());
        let page = house.http().get(life.url(&apart.link)).send().await.unwrap();
        assert_eq!(page.status().as_u16(), 200, "reading goes on");
        match round {
            0 => limit(&life, "unlimited"),
            1 => {
                life.stopped().await;
                life = house.serve().await;
            }
            _ => {
                life.kill();
                life = house.serve().await;
            }
        }
        ports.set(life.port);
        let until = Instant::now() + Duration::from_secs(10);
        while entries(&db).await < before + 10 {
            assert!(Instant::now() < until, "it does not go on: {}", house.last_lines());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        history.extend(clients.end().await);
    }
    db.close().await;
    check::drain(&house, life.port).await;
    let seen = check::all(&house, &people, &history).await;
    let later: Vec<&Asked> = history.iter().filter(|a| a.heard == Heard::Later).collect();
    println!("{} requests, {} told to come back; {seen:?}", history.len(), later.len());
    assert!(later.len() > 20 && seen.writebacks > 60, "{seen:?}");
    assert!(house.logged().contains("size limit"), "the reason is told: {}", house.last_lines());
}
