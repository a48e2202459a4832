//! Writebacks: what is particular to MemberSuite. What every connector has to do is in `conformance`.

use rialto_connectors::{Acknowledged, Delivery, DeliveryError};
use rialto_core::Instant;
use rialto_core::ids::{Kind, PublicId};
use rialto_core::writeback::{AddressFault, InterestChange, InterestSource, Message, What, WritebackKind, marker};

use super::*;

type Delivered = Result<Acknowledged, DeliveryError>;

/// The mark of the writeback with this number.
fn mark(id: i64) -> String {
    marker(PublicId { kind: Kind::Writeback, created_ms: 1_767_600_000_000, id })
}

/// One of each kind.
fn all(remote: &Remote) -> Vec<What> {
    let categories = remote.sandbox().categories();
    let change = |at: usize, wanted| InterestChange {
        source: InterestSource::Area,
        code: categories[at].id.clone(),
        subcode: String::new(),
        name: categories[at].name.clone(),
        wanted,
    };
    vec![
        What::Unsubscribe,
        What::Resubscribe { say_yes: true },
        What::Resubscribe { say_yes: false },
        What::InvalidEmail { fault: AddressFault::InvalidDomain },
        What::Interests { changes: vec![change(0, true), change(1, false), change(2, false)] },
    ]
}

async fn deliver(bridge: &Bridge, id: i64, person: &str, what: &What, again: bool) -> Delivered {
    let at = Instant::parse("2026-01-05T08:09:10Z").unwrap();
    let message = Message { at, account: "Lumora Society".into(), reason: "no time".into(), what: what.clone() };
    bridge.deliver(Delivery { marker: &mark(id), remote_id: person, message: &message, again }).await
}

fn marks(remote: &Remote, person: &str, id: i64) -> usize {
    remote.sandbox().activities(person).iter().filter(|a| a.description.contains(&mark(id))).count()
}

#[tokio::test]
async fn an_activity_says_what_was_done() {
    let remote = Remote::start(100).await;
    let bridge = remote.bridge(&[]);
    for (at, what) in (1..).zip(all(&remote)) {
        deliver(&bridge, at, &remote.sandbox().id(3), &what, false).await.unwrap();
    }
    let activity = &remote.sandbox().activities(&remote.sandbox().id(3))[0];
    assert!(activity.description.contains("Lumora Society on 2026-01-05 08:09:10 UTC. Do Not Email was ticked. Reason: no time"));
    assert_eq!((activity.name.as_str(), activity.date.unwrap().to_string().as_str()), ("Rialto: Unsubscribe", "2026-01-05T08:09:10Z"));
    assert_eq!(remote.calls("POST ExecuteMSQL ActivityType"), 1, "what activities are made of is learned once");
}

#[tokio::test]
async fn records_of_other_classes_are_nobody() {
    let remote = Remote::start(120).await;
    let bridge = remote.bridge(&[]);
    for none in ["nobody", "", "a'b", &remote.code("Board"), &remote.sandbox().id(121)] {
        assert_eq!(bridge.shown(none).await.unwrap().flag, None, "{none}");
        let error = deliver(&bridge, 1, none, &What::Unsubscribe, false).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Refused { .. }), "{none}: {error:?}");
    }
}

#[tokio::test]
async fn a_missing_activity_type_holds_until_it_is_added() {
    let remote = Remote::with(Options { people: 20, set_up: false, ..Options::default() }).await;
    let (bridge, person) = (remote.bridge(&[]), remote.sandbox().id(3));
    let faults = bridge.set_up_faults().await.unwrap();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].detail.contains("Activity Type") && faults[0].detail.contains("\"Rialto\""), "{}", faults[0].detail);
    assert!(!faults[0].kinds.contains(&WritebackKind::MailingActivity) && faults[0].kinds.len() == 4);
    remote.sandbox().set_do_not_email(&person, false);
    let error = deliver(&bridge, 1, &person, &What::Unsubscribe, false).await.unwrap_err();
    assert!(matches!(&error, DeliveryError::SetUp { missing } if missing.contains("Activity Type")), "{error:?}");
    assert!(marks(&remote, &person, 1) == 0 && remote.sandbox().person(&person).unwrap().do_not_email, "the wish itself stands");
    remote.sandbox().set_activity_type("Rialto", true);
    deliver(&bridge, 1, &person, &What::Unsubscribe, true).await.unwrap();
    assert_eq!(marks(&remote, &person, 1), 1);
    assert_eq!(bridge.set_up_faults().await.unwrap(), []);
    // Taken away again behind the connector's back.
    remote.sandbox().set_activity_type("Rialto", false);
    let error = deliver(&bridge, 2, &person, &What::Unsubscribe, false).await.unwrap_err();
    assert!(matches!(error, DeliveryError::SetUp { .. }), "{error:?}");
    let other = remote.bridge(&[("activity_type", "meeting")]);
    deliver(&other, 2, &person, &What::Unsubscribe, true).await.unwrap();
    assert_eq!(marks(&remote, &person, 2), 1);
}

#[tokio::test]
async fn a_session_that_ends_before_a_write_costs_tries_and_nothing_else() {
    // One second for each question of the time: the session ends between the look at the person and the write.
    let remote = Remote::with(Options { people: 10, session_seconds: 3, ..Options::default() }).await;
    let (bridge, person) = (remote.bridge(&[]), remote.sandbox().id(2));
    let mut delivered = deliver(&bridge, 1, &person, &What::Unsubscribe, false).await;
    for _ in 0..20 {
        if delivered.is_ok() {
            break;
        }
        delivered = deliver(&bridge, 1, &person, &What::Unsubscribe, true).await;
    }
    assert!(delivered.is_ok(), "{delivered:?}");
    assert_eq!(marks(&remote, &person, 1), 1);
}
