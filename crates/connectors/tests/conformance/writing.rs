//! Writebacks under faults of every request: acknowledged only where the remote shows it, never there twice, no writing request repeated.

use rialto_connectors::DeliveryError;
use rialto_core::writeback::What;
use rialto_sandbox::{Fault, FaultRule};

use super::cases::{Case, Found, NOT_ASKED, hold};
use super::faults::{is_slow, of_writes, words};
use super::subject::{Subject, class, deliver, mark};
use crate::support::Bridge;

const SAFE: &str = "Writeback";
const ONCE: &str = "Writing request of a try";

pub fn cases<S: Subject>() -> Vec<Case> {
    let renamed = S::NAMES.iter().map(|name| Fault::RenamedField { from: (*name).into(), to: "Other".into() });
    let mut cases = Vec::new();
    for fault in of_writes().into_iter().chain(renamed) {
        for place in S::PLACES {
            cases.push(Case::new(SAFE, words(&fault), safe::<S>(fault.clone(), place)).at(format!("{fault:?} at {place}")));
        }
        if !is_slow(&fault) {
            cases.push(Case::new(ONCE, "any of these", once::<S>(fault.clone())).at(format!("{fault:?}")));
        }
    }
    for (at, from) in (0..600).step_by(75).enumerate() {
        cases.push(Case::new(SAFE, "answer cut anywhere", cut::<S>(from..from + 75)).at(format!("part {at}")));
    }
    cases.push(Case::new(SAFE, "given up in the middle", dropped::<S>()));
    cases
}

/// Each kind under a fault that holds for the first two tries.
async fn safe<S: Subject>(fault: Fault, place: &'static str) -> Found {
    let remote = S::start(40).await;
    let slow = is_slow(&fault);
    // What takes seconds is tried with those that between them send every request.
    let fast = |what: &What| !matches!(what, What::Resubscribe { .. } | What::InvalidEmail { .. });
    let mut first = None;
    for (at, what) in (1..).zip(remote.all().into_iter().filter(|what| !slow || fast(what))) {
        for number in 1..=if slow { 1 } else { 3 } {
            let person = remote.id(number * 3 + 1);
            remote.oppose(&person, &what);
            // A connector of its own, so that what it learns once is learned under the fault, too.
            let bridge = remote.bridge(&[]);
            remote.fault(FaultRule::always(fault.clone()).on(place));
            let id = at * 100 + i64::try_from(number).unwrap_or_default();
            let met = settle(&remote, &bridge, &person, id, &what).await.map_err(|why| format!("{what:?}: {why}"))?;
            first = first.or(met);
            remote.clear_faults();
        }
    }
    Ok(first.unwrap_or(NOT_ASKED).to_owned())
}

/// Tries until it is acknowledged; the class of the first error.
async fn settle<S: Subject>(remote: &S, bridge: &Bridge, person: &str, id: i64, what: &What) -> Result<Option<&'static str>, String> {
    let mut first = None;
    for tried in 0..4 {
        let delivered = deliver(bridge, id, person, what, tried > 0).await;
        let marks = remote.marks(person, what, &mark(id));
        hold!(marks < 2, "it stands there {marks} times after {} tries", tried + 1);
        match delivered {
            Ok(_) => {
                hold!(marks == 1 && remote.shows(person, what), "acknowledged, and not there");
                return Ok(first);
            }
            Err(error) => {
                let told = format!("{error} {error:?}");
                hold!(!told.contains(S::SECRET), "the error holds the secret: {told}");
                hold!(!matches!(error, DeliveryError::SetUp { .. }) || marks == 0, "held, and there: {told}");
                first = first.or(Some(class(&error)));
            }
        }
        if tried == 1 {
            remote.clear_faults();
        }
    }
    Err("never acknowledged".into())
}

/// Within one try, no request that writes is sent twice.
async fn once<S: Subject>(fault: Fault) -> Found {
    for what in S::start(1).await.all() {
        for place in S::PLACES.iter().filter(|place| is_write(place)) {
            let remote = S::start(40).await;
            let person = remote.id(5);
            remote.oppose(&person, &what);
            remote.fault(FaultRule::always(fault.clone()).on(place));
            let _ = deliver(&remote.bridge(&[]), 1, &person, &what, false).await;
            for (request, times) in remote.requests().counts {
                // Of several interests each has a request of its own.
                let several = matches!(what, What::Interests { .. }) && !request.contains("Activity");
                hold!(!is_write(&request) || several || times <= 1, "{request} was sent {times} times, {place}");
            }
        }
    }
    Ok("sent once".to_owned())
}

/// Whether a request, or a place that fault rules name, writes.
fn is_write(request: &str) -> bool {
    ["Save", "Create", "Delete", "PUT ", "DELETE ", "POST Activity", "POST INFORMZ_PERSONA"].iter().any(|word| request.contains(word))
}

/// The answer to the last writing request is cut after every few bytes: no acknowledgement, and found by the next try.
async fn cut<S: Subject>(bytes: std::ops::Range<usize>) -> Found {
    let remote = S::start(600).await;
    let bridge = remote.bridge(&[]);
    for after_bytes in bytes.step_by(5) {
        let (id, person) = (1 + i64::try_from(after_bytes).unwrap_or_default(), remote.id(1 + after_bytes as u64));
        remote.oppose(&person, &What::Unsubscribe);
        remote.clear_faults();
        remote.fault(FaultRule::always(Fault::CutBody { after_bytes }).on(S::LAST).times(1));
        let first = deliver(&bridge, id, &person, &What::Unsubscribe, false).await;
        hold!(matches!(first, Err(DeliveryError::Failed(_))), "{after_bytes}: {first:?}");
        let second = deliver(&bridge, id, &person, &What::Unsubscribe, true).await;
        hold!(matches!(second, Ok(rialto_connectors::Acknowledged::FoundThere)), "{after_bytes}: {second:?}");
        hold!(remote.marks(&person, &What::Unsubscribe, &mark(id)) == 1, "{after_bytes}: not there once");
    }
    Ok("found by the next try".to_owned())
}

/// The process gives a try up while its last request is under way.
async fn dropped<S: Subject>() -> Found {
    let remote = S::start(40).await;
    let bridge = remote.bridge(&[]);
    for (id, what) in (1..).zip(remote.all()) {
        if matches!(what, What::Persona { .. }) {
            continue;
        }
        let person = remote.id(u64::try_from(id).unwrap_or_default());
        remote.oppose(&person, &what);
        remote.fault(FaultRule::always(Fault::Timeout { seconds: 2 }).on(S::LAST).times(1));
        let began = tokio::time::timeout(std::time::Duration::from_millis(900), deliver(&bridge, id, &person, &what, false)).await;
        hold!(began.is_err(), "{what:?}: it was through already: {began:?}");
        let delivered = deliver(&bridge, id, &person, &what, true).await;
        hold!(delivered.is_ok(), "{what:?}: {delivered:?}");
        let marks = remote.marks(&person, &what, &mark(id));
        hold!(marks == 1 && remote.shows(&person, &what), "{what:?}: it stands there {marks} times");
        remote.clear_faults();
    }
    Ok("there once".to_owned())
}
