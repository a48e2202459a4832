//! The standing check: what was taken away at the sandbox is found, and put right by a press.

use rialto_sandbox::{Fault, FaultRule, Sandbox};
use rialto_store::reconcile::{self, Check, Finding};
use rialto_store::{Actor, args};
use rialto_testkit::actor;
use tokio_util::sync::CancellationToken;

use crate::support::{RESUBSCRIBE, UNSUBSCRIBE, World, worlds};

async fn check(w: &World) -> (Check, Vec<Finding>) {
    let who = Actor { at: w.now(), ..actor() };
    let mut tx = w.db.write().await.unwrap();
    let (id, fresh) = reconcile::ask(&mut tx, w.bridge, &who).await.unwrap();
    assert!(fresh && reconcile::ask(&mut tx, w.bridge, &who).await.unwrap() == (id, false), "{}: one at a time", w.name);
    tx.commit().await.unwrap();
    w.engine.check_deliveries(&CancellationToken::new()).await.unwrap();
    let check = reconcile::get(w.db.read(), id).await.unwrap().unwrap();
    (check, reconcile::findings(w.db.read(), id, 0, 1_000).await.unwrap())
}

async fn repair(w: &World, check: &Check) -> reconcile::Repaired {
    let mut tx = w.db.write().await.unwrap();
    let repaired = reconcile::repair(&mut tx, check, &Actor { at: w.now(), ..actor() }).await.unwrap();
    tx.commit().await.unwrap();
    repaired
}

#[tokio::test]
async fn what_was_undone_at_the_remote_is_found_and_repaired() {
    for w in worlds(250).await {
        let people = w.people().await;
        let acts: Vec<_> = people[..120].iter().map(|(id, _)| (*id, UNSUBSCRIBE)).collect();
        w.act(&acts).await;
        w.act(&[(people[0].0, RESUBSCRIBE)]).await;
        w.cycle().await;
        let (clean, none) = check(&w).await;
        assert_eq!(
            (clean.state.as_str(), clean.checked, clean.differing, none.len()),
            ("succeeded", 120, 0, 0),
            "{}: {}",
            w.name,
            clean.reason
        );
        // Somebody there allows mail again, and Rialto believes in an activity that is not there.
        w.allow(&people[1].1, true);
        w.allow(&people[2].1, true);
        let mut tx = w.db.write().await.unwrap();
        tx.run("UPDATE writeback SET created_at = created_at + 5000000 WHERE subscriber_id = $1", args![people[3].0]).await.unwrap();
        tx.commit().await.unwrap();
        w.allow(&people[3].1, true);
        let (found, findings) = check(&w).await;
        assert_eq!((found.checked, found.differing), (120, 3), "{}", w.name);
        assert!((found.drift() - 0.025).abs() < 1e-9);
        let kinds: Vec<_> = findings.iter().map(|f| (f.subscriber_id, f.kind.as_str())).collect();
        let (a, b, c) = (people[1].0, people[2].0, people[3].0);
        assert_eq!(kinds, [(a, "flag"), (b, "flag"), (c, "missing"), (c, "unexpected"), (c, "flag")], "{}", w.name);
        // One of them resubscribes before somebody presses: their no is not written again.
        w.act(&[(people[2].0, RESUBSCRIBE)]).await;
        let done = repair(&w, &found).await;
        assert_eq!((done.queued, done.overtaken), (2, 1), "{}", w.name);
        assert_eq!(repair(&w, &found).await, reconcile::Repaired::default(), "{}: once", w.name);
        w.cycle().await;
        assert!(w.states().await.iter().all(|s| s == "sent"));
        assert_eq!([1, 2, 3].map(|n| w.allows(&people[n].1)), [false, true, false], "{}", w.name);
        let (after, left) = check(&w).await;
        // What is left is the activity whose mark was changed, and its writeback, which a later one has overtaken.
        assert!(left.iter().all(|f| f.subscriber_id == c && !f.repairable), "{}: {left:?}", w.name);
        assert_eq!(after.differing, 1);
    }
}

#[tokio::test]
async fn the_night_asks_once_and_a_check_that_broke_off_goes_on() {
    for w in worlds(250).await {
        let people = w.people().await;
        w.act(&people[..120].iter().map(|(id, _)| (*id, UNSUBSCRIBE)).collect::<Vec<_>>()).await;
        w.cycle().await;
        let stop = CancellationToken::new();
        w.engine.check_deliveries(&stop).await.unwrap();
        assert_eq!(reconcile::latest(w.db.read(), w.bridge, 9).await.unwrap(), [], "{}: no night has passed", w.name);
        w.later(86_400);
        w.engine.check_deliveries(&stop).await.unwrap();
        w.engine.check_deliveries(&stop).await.unwrap();
        let all = reconcile::latest(w.db.read(), w.bridge, 9).await.unwrap();
        assert_eq!((all.len(), all[0].asked_by.as_str(), all[0].checked), (1, "schedule", 120), "{}", w.name);
        // The remote fails after the first hundred: what was checked stands, and the reason is told.
        w.remote().inject(FaultRule::always(Fault::ServerError { status: 500 }).on("CustomerInfos").after(100));
        let (failed, _) = check(&w).await;
        assert_eq!((failed.state.as_str(), failed.checked), ("failed", 100), "{}", w.name);
        assert!(failed.reason.contains("could not be reached"), "{}", failed.reason);
        w.remote().clear_faults();
        // A worker that died after the first hundred: another one goes on from there.
        let mut tx = w.db.write().await.unwrap();
        let (id, _) = reconcile::ask(&mut tx, w.bridge, &Actor { at: w.now(), ..actor() }).await.unwrap();
        tx.commit().await.unwrap();
        let dead = reconcile::claim(&w.db, "dies", w.now(), w.now().plus_seconds(300)).await.unwrap().unwrap();
        let slice = reconcile::Slice { position: people[99].0, checked: 100, ..Default::default() };
        let mut tx = w.db.write().await.unwrap();
        assert!(reconcile::advance(&mut tx, &dead, &slice, w.now(), w.now().plus_seconds(300)).await.unwrap());
        tx.commit().await.unwrap();
        w.engine.check_deliveries(&stop).await.unwrap();
        assert_eq!(reconcile::get(w.db.read(), id).await.unwrap().unwrap().state, "running", "{}: the lease holds", w.name);
        w.later(301);
        w.engine.check_deliveries(&stop).await.unwrap();
        let done = reconcile::get(w.db.read(), id).await.unwrap().unwrap();
        assert_eq!((done.state.as_str(), done.checked, done.differing), ("succeeded", 120, 0), "{}", w.name);
        let mut tx = w.db.write().await.unwrap();
        assert!(!reconcile::advance(&mut tx, &dead, &slice, w.now(), w.now()).await.unwrap(), "{}: who comes late writes nothing", w.name);
        drop(tx);
        assert!(Sandbox::split_remote_id(&people[0].1).is_some());
    }
}
