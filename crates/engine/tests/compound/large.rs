//! A hundred thousand people: the sets are right, and nobody waits for minutes.

use rialto_core::compound::Mode;

use crate::world::{definition, worlds};

/// `RIALTO_TEST_LARGE` sets another number of people, to measure by hand with `--nocapture`.
fn people() -> i64 {
    std::env::var("RIALTO_TEST_LARGE").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

#[tokio::test]
async fn a_hundred_thousand_members_are_computed_as_sets() {
    let n = people();
    for w in worlds(n, 3).await {
        let [all, even, third] = w.remote[..] else { panic!() };
        w.fill(all, 1..=n).await;
        w.fill(even, (2..=n).step_by(2)).await;
        w.fill(third, (3..=n).step_by(3)).await;
        let id = w.make("Large", &definition((Mode::All, &[all, even]), Some((Mode::Any, &[third])))).await.unwrap();
        w.settle().await;
        w.honest(id).await;
        assert_eq!(w.group(id).await.members, n / 2 - n / 6, "{}", w.name);
        println!("{}: {n} people, first run {}", w.name, w.last_run(id).await.stats);
        w.fill(even, (4..=n).step_by(2)).await;
        w.settle().await;
        assert_eq!(w.group(id).await.members, n / 2 - n / 6 - 1, "{}", w.name);
        println!("{}: {n} people, one left {}", w.name, w.last_run(id).await.stats);
        let union = w.make("Everybody", &definition((Mode::Any, &[all, even, third]), None)).await.unwrap();
        w.settle().await;
        assert_eq!(w.group(union).await.members, n, "{}", w.name);
        println!("{}: {n} people, union {}", w.name, w.last_run(union).await.stats);
    }
}
