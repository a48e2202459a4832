//! Writebacks of consent and bad addresses: what is particular to iMIS.

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

#[tokio::test]
async fn an_activity_says_who_when_and_why() {
    for generation in GENERATIONS {
        let remote = Remote::start(200, generation).await;
        let bridge = remote.bridge(&[]);
        for (number, (what, kind)) in (1..).zip(all().iter().zip(["iUnsub", "iResub", "iResub", "iBadEmail"])) {
            let person = id(3);
            oppose(&remote, &person, what);
            let before = remote.sandbox().contact(&person).unwrap();
            deliver(&bridge, number, &person, what, false).await.unwrap();
            let email = remote.sandbox().communication_types()[0].id.clone();
            let others = |c: &Contact| c.preferences.iter().filter(|p| p.type_id != email).cloned().collect::<Vec<_>>();
            assert_eq!(others(&remote.sandbox().contact(&person).unwrap()), others(&before), "other preferences stay");
            let written: Vec<_> =
                remote.sandbox().activities(&person).into_iter().filter(|a| a.description.contains(&mark(number))).collect();
            assert_eq!((written.len(), written[0].activity_type.as_str()), (1, kind));
            assert_eq!(written[0].transaction_date, "2026-01-05T08:09:10");
            let address = before.email.as_deref().unwrap_or_default();
            assert!(written[0].description.starts_with(&format!("{address}|2026-01-05 08:09:10 UTC|Lumora Society|")));
            assert!(written[0].description.ends_with(&mark(number)) && written[0].description.chars().count() <= 250);
        }
    }
}

#[tokio::test]
async fn what_stands_is_not_written_again_and_composite_keys_are_nobody() {
    let remote = Remote::start(50, Generation::Ems).await;
    let bridge = remote.bridge(&[]);
    remote.sandbox().set_do_not_email(&id(7), true);
    deliver(&bridge, 1, &id(7), &What::Unsubscribe, true).await.unwrap();
    assert_eq!(remote.sandbox().requests().counts.get("PUT Party"), None);
    for person in ["~101|1", "_execute", "..", "99999"] {
        refused(deliver(&bridge, 1, person, &What::Unsubscribe, false).await);
    }
    let interests = What::Interests { changes: Vec::new() };
    assert!(refused(deliver(&bridge, 1, "101", &interests, false).await).contains("Interests"));
    assert_eq!(bridge.interests().await.unwrap(), []);
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
