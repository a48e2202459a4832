//! MemberSuite fetches what people decided: the engine's own worker leaves it alone, syncs make no echo of it, the standing check stays true.

use std::sync::atomic::Ordering;

use rialto_core::Instant;
use rialto_core::consent::{Cause, Lifter};
use rialto_core::ids::{Kind, PublicId};
use rialto_core::writeback::Delivery;
use rialto_store::consent::{self, Step};
use rialto_store::writebacks::{self, Claimed, Fetched, Heard, Settings, Word};
use rialto_store::{Actor, args, reconcile};
use rialto_testkit::actor;
use tokio_util::sync::CancellationToken;

use crate::leave_out::{EVERYBODY, World, worlds};

const LEASE: i64 = 300;

impl World {
    fn now(&self) -> Instant {
        Instant(self.time.fetch_add(1_000_000, Ordering::SeqCst))
    }

    async fn deliver(&self, delivery: Delivery) {
        let mut tx = self.db.write().await.unwrap();
        let who = Actor { at: self.now(), ..actor() };
        writebacks::put_settings(&mut tx, self.bridge, &Settings { delivery, ..Settings::default() }, &who).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn fetch(&self, batch: &str) -> Vec<Claimed> {
        let now = self.now();
        match writebacks::fetch(&self.db, self.bridge, batch, now, now.plus_seconds(LEASE), 100).await.unwrap() {
            Fetched::Batch { rows, .. } => rows,
            other => panic!("{other:?}"),
        }
    }

    /// Does what was fetched, as a job of the association would.
    fn work(&self, rows: &[Claimed]) {
        for row in rows {
            if let Some(flag) = row.read_message().unwrap().flag() {
                self.sandbox().set_do_not_email(&row.remote_id, flag == rialto_core::consent::Flag::No);
            }
        }
    }

    async fn acknowledge(&self, batch: &str, rows: &[Claimed]) -> Vec<Heard> {
        let d = writebacks::destination(self.db.read(), self.bridge).await.unwrap().unwrap();
        let word = |c: &Claimed| Word { of: PublicId::new(Kind::Writeback, Instant(c.created_at), c.id), refused: None };
        let words: Vec<Word> = rows.iter().map(word).collect();
        writebacks::hear(&self.db, &d, batch, &words, "MemberSuite", self.now()).await.unwrap()
    }

    /// Fetched, done and acknowledged.
    async fn polled(&self, batch: &str) -> usize {
        let rows = self.fetch(batch).await;
        self.work(&rows);
        let heard = if rows.is_empty() { Vec::new() } else { self.acknowledge(batch, &rows).await };
        assert!(heard.iter().all(|h| *h == Heard::Recorded), "{}: {heard:?}", self.name);
        rows.len()
    }

    /// Somebody who shares their address with nobody.
    async fn alone(&self) -> (i64, String) {
        let text = "SELECT id, remote_id FROM subscriber s WHERE canonical <> '' AND NOT EXISTS
            (SELECT 1 FROM subscriber o WHERE o.canonical = s.canonical AND o.id <> s.id) ORDER BY id LIMIT 1";
        self.db.read().one(text, vec![]).await.unwrap()
    }

    async fn check(&self) -> (reconcile::Check, Vec<reconcile::Finding>) {
        let mut tx = self.db.write().await.unwrap();
        let (id, _) = reconcile::ask(&mut tx, self.bridge, &Actor { at: self.now(), ..actor() }).await.unwrap();
        tx.commit().await.unwrap();
        self.engine.check_deliveries(&CancellationToken::new()).await.unwrap();
        let check = reconcile::get(self.db.read(), id).await.unwrap().unwrap();
        assert_eq!(check.state, "succeeded", "{}: {}", self.name, check.reason);
        (check, reconcile::findings(self.db.read(), id, 0, 100).await.unwrap())
    }

    async fn states(&self) -> Vec<String> {
        let rows: Vec<(String,)> = self.db.read().all("SELECT state FROM writeback ORDER BY id", vec![]).await.unwrap();
        rows.into_iter().map(|(s,)| s).collect()
    }
}

#[tokio::test]
async fn the_worker_leaves_it_to_membersuite_and_nothing_comes_back_as_its_own_word() {
    for w in worlds(200).await {
        w.sync(EVERYBODY).await;
        w.deliver(Delivery::Polled).await;
        let (row, id) = w.alone().await;
        w.decide(row, Step::Open(Cause::OwnUnsubscribe)).await;
        assert_eq!(w.states().await, ["new"], "{}: the engine pushed it", w.name);
        assert!(!w.sandbox().person(&id).unwrap().do_not_email);
        // Done there, and the job dies before it says so: a sync reads our own no.
        let lost = w.fetch("a").await;
        w.work(&lost);
        w.sync(EVERYBODY).await;
        assert!(w.flagged().await.is_empty(), "{}: our no became the remote's", w.name);
        w.time.fetch_add((LEASE + 1) * 1_000_000, Ordering::SeqCst);
        w.sync(EVERYBODY).await;
        assert!(w.flagged().await.is_empty(), "{}", w.name);
        assert_eq!(w.acknowledge("a", &lost).await, [Heard::Late], "{}", w.name);
        assert_eq!(w.polled("b").await, 1, "{}: it comes again", w.name);
        assert_eq!(w.states().await, ["sent"]);
        w.sync(EVERYBODY).await;
        assert!(w.flagged().await.is_empty(), "{}", w.name);

        w.decide(row, Step::Lift(Lifter::Person)).await;
        assert_eq!(w.polled("c").await, 1);
        assert!(!w.sandbox().person(&id).unwrap().do_not_email, "{}: unticked", w.name);
        w.sync(EVERYBODY).await;
        assert!(consent::open_causes(w.db.read(), row).await.unwrap().is_empty(), "{}", w.name);
        assert!(w.members(EVERYBODY).await.contains(&id), "{}", w.name);
        // Then MemberSuite itself says no: that is its own word.
        w.sandbox().set_do_not_email(&id, true);
        w.sync(EVERYBODY).await;
        assert_eq!(consent::open_causes(w.db.read(), row).await.unwrap(), [Cause::RemoteFlag], "{}", w.name);
    }
}

#[tokio::test]
async fn the_standing_check_needs_no_mark_of_what_was_fetched_and_finds_what_is_not_so() {
    for w in worlds(200).await {
        w.sync(EVERYBODY).await;
        w.deliver(Delivery::Polled).await;
        let (row, id) = w.alone().await;
        w.decide(row, Step::Open(Cause::OwnUnsubscribe)).await;
        w.polled("a").await;
        assert!(w.sandbox().activities(&id).is_empty(), "the job leaves no activity");
        let (check, found) = w.check().await;
        assert_eq!((check.checked, check.differing, found.len()), (1, 0, 0), "{}: {found:?}", w.name);
        // Acknowledged, and not so any more: drift, which a repair tells again.
        w.sandbox().set_do_not_email(&id, false);
        let (check, found) = w.check().await;
        assert_eq!((check.differing, found.len(), found[0].kind.as_str(), found[0].repairable), (1, 1, "flag", true), "{}", w.name);
        let mut tx = w.db.write().await.unwrap();
        let who = Actor { at: w.now(), ..actor() };
        assert_eq!(reconcile::repair(&mut tx, &check, &who).await.unwrap().queued, 1);
        tx.commit().await.unwrap();
        assert_eq!(w.polled("b").await, 1);
        assert_eq!(w.check().await.0.differing, 0, "{}", w.name);
        // Pushed again from here on, it is asked for marks of what it pushed, and only of that.
        w.deliver(Delivery::Push).await;
        w.decide(row, Step::Lift(Lifter::Person)).await;
        assert_eq!(w.states().await, ["sent", "sent", "sent"], "{}", w.name);
        assert_eq!(w.sandbox().activities(&id).len(), 1, "{}", w.name);
        assert_eq!(w.check().await.0.differing, 0, "{}", w.name);
        let (n,): (i64,) = w.db.read().one("SELECT COUNT(*) FROM writeback_try WHERE worker LIKE 'poll-%'", args![]).await.unwrap();
        assert_eq!(n, 2, "{}", w.name);
    }
}
