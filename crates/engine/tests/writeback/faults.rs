//! What goes wrong at the remote: the path of states, tries, outages, set-up faults.

use rialto_connectors::personify360;
use rialto_sandbox::{Fault, FaultRule, Options};

use crate::support::{UNSUBSCRIBE, worlds, worlds_with};

/// Wrong at the one request that leaves the mark, while the service as a whole answers.
fn faults() -> Vec<Fault> {
    vec![
        Fault::RateLimited { retry_after: "0".into() },
        Fault::ServerError { status: 500 },
        Fault::ServerError { status: 503 },
        Fault::HtmlPage,
        Fault::TruncatedPayload,
        Fault::EmptyBody,
        Fault::CutBody { after_bytes: 0 },
        Fault::CutBody { after_bytes: 120 },
        Fault::WrongEntity,
        Fault::Validation { status: 200, message: "No.".into() },
        Fault::Validation { status: 400, message: "No.".into() },
        Fault::Timeout { seconds: 20 },
    ]
}

#[tokio::test]
async fn three_tries_by_themselves_then_one_a_press_and_never_twice_there() {
    for w in worlds(200).await {
        let people = w.people().await;
        for (number, fault) in faults().into_iter().enumerate() {
            let (id, remote_id) = &people[number];
            w.act(&[(*id, UNSUBSCRIBE)]).await;
            w.fault(fault.clone(), "Save CusActivity");
            let context = format!("{} {fault:?}", w.name);
            let wb = w.rows().await.pop().unwrap().id;
            // A request that was carried out is found by its mark at the second try, whatever the answer was.
            let mut failed = 0;
            for _ in 0..5 {
                w.cycle().await;
                w.look().await;
                let row = w.rows().await.pop().unwrap();
                failed = w.tries(wb).await.iter().filter(|t| *t == "error").count();
                assert!(failed <= 3 && row.tries <= 3, "{context}: {} tries", row.tries);
                assert!(matches!(row.state.as_str(), "error" | "sent"), "{context}: {}", row.state);
                assert!(row.state != "error" || !row.reason.is_empty(), "{context}");
                w.check().await;
            }
            let row = w.rows().await.pop().unwrap();
            if row.state == "error" {
                assert_eq!((failed, row.next_at), (3, None), "{context}: nothing more happens by itself");
                // A manual retry is one try.
                assert!(w.retry(wb).await);
                w.look().await;
                w.cycle().await;
                assert_eq!(w.tries(wb).await.len(), 4, "{context}");
                w.remote().clear_faults();
                assert!(w.retry(wb).await, "{context}");
                w.look().await;
            }
            w.remote().clear_faults();
            let row = w.rows().await.pop().unwrap();
            assert_eq!((row.state.as_str(), w.allows(remote_id)), ("sent", false), "{context}");
            assert!(!w.retry(wb).await, "{context}: what was sent stays sent");
            w.check().await;
        }
    }
}

#[tokio::test]
async fn an_outage_costs_the_try_that_found_it_and_ends_by_itself() {
    for w in worlds(120).await {
        let people = w.people().await;
        w.set(|s| s.concurrency = 1).await;
        let acts: Vec<_> = people[..30].iter().map(|(id, _)| (*id, UNSUBSCRIBE)).collect();
        w.act(&acts).await;
        w.remote().inject(FaultRule::always(Fault::ServerError { status: 503 }));
        w.cycle().await;
        let d = w.destination().await;
        assert!(
            d.blocked_at.is_some() && d.blocked_reason.contains("could not be reached"),
            "{}: {} {:?}",
            w.name,
            d.blocked_reason,
            w.rows().await
        );
        let rows = w.rows().await;
        assert_eq!(rows.iter().filter(|r| r.state == "error" && r.tries == 1).count(), 1, "{}", w.name);
        assert_eq!(rows.iter().filter(|r| r.state == "new" && r.tries == 0).count(), 29, "{}", w.name);
        // Blocked: only probes ask, further and further apart.
        let asked = w.remote().requests().total;
        w.look().await;
        assert_eq!(w.remote().requests().total, asked, "{}", w.name);
        for _ in 0..6 {
            w.cycle().await;
        }
        assert_eq!(w.rows().await.iter().map(|r| r.tries).sum::<i64>(), 1, "{}: the outage cost one try", w.name);
        let d = w.destination().await;
        assert_eq!((d.probe_at - w.now().0) / 1_000_000, 600);
        w.remote().clear_faults();
        w.later(601);
        w.look().await;
        assert_eq!(w.destination().await.blocked_at, None);
        assert!(w.states().await.iter().all(|s| s == "sent"), "{}: {:?}", w.name, w.states().await);
        assert_eq!(w.destination().await.budget_used, 31, "{}: what went back unsent is not counted", w.name);
        w.check().await;
    }
}

#[tokio::test]
async fn the_remotes_word_when_to_come_back_is_kept() {
    for w in worlds(60).await {
        let people = w.people().await;
        w.set(|s| s.concurrency = 1).await;
        for (asked, waits) in [("120", 120), ("1000000000", 3_600)] {
            w.act(&people[..2].iter().map(|(id, _)| (*id, UNSUBSCRIBE)).collect::<Vec<_>>()).await;
            w.fault(Fault::RateLimited { retry_after: asked.into() }, "Save CusActivity");
            w.cycle().await;
            let d = w.destination().await;
            assert_eq!((d.probe_at - w.now().0) / 1_000_000, waits, "{}", w.name);
            w.remote().clear_faults();
            w.later(waits - 1);
            let total = w.remote().requests().total;
            w.look().await;
            assert_eq!(w.remote().requests().total, total, "{}: asked before its time", w.name);
            w.later(601);
            w.look().await;
            assert!(w.states().await.iter().all(|s| s == "sent"), "{}", w.name);
            w.act(&people[..2].iter().map(|(id, _)| (*id, crate::support::RESUBSCRIBE)).collect::<Vec<_>>()).await;
            w.cycle().await;
        }
        w.check().await;
    }
}

#[tokio::test]
async fn without_codes_all_are_held_and_go_by_themselves_after_the_script() {
    for w in worlds_with(Options { people: 120, installed: true, ..Options::default() }).await {
        let people = w.people().await;
        w.set(|s| s.concurrency = 2).await;
        w.remote().set_code("RIALTO_UNSUB", false);
        w.act(&people[..20].iter().map(|(id, _)| (*id, UNSUBSCRIBE)).collect::<Vec<_>>()).await;
        w.act(&[(people[21].0, rialto_store::consent::Step::Invalid(rialto_core::writeback::AddressFault::Malformed))]).await;
        w.cycle().await;
        let rows = w.rows().await;
        assert!(rows[..20].iter().all(|r| r.state == "held" && r.tries == 0 && r.reason.contains("RIALTO_UNSUB")), "{}", w.name);
        assert_eq!(rows[20].state, "sent", "{}: other kinds go on", w.name);
        assert!(w.destination().await.set_up()[0].detail.contains("RIALTO_UNSUB"));
        w.cycle().await;
        assert!(w.rows().await[..20].iter().all(|r| r.state == "held"), "{}", w.name);
        w.remote().run_setup(personify360::setup_script());
        w.cycle().await;
        assert!(w.rows().await.iter().all(|r| r.state == "sent" && r.tries == 1), "{}", w.name);
        w.check().await;
    }
}
