//! Writebacks of consent and bad addresses: acknowledged only when the sandbox shows them, and never twice there.

use futures::StreamExt;
use rialto_core::consent::Flag;
use rialto_core::writeback::AddressFault;
use rialto_sandbox::imis::Contact;
use rialto_sandbox::{Fault, FaultRule};

use super::*;

fn all() -> Vec<What> {
    vec![
        What::Unsubscribe,
        What::Resubscribe { say_yes: true },
        What::Resubscribe { say_yes: false },
        What::InvalidEmail { fault: AddressFault::InvalidDomain },
    ]
}

fn id(number: u64) -> String {
    (100 + number).to_string()
}

fn marks(remote: &Remote, person: &str, number: i64) -> usize {
    remote.sandbox().activities(person).iter().filter(|a| a.description.contains(&mark(number))).count()
}

/// Makes the person differ from what the message wants.
fn oppose(remote: &Remote, person: &str, what: &What) {
    remote.sandbox().set_do_not_email(person, matches!(what, What::Resubscribe { .. })).unwrap();
}

fn shows(contact: &Contact, what: &What) -> bool {
    match what {
        What::Unsubscribe => contact.do_not_email(),
        What::Resubscribe { say_yes } => contact.do_not_email() != *say_yes,
        _ => true,
    }
}

#[tokio::test]
async fn each_kind_is_written_once_and_changes_nothing_else() {
    for generation in GENERATIONS {
        let remote = Remote::start(200, generation).await;
        let bridge = remote.bridge(&[]);
        for (at, (what, kind)) in (1..).zip(all().iter().zip(["iUnsub", "iResub", "iResub", "iBadEmail"])) {
            for number in 1..=25 {
                let person = id(number);
                oppose(&remote, &person, what);
                let before = remote.sandbox().contact(&person).unwrap();
                let writeback = at * 1_000 + i64::try_from(number).unwrap();
                assert_eq!(deliver(&bridge, writeback, &person, what, false).await.unwrap(), Acknowledged::Written);
                let after = remote.sandbox().contact(&person).unwrap();
                assert!(shows(&after, what), "{what:?} {number} {generation:?}");
                let email = remote.sandbox().communication_types()[0].id.clone();
                let others = |c: &Contact| c.preferences.iter().filter(|p| p.type_id != email).cloned().collect::<Vec<_>>();
                assert_eq!(others(&after), others(&before), "other preferences stay");
                assert_eq!(Contact { preferences: before.preferences.clone(), ..after }, before, "nothing but the preference");
                let written: Vec<_> =
                    remote.sandbox().activities(&person).into_iter().filter(|a| a.description.contains(&mark(writeback))).collect();
                assert_eq!((written.len(), written[0].activity_type.as_str()), (1, kind));
                assert_eq!(written[0].transaction_date, "2026-01-05T08:09:10");
                let address = before.email.as_deref().unwrap_or_default();
                assert!(written[0].description.starts_with(&format!("{address}|2026-01-05 08:09:10 UTC|Lumora Society|")));
                assert!(written[0].description.ends_with(&mark(writeback)) && written[0].description.chars().count() <= 250);
                assert_eq!(deliver(&bridge, writeback, &person, what, true).await.unwrap(), Acknowledged::FoundThere);
                assert_eq!(marks(&remote, &person, writeback), 1);
            }
        }
        let shown = bridge.shown(&id(3)).await.unwrap();
        assert_eq!(shown.markers, (1..=4).map(|at| mark(at * 1_000 + 3)).collect::<Vec<_>>());
        assert_eq!(remote.sandbox().marked().iter().filter(|m| m.activities.len() != 1).count(), 0);
    }
}

#[tokio::test]
async fn the_standing_check_sees_what_reading_lists_sees() {
    for generation in GENERATIONS {
        let remote = Remote::start(120, generation).await;
        let bridge = remote.bridge(&[]);
        for number in 1..=120 {
            let no = remote.sandbox().contact(&id(number)).unwrap().do_not_email();
            let flag = if no { Flag::No } else { Flag::Yes };
            assert_eq!(bridge.shown(&id(number)).await.unwrap().flag, Some(flag), "{number}");
        }
        assert_eq!(bridge.shown("99999").await.unwrap().flag, None);
    }
}

#[tokio::test]
async fn people_who_are_not_there_are_refused() {
    let remote = Remote::start(50, Generation::Ems).await;
    let bridge = remote.bridge(&[]);
    for what in all() {
        for person in ["99999", "nonsense", "", "~101|1", "_execute", ".."] {
            refused(deliver(&bridge, 1, person, &what, false).await);
        }
    }
    assert_eq!(remote.sandbox().activity_count(), 0);
    let interests = What::Interests { changes: Vec::new() };
    assert!(refused(deliver(&bridge, 1, "101", &interests, false).await).contains("Interests"));
}

#[tokio::test]
async fn a_preference_without_its_mark_is_finished_and_a_later_one_of_the_remotes_own_stays() {
    let remote = Remote::start(50, Generation::Ems).await;
    let bridge = remote.bridge(&[]);
    let person = id(7);
    remote.sandbox().set_do_not_email(&person, true);
    remote.sandbox().clear_requests();
    assert_eq!(deliver(&bridge, 1, &person, &What::Unsubscribe, true).await.unwrap(), Acknowledged::Written);
    assert_eq!(remote.sandbox().requests().counts.get("PUT Party"), None, "what stands there is not written again");
    remote.sandbox().set_do_not_email(&person, false);
    assert_eq!(deliver(&bridge, 1, &person, &What::Unsubscribe, true).await.unwrap(), Acknowledged::FoundThere);
    assert!(!remote.sandbox().contact(&person).unwrap().do_not_email(), "an old writeback takes no later yes back");
}

/// The requests of a writeback, as fault rules name them.
const PLACES: &[&str] = &["POST token", "GET Party", "PUT Party", "GET CommunicationType", "POST Activity", "GET Activity"];

fn faults() -> Vec<Fault> {
    vec![
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
        Fault::RenamedField { from: "DESCRIPTION".into(), to: "Text".into() },
        Fault::RenamedField { from: "ACTIVITY_TYPE".into(), to: "Type".into() },
        Fault::RenamedField { from: "OptInFlag".into(), to: "Flag".into() },
        Fault::RenamedField { from: "CommunicationTypeId".into(), to: "TypeId".into() },
        Fault::RenamedField { from: "Properties".into(), to: "Values".into() },
        Fault::RenamedField { from: "Items".into(), to: "Rows".into() },
    ]
}

fn is_slow(fault: &Fault) -> bool {
    matches!(fault, Fault::Timeout { .. })
}

/// Tries until it is acknowledged, each time checking that the words are true; the fault holds for the first two.
async fn settle(remote: &Remote, bridge: &Bridge, person: &str, writeback: i64, what: &What, case: &str) {
    for tried in 0..4 {
        let delivered = deliver(bridge, writeback, person, what, tried > 0).await;
        let marks = marks(remote, person, writeback);
        assert!(marks < 2, "{case}: {marks} marks after {} tries", tried + 1);
        match delivered {
            Ok(_) => {
                let contact = remote.sandbox().contact(person).unwrap();
                assert!(marks == 1 && shows(&contact, what), "{case}: acknowledged without the effect");
                return;
            }
            Err(error) => {
                assert!(!format!("{error} {error:?}").contains(PASSWORD), "{case}");
                assert!(!matches!(error, DeliveryError::SetUp { .. }) || marks == 0, "{case}: {error}");
            }
        }
        if tried == 1 {
            remote.sandbox().clear_faults();
        }
    }
    panic!("{case}: never acknowledged");
}

async fn one(fault: Fault, place: &'static str, generation: Generation) {
    let remote = Remote::start(40, generation).await;
    let slow = is_slow(&fault);
    let kinds = all().into_iter().filter(|what| !slow || matches!(what, What::Unsubscribe));
    for (at, what) in (1..).zip(kinds) {
        for number in 1..=if slow { 1 } else { 3 } {
            let person = id(number * 3 + 1);
            // Each with a sign-in and a communication type of its own.
            let bridge = remote.bridge(&[]);
            oppose(&remote, &person, &what);
            remote.fault(FaultRule::always(fault.clone()).on(place));
            let case = format!("{fault:?} at {place}, {what:?}, {generation:?}");
            settle(&remote, &bridge, &person, at * 100 + i64::try_from(number).unwrap(), &what, &case).await;
            remote.sandbox().clear_faults();
        }
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_there_and_nothing_is_there_twice() {
    let cases = faults().into_iter().flat_map(|fault| {
        PLACES.iter().flat_map(move |place| {
            let fault = fault.clone();
            GENERATIONS.map(move |generation| tokio::spawn(one(fault.clone(), place, generation)))
        })
    });
    let mut running = futures::stream::iter(cases).buffer_unordered(32);
    while let Some(case) = running.next().await {
        case.unwrap();
    }
}

#[tokio::test]
async fn a_write_is_sent_once_whatever_happens_to_it() {
    for fault in faults().into_iter().filter(|f| !is_slow(f)) {
        for (place, what) in [("PUT Party", What::Unsubscribe), ("POST Activity", What::InvalidEmail { fault: AddressFault::Malformed })] {
            let remote = Remote::start(40, Generation::Ems).await;
            let person = id(5);
            oppose(&remote, &person, &what);
            remote.fault(FaultRule::always(fault.clone()).on(place));
            let _ = deliver(&remote.bridge(&[]), 1, &person, &what, false).await;
            assert_eq!(remote.sandbox().requests().counts.get(place), Some(&1), "{fault:?} at {place}");
        }
    }
}

/// The answer to a write is cut after every number of bytes: never acknowledged, and found by the next try.
#[tokio::test]
async fn an_answer_cut_anywhere_is_no_acknowledgement() {
    let remote = Remote::start(600, Generation::Ems).await;
    let bridge = remote.bridge(&[]);
    for after_bytes in (0..600).step_by(7) {
        let (number, person) = (1 + i64::try_from(after_bytes).unwrap(), id(1 + after_bytes as u64));
        oppose(&remote, &person, &What::Unsubscribe);
        remote.sandbox().clear_faults();
        remote.fault(FaultRule::always(Fault::CutBody { after_bytes }).on("POST Activity").times(1));
        let first = deliver(&bridge, number, &person, &What::Unsubscribe, false).await;
        assert!(matches!(first, Err(DeliveryError::Failed(_))), "{after_bytes}: {first:?}");
        assert_eq!(deliver(&bridge, number, &person, &What::Unsubscribe, true).await.unwrap(), Acknowledged::FoundThere);
        assert_eq!(marks(&remote, &person, number), 1);
    }
}

#[tokio::test]
async fn a_token_that_runs_out_before_a_write_costs_one_try() {
    let remote = Remote::start(40, Generation::Ems).await;
    let (bridge, person) = (remote.bridge(&[]), id(5));
    oppose(&remote, &person, &What::Unsubscribe);
    remote.fault(FaultRule::always(Fault::BadCredentials).on("POST Activity").times(1));
    let error = deliver(&bridge, 1, &person, &What::Unsubscribe, false).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Failed(ref e) if e.kind() == "auth"), "{error:?}");
    assert_eq!(deliver(&bridge, 1, &person, &What::Unsubscribe, true).await.unwrap(), Acknowledged::Written);
    assert_eq!(marks(&remote, &person, 1), 1);
}

#[tokio::test]
async fn many_writebacks_go_side_by_side() {
    let remote = Remote::start(400, Generation::Ems).await;
    let bridge = remote.bridge(&[]);
    let work = (1..=200u64).map(|number| {
        let (bridge, person) = (bridge.clone(), id(number));
        async move { deliver(&bridge, i64::try_from(number).unwrap(), &person, &What::Unsubscribe, false).await }
    });
    let done: Vec<Delivered> = futures::stream::iter(work).buffer_unordered(16).collect().await;
    assert!(done.iter().all(|d| matches!(d, Ok(Acknowledged::Written))));
    let marked = remote.sandbox().marked();
    assert_eq!((marked.len(), marked.iter().filter(|m| m.activities.len() > 1).count()), (200, 0));
    assert_eq!(remote.sandbox().tokens_issued(), 1, "all that ask at once share one sign-in");
}
