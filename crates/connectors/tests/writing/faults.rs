//! Every fault at every request of a writeback: acknowledged only when the sandbox shows it, and never twice there.

use futures::StreamExt;
use rialto_connectors::ConnectorError;
use rialto_sandbox::{Fault, FaultRule};

use super::*;

/// The requests of a writeback, as fault rules name them.
const PLACES: &[&str] = &[
    "CustomerInfos",
    "Save CustomerInfo",
    "Create CusActivity",
    "Save CusActivity",
    "CusOptInOptions",
    "Save CusOptInOption",
    "CusDemographics",
    "Save CusDemographic",
    "Delete CusDemographic",
    "usr_Rialto_Activities",
];

fn faults() -> Vec<Fault> {
    vec![
        Fault::SlowBody { bytes_per_second: 20 },
        Fault::Timeout { seconds: 3 },
        Fault::RateLimited { retry_after: "120".into() },
        Fault::ServerError { status: 500 },
        Fault::ServerError { status: 503 },
        Fault::ServerError { status: 409 },
        Fault::HtmlPage,
        Fault::TruncatedPayload,
        Fault::EmptyBody,
        Fault::BadCredentials,
        Fault::CutBody { after_bytes: 0 },
        Fault::CutBody { after_bytes: 200 },
        Fault::Validation { status: 200, message: "No.".into() },
        Fault::Validation { status: 400, message: "No.".into() },
        Fault::WrongEntity,
        Fault::RenamedField { from: "ActivityText".into(), to: "Text".into() },
        Fault::RenamedField { from: "ActivityCode".into(), to: "Code".into() },
        Fault::RenamedField { from: "AllowEmailFlag".into(), to: "MailFlag".into() },
        Fault::RenamedField { from: "OptInFlag".into(), to: "Flag".into() },
        Fault::RenamedField { from: "DemographicSubcode".into(), to: "Sub".into() },
        Fault::RenamedField { from: "MasterCustomerId".into(), to: "Id".into() },
        Fault::RenamedField { from: "ACTIVITY_TEXT".into(), to: "TEXT".into() },
    ]
}

fn is_slow(fault: &Fault) -> bool {
    matches!(fault, Fault::Timeout { .. } | Fault::SlowBody { .. })
}

/// Tries until it is acknowledged, each time checking that the words are true; the fault holds for the first two.
async fn settle(remote: &Remote, bridge: &Bridge, person: &Person<'_>, id: i64, what: &What, case: &str) {
    for tried in 0..4 {
        let delivered = deliver(bridge, id, &person.id(), what, tried > 0).await;
        let marks = person.marks(id);
        assert!(marks < 2, "{case}: {marks} marks after {} tries", tried + 1);
        match delivered {
            Ok(_) => {
                assert!(marks == 1 && person.shows(what), "{case}: acknowledged without the effect");
                return;
            }
            Err(error) => {
                assert!(!format!("{error} {error:?}").contains("sandbox-password"), "{case}");
                let set_up = matches!(error, DeliveryError::SetUp { .. });
                assert!(!set_up || marks == 0, "{case}: {error}");
            }
        }
        if tried == 1 {
            remote.sandbox().clear_faults();
        }
    }
    panic!("{case}: never acknowledged");
}

async fn one(fault: Fault, place: &'static str) {
    let remote = Remote::start(40).await;
    let bridge = remote.bridge(&[("requests_per_second", "1000")]);
    let slow = is_slow(&fault);
    // What takes seconds is tried with the two that between them send every request.
    let kinds = all().into_iter().filter(|what| !slow || matches!(what, What::Unsubscribe | What::Interests { .. }));
    for (id, what) in (1..).zip(kinds) {
        for number in 1..=if slow { 1 } else { 3 } {
            let person = Person::of(&remote, number * 3 + 1);
            person.oppose(&what);
            remote.fault(FaultRule::always(fault.clone()).on(place));
            let case = format!("{fault:?} at {place}, {what:?}");
            settle(&remote, &bridge, &person, id * 100 + i64::try_from(number).unwrap(), &what, &case).await;
            remote.sandbox().clear_faults();
        }
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_there_and_nothing_is_there_twice() {
    let cases = faults().into_iter().flat_map(|fault| PLACES.iter().map(move |place| tokio::spawn(one(fault.clone(), place))));
    let mut running = futures::stream::iter(cases).buffer_unordered(32);
    while let Some(case) = running.next().await {
        case.unwrap();
    }
}

/// Longer than any answer to Save here; what lies beyond is cut before the last byte.
const LONGEST_ANSWER: usize = 900;
/// Sandboxes side by side, each with a fault of its own.
const SANDBOXES: usize = 12;

/// The answer to Save is cut after every number of bytes: never acknowledged, and found by the next try.
#[tokio::test]
async fn an_answer_cut_anywhere_is_no_acknowledgement() {
    for saved in ["CusActivity", "CustomerInfo"] {
        let cases: Vec<_> = (0..SANDBOXES).map(|from| tokio::spawn(cut(from, saved))).collect();
        for case in cases {
            case.await.unwrap();
        }
    }
}

async fn cut(from: usize, saved: &'static str) {
    let remote = Remote::start(LONGEST_ANSWER as u64).await;
    let bridge = remote.bridge(&[("requests_per_second", "5000")]);
    for after_bytes in (from..LONGEST_ANSWER).step_by(SANDBOXES) {
        let person = Person::of(&remote, 1 + after_bytes as u64);
        let (id, what) = (1 + i64::try_from(after_bytes).unwrap(), What::Unsubscribe);
        person.oppose(&what);
        remote.sandbox().clear_faults();
        remote.fault(FaultRule::always(Fault::CutBody { after_bytes }).on(&format!("Save {saved}")).times(1));
        let first = deliver(&bridge, id, &person.id(), &what, false).await;
        assert!(matches!(first, Err(DeliveryError::Failed(_))), "{saved} {after_bytes}: {first:?}");
        let second = deliver(&bridge, id, &person.id(), &what, true).await.unwrap();
        let expected = if saved == "CusActivity" { Acknowledged::FoundThere } else { Acknowledged::Written };
        assert_eq!(second, expected, "{saved} {after_bytes}");
        assert!(person.marks(id) == 1 && person.shows(&what));
    }
}

#[tokio::test]
async fn a_write_is_sent_once_whatever_happens_to_it() {
    for fault in faults().into_iter().filter(|f| !is_slow(f)) {
        let remote = Remote::start(40).await;
        let person = Person::of(&remote, 5);
        remote.fault(FaultRule::always(fault.clone()).on("Save CusActivity"));
        let _ = deliver(&remote.bridge(&[]), 1, &person.id(), &What::InvalidEmail { fault: AddressFault::Malformed }, false).await;
        let counts = remote.sandbox().requests().counts;
        assert_eq!(counts.get("POST Save CusActivity"), Some(&1), "{fault:?}");
        assert_eq!(counts.get("GET Create CusActivity"), Some(&1), "{fault:?}");
    }
}

#[tokio::test]
async fn errors_are_of_their_kind() {
    let remote = Remote::start(40).await;
    let (bridge, person) = (remote.bridge(&[]), Person::of(&remote, 5));
    for (fault, kind) in [
        (Fault::RateLimited { retry_after: "120".into() }, "limited"),
        (Fault::ServerError { status: 502 }, "transient"),
        (Fault::CutBody { after_bytes: 9 }, "transient"),
        (Fault::HtmlPage, "protocol"),
        (Fault::EmptyBody, "protocol"),
        (Fault::WrongEntity, "protocol"),
        (Fault::TruncatedPayload, "protocol"),
        (Fault::BadCredentials, "auth"),
    ] {
        remote.sandbox().clear_faults();
        remote.fault(FaultRule::always(fault.clone()).on("Save CusActivity"));
        let error = deliver(&bridge, 1, &person.id(), &What::InvalidEmail { fault: AddressFault::Malformed }, false).await.unwrap_err();
        let DeliveryError::Failed(error) = error else { panic!("{fault:?}: {error:?}") };
        assert_eq!(error.kind(), kind, "{fault:?}");
        if kind == "limited" {
            let ConnectorError::Limited { retry_after } = error else { panic!() };
            assert_eq!(retry_after.map(|d| d.as_secs()), Some(120));
        }
    }
    let probes = [(Fault::HtmlPage, "protocol"), (Fault::ServerError { status: 503 }, "transient")];
    for (fault, kind) in probes {
        remote.sandbox().clear_faults();
        remote.fault(FaultRule::always(fault));
        assert_eq!(bridge.set_up_faults().await.unwrap_err().kind(), kind);
        assert_eq!(bridge.shown(&person.id()).await.unwrap_err().kind(), kind);
        assert_eq!(bridge.interests().await.unwrap_err().kind(), kind);
        assert_eq!(bridge.interests_of(&person.id()).await.unwrap_err().kind(), kind);
    }
}
