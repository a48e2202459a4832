//! Every fault of the sandbox against the whole pipeline: invariants I14 to I18.

use rialto_sandbox::{Fault, FaultRule};

use crate::support::{World, worlds};

const MEMBERS: &str = "usr_Rialto_ListMembers";
const LISTS: &str = "usr_Rialto_Lists";

/// The fault, and whether a sync under it may still be complete.
fn faults() -> Vec<(&'static str, FaultRule, bool)> {
    let on = |fault, procedure: &str| FaultRule::always(fault).on(procedure);
    vec![
        ("429 once", on(Fault::RateLimited { retry_after: "0".into() }, MEMBERS).times(1), true),
        ("429 for ever, absurd wait", on(Fault::RateLimited { retry_after: "1000000000".into() }, MEMBERS), false),
        ("500 once", on(Fault::ServerError { status: 500 }, MEMBERS).after(1).times(1), true),
        ("503 for ever", on(Fault::ServerError { status: 503 }, MEMBERS).after(2), false),
        ("no answer", on(Fault::Timeout { seconds: 20 }, MEMBERS).after(1), false),
        ("slow body", on(Fault::SlowBody { bytes_per_second: 400 }, MEMBERS).after(1), false),
        ("cut body", on(Fault::CutBody { after_bytes: 700 }, MEMBERS).after(1), false),
        ("truncated payload", on(Fault::TruncatedPayload, MEMBERS).after(1), false),
        ("HTML page", on(Fault::HtmlPage, MEMBERS), false),
        ("HTML page later", on(Fault::HtmlPage, MEMBERS).after(2), false),
        ("empty list", on(Fault::EmptyList, MEMBERS), false),
        ("empty list later", on(Fault::EmptyList, MEMBERS).after(2), false),
        ("empty list of lists", on(Fault::EmptyList, LISTS), false),
        ("duplicate rows", on(Fault::DuplicateRows, MEMBERS), true),
        ("total too high", on(Fault::WrongTotal { delta: 5 }, LISTS), false),
        ("total too low", on(Fault::WrongTotal { delta: -5 }, LISTS), false),
        ("key renamed", on(Fault::RenamedField { from: "MASTER_CUSTOMER_ID".into(), to: "ID".into() }, MEMBERS), false),
        ("flag renamed", on(Fault::RenamedField { from: "ALLOW_EMAIL_FLAG".into(), to: "EMAIL_OK".into() }, MEMBERS), false),
        ("address renamed", on(Fault::RenamedField { from: "PRIMARY_EMAIL_ADDRESS".into(), to: "EMAIL".into() }, MEMBERS), false),
        ("field renamed", on(Fault::RenamedField { from: "CITY".into(), to: "TOWN".into() }, MEMBERS), false),
        ("oversize value", on(Fault::OversizeValue { bytes: 200_000 }, MEMBERS).times(1), true),
        ("invalid UTF-8", on(Fault::InvalidUtf8, MEMBERS).times(1), true),
        ("bad credentials", on(Fault::BadCredentials, MEMBERS), false),
        ("rows without key", on(Fault::MissingKey, MEMBERS), false),
        ("regenerated once", on(Fault::RegenerateDuring, MEMBERS).times(1), true),
        ("regenerated always", on(Fault::RegenerateDuring, MEMBERS), false),
        ("body too large", on(Fault::OversizeValue { bytes: 40_000_000 }, MEMBERS), false),
    ]
}

async fn check(w: &World, name: &str, rule: FaultRule, may_succeed: bool) {
    let sandbox = &w.sandbox.sandbox;
    let (members, flagged) = (w.members("NEWSLETTER").await, w.flagged().await);
    sandbox.inject(rule);
    let run = w.sync("NEWSLETTER").await;
    sandbox.clear_faults();
    let context = format!("{} under «{name}»: {} {} {}", w.name, run.state, run.reason, run.error_kind);
    assert_eq!(run.state == "succeeded", may_succeed, "{context}");
    // I15, I16: nobody leaves because of a fault, and nobody is suppressed or freed by one.
    assert_eq!(w.members("NEWSLETTER").await, members, "{context}");
    assert_eq!(w.flagged().await, flagged, "{context}");
    if run.state != "succeeded" {
        assert!(!run.reason.is_empty() && !run.advice.is_empty(), "{context}");
        assert_eq!(run.counts().removed, 0);
    }
}

#[tokio::test]
async fn no_fault_removes_frees_or_suppresses_anybody() {
    for w in worlds(500).await {
        w.sync("NEWSLETTER").await;
        for (name, rule, may_succeed) in faults() {
            check(&w, name, rule, may_succeed).await;
        }
        // I17: after all that, an undisturbed sync ends where a clean one would.
        let run = w.sync("NEWSLETTER").await;
        assert_eq!(run.state, "succeeded", "{}", run.reason);
        assert_eq!(w.members("NEWSLETTER").await, w.remote("NEWSLETTER"));
        assert_eq!(w.flagged().await, w.remote_no("NEWSLETTER"));
    }
}

#[tokio::test]
async fn a_first_sync_under_faults_brings_what_it_can_and_the_next_one_the_rest() {
    for w in worlds(400).await {
        let sandbox = &w.sandbox.sandbox;
        sandbox.inject(FaultRule::always(Fault::TruncatedPayload).on(MEMBERS).after(1));
        let run = w.sync("NEWSLETTER").await;
        assert_eq!((run.state.as_str(), run.counts().added), ("incomplete", 100), "{}: {}", w.name, run.reason);
        sandbox.clear_faults();
        let run = w.sync("NEWSLETTER").await;
        assert_eq!(run.state, "succeeded", "{}", run.reason);
        assert_eq!(w.members("NEWSLETTER").await, w.remote("NEWSLETTER"));
    }
}

#[tokio::test]
async fn a_bad_row_never_stops_the_rest() {
    for w in worlds(400).await {
        w.sandbox.sandbox.inject(FaultRule::always(Fault::MissingKey).on(MEMBERS).times(1));
        let run = w.sync("NEWSLETTER").await;
        let c = run.counts();
        assert_eq!(run.state, "incomplete", "{}", run.reason);
        assert!(c.rejected > 0 && c.added == c.read - c.rejected - c.duplicate, "{c:?}");
        let notes: Vec<(i64,)> =
            w.db.read()
                .all("SELECT COUNT(*) FROM sync_run_note WHERE run_id = $1 AND kind = 'rejected'", rialto_store::args![run.id])
                .await
                .unwrap();
        assert_eq!(notes[0].0, c.rejected, "{}", w.name);
    }
}

/// Rows that move while the list is read: the run is read again or waits, and nobody is lost for good.
#[tokio::test]
async fn rows_that_move_between_pages_lose_nobody() {
    for w in worlds(400).await {
        w.sync("NEWSLETTER").await;
        w.sandbox.sandbox.inject(FaultRule::always(Fault::MovingRows).on(MEMBERS).times(1));
        let run = w.sync("NEWSLETTER").await;
        assert!(["succeeded", "incomplete"].contains(&run.state.as_str()), "{}", run.reason);
        w.sandbox.sandbox.clear_faults();
        let run = w.sync("NEWSLETTER").await;
        assert_eq!(run.state, "succeeded", "{}", run.reason);
        assert_eq!(w.members("NEWSLETTER").await, w.remote("NEWSLETTER"), "{}", w.name);
    }
}
