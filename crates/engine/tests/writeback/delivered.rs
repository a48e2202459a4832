//! What is delivered, in which order, and what a sync makes of it.

use rialto_core::consent::Cause;
use rialto_core::writeback::{AddressFault, InterestChange, InterestSource, Message, What};
use rialto_sandbox::Sandbox;
use rialto_store::consent::Step;
use rialto_store::writebacks::{self, Fresh};

use crate::support::{ACCOUNT, RESUBSCRIBE, UNSUBSCRIBE, worlds};

#[tokio::test]
async fn each_kind_is_delivered_once_and_shown_there() {
    for w in worlds(60).await {
        let people = w.people().await;
        let (ann, bob, eve) = (&people[0], &people[1], &people[2]);
        w.act(&[(ann.0, UNSUBSCRIBE), (bob.0, UNSUBSCRIBE), (bob.0, RESUBSCRIBE), (eve.0, Step::Invalid(AddressFault::InvalidDomain))])
            .await;
        let change =
            InterestChange { source: InterestSource::Area, code: "NEWS".into(), subcode: String::new(), name: "News".into(), wanted: true };
        let message =
            Message { at: w.now(), account: String::new(), reason: String::new(), what: What::Interests { changes: vec![change] } };
        let mut tx = w.db.write().await.unwrap();
        writebacks::enqueue(&mut tx, &[Fresh { at: message.at, bridge_id: w.bridge, subscriber_id: eve.0, cause: 1_000_000, message }])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        w.cycle().await;
        assert_eq!(w.states().await, ["sent"; 5], "{}", w.name);
        assert_eq!((w.allows(&ann.1), w.allows(&bob.1)), (false, true));
        let (master, sub) = Sandbox::split_remote_id(&eve.1).unwrap();
        assert!(w.remote().opt_ins(&master, sub).contains(&("NEWS".to_owned(), true)));
        let (master, sub) = Sandbox::split_remote_id(&ann.1).unwrap();
        let activity = w.remote().activities(&master, sub).pop().unwrap();
        assert!(activity.text.contains(ACCOUNT) && activity.text.contains("Too much mail"), "{}", activity.text);
        w.check().await;
        // Nothing more to do: the next cycles send nothing.
        let asked = w.remote().requests().total;
        w.cycle().await;
        assert_eq!(w.remote().requests().total, asked, "{}", w.name);
    }
}

#[tokio::test]
async fn what_comes_after_the_cutoff_waits_for_the_next_cycle_and_a_retry_does_not() {
    for w in worlds(60).await {
        let people = w.people().await;
        w.cycle().await;
        w.act(&[(people[0].0, UNSUBSCRIBE)]).await;
        w.look().await;
        assert_eq!(w.states().await, ["new"], "{}", w.name);
        w.set(|s| s.automatic = false).await;
        w.cycle().await;
        assert_eq!(w.states().await, ["new"], "cycles begin only when a person asks");
        let mut tx = w.db.write().await.unwrap();
        let who = rialto_store::Actor { at: w.now(), ..rialto_testkit::actor() };
        writebacks::run_now(&mut tx, w.bridge, w.now().plus_seconds(600), &who).await.unwrap();
        tx.commit().await.unwrap();
        w.look().await;
        assert_eq!(w.states().await, ["sent"], "{}", w.name);
    }
}

#[tokio::test]
async fn a_no_of_ours_comes_back_without_a_cause_and_a_resubscribe_makes_mailable() {
    for w in worlds(60).await {
        let people = w.people().await;
        let ann = &people[0];
        w.act(&[(ann.0, UNSUBSCRIBE)]).await;
        w.cycle().await;
        w.sync().await;
        assert_eq!(w.causes(ann.0).await, [Cause::OwnUnsubscribe], "{}: no echo", w.name);
        w.act(&[(ann.0, RESUBSCRIBE)]).await;
        assert!(w.causes(ann.0).await.is_empty());
        // Not delivered yet: the remote still says the no that we delivered.
        w.sync().await;
        assert!(w.causes(ann.0).await.is_empty(), "{}", w.name);
        w.cycle().await;
        assert!(w.allows(&ann.1));
        w.sync().await;
        assert!(w.causes(ann.0).await.is_empty(), "{}", w.name);
        assert_eq!(w.rows().await.len(), 2, "nothing was queued by a sync");
        // From now on a no there is the remote's own.
        w.allow(&ann.1, false);
        w.sync().await;
        assert_eq!(w.causes(ann.0).await, [Cause::RemoteFlag], "{}", w.name);
    }
}

#[tokio::test]
async fn the_remotes_own_no_is_not_overwritten() {
    for w in worlds(60).await {
        let people = w.people().await;
        let ann = &people[0];
        w.act(&[(ann.0, UNSUBSCRIBE)]).await;
        w.cycle().await;
        // An administrator there says yes, then no: the no is now theirs.
        w.allow(&ann.1, true);
        w.sync().await;
        w.act(&[(ann.0, RESUBSCRIBE)]).await;
        w.allow(&ann.1, false);
        w.sync().await;
        assert_eq!(w.causes(ann.0).await, [Cause::RemoteFlag], "{}", w.name);
        // Queued as a yes, looked at again when claimed.
        assert_eq!(w.rows().await[1].read_message().unwrap().what, What::Resubscribe { say_yes: true });
        w.cycle().await;
        assert_eq!(w.states().await, ["sent", "sent"]);
        assert!(!w.allows(&ann.1), "{}", w.name);
        w.check().await;
    }
}

#[tokio::test]
async fn consent_goes_first_in_order_and_a_dead_letter_stops_nobody_else() {
    for w in worlds(60).await {
        let people = w.people().await;
        w.set(|s| s.concurrency = 1).await;
        let bad = &people[0];
        let others: Vec<_> = people[1..6].iter().map(|(id, _)| (*id, Step::Invalid(AddressFault::Malformed))).collect();
        w.act(&others).await;
        w.act(&[(bad.0, UNSUBSCRIBE), (bad.0, RESUBSCRIBE), (people[1].0, UNSUBSCRIBE), (people[1].0, RESUBSCRIBE)]).await;
        // The remote does not know this person.
        let mut tx = w.db.write().await.unwrap();
        tx.run("UPDATE subscriber SET remote_id = '000000999999-0' WHERE id = $1", rialto_store::args![bad.0]).await.unwrap();
        tx.commit().await.unwrap();
        w.cycle().await;
        assert_eq!(w.states().await, ["sent", "sent", "sent", "sent", "sent", "error", "new", "sent", "sent"], "{}", w.name);
        assert!(w.allows(&people[1].1), "unsubscribed, then resubscribed");
        let rows = w.rows().await;
        let first_bad = rows.iter().filter(|r| r.kind == "invalid_email").map(|r| r.fence).sum::<i64>();
        assert_eq!(first_bad, 5, "each claimed once");
        let times: Vec<(i64,)> =
            w.db.read().all("SELECT writeback_id FROM writeback_try ORDER BY started_at, writeback_id", vec![]).await.unwrap();
        assert_eq!(times.len(), 8);
        w.check().await;
    }
}

#[tokio::test]
async fn a_budget_keeps_a_tenth_for_consent_and_a_rate_holds_for_everybody() {
    for w in worlds(120).await {
        let people = w.people().await;
        w.set(|s| s.per_day = Some(10)).await;
        let bad: Vec<_> = people[..15].iter().map(|(id, _)| (*id, Step::Invalid(AddressFault::Malformed))).collect();
        w.act(&bad).await;
        w.cycle().await;
        let sent = |states: &[String]| states.iter().filter(|s| *s == "sent").count();
        assert_eq!(sent(&w.states().await), 9, "{}: a tenth is kept", w.name);
        w.act(&[(people[16].0, UNSUBSCRIBE), (people[17].0, UNSUBSCRIBE)]).await;
        w.cycle().await;
        assert_eq!(sent(&w.states().await), 10, "{}: consent takes what was kept", w.name);
        assert_eq!(w.destination().await.left_today(w.now()), Some(0));
        w.later(86_400);
        w.set(|s| (s.per_day, s.per_minute) = (None, Some(4))).await;
        w.cycle().await;
        assert_eq!(sent(&w.states().await), 14, "{}: four a minute", w.name);
        w.look().await;
        assert_eq!(sent(&w.states().await), 14);
        w.later(60);
        w.look().await;
        assert_eq!(sent(&w.states().await), 17, "{}", w.name);
        assert!(w.states().await.iter().all(|s| s == "sent"));
        w.check().await;
    }
}
