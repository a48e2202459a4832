//! The load generator keeps its rate and ends by itself.

use std::time::Duration;

use rialto_sandbox::loyalty::{Load, Options, Refused, Sandbox};
use tokio::time::{Instant, sleep};

use super::inbox::{SOON, delivered, publishing};
use super::model::Model;

/// Waits for the end.
async fn ended(sandbox: &Sandbox) {
    let start = Instant::now();
    while sandbox.load().is_some_and(|load| load.running) {
        assert!(start.elapsed() < SOON, "{:?}", sandbox.load());
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn it_makes_as_many_as_it_says_and_ends() {
    let (running, inbox) = publishing(500, 1).await;
    let load = Load { per_second: 400, seconds: 2, batch: 50 };
    running.sandbox.start_load(load).unwrap();
    assert_eq!(running.sandbox.start_load(load), Err(Refused::Busy));
    ended(&running.sandbox).await;
    let status = running.sandbox.load().unwrap();
    assert_eq!((status.done, status.held_back), (800, false));
    delivered(&running.sandbox).await;
    assert_eq!((running.sandbox.stream().published, inbox.taken().len()), (800, 800));
    assert!(inbox.sent().iter().all(|sent| sent.events().len() <= 50));
    let mut model = Model::default();
    inbox.taken().iter().for_each(|event| model.take(event));
    model.assert_as_expected_by(&running.sandbox);
    // What comes after it leaves as the target says: one by one.
    let before = inbox.sent().len();
    running.sandbox.burst(3).unwrap();
    delivered(&running.sandbox).await;
    assert_eq!(inbox.sent().len(), before + 3);
    assert!(running.sandbox.stream().published_per_second > 0.0);
}

#[tokio::test]
async fn it_is_stopped_and_bounded() {
    let sandbox = Sandbox::new(Options { people: 50, ..Options::default() });
    for (per_second, seconds, batch) in [(0, 1, 1), (20_001, 1, 1), (1, 0, 1), (1, 601, 1), (1, 1, 0), (1, 1, 501)] {
        assert!(matches!(sandbox.start_load(Load { per_second, seconds, batch }), Err(Refused::Range(_))));
    }
    assert_eq!(sandbox.load(), None);
    sandbox.start_load(Load { per_second: 100, seconds: 600, batch: 1 }).unwrap();
    sleep(Duration::from_millis(100)).await;
    sandbox.stop_load();
    sleep(Duration::from_millis(100)).await;
    let published = sandbox.stream().published;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(sandbox.stream().published, published);
    assert!((1..60).contains(&published), "{published}");
    sandbox.start_load(Load { per_second: 10, seconds: 1, batch: 1 }).unwrap();
    ended(&sandbox).await;
    assert_eq!(sandbox.stream().published, published + 10);
}
