//! What is missing at the remote, and that nothing is acknowledged meanwhile.

use rialto_connectors::personify360;
use rialto_core::writeback::WritebackKind;
use rialto_sandbox::{Fault, FaultRule};

use super::*;

fn missing(delivered: Delivered) -> String {
    match delivered {
        Err(DeliveryError::SetUp { missing }) => missing,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn codes_that_are_missing_hold_their_kinds_only() {
    let remote = Remote::start(50).await;
    let bridge = remote.bridge(&[]);
    assert_eq!(bridge.set_up_faults().await.unwrap(), []);
    remote.sandbox().set_code("RIALTO_RESUB", false);
    remote.sandbox().set_code("RIALTO_MAILING", false);
    let faults = bridge.set_up_faults().await.unwrap();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].kinds, [WritebackKind::Resubscribe, WritebackKind::MailingActivity]);
    assert!(faults[0].detail.contains("RIALTO_RESUB, RIALTO_MAILING") && faults[0].detail.contains("script"));
    let person = Person::of(&remote, 3);
    deliver(&bridge, 1, &person.id(), &What::Unsubscribe, false).await.unwrap();
    let told = missing(deliver(&bridge, 2, &person.id(), &What::Resubscribe { say_yes: true }, false).await);
    assert!(told.contains("RIALTO_RESUB"), "{told}");
    assert_eq!(person.marks(2), 0);
    remote.sandbox().set_code("RIALTO_RESUB", true);
    deliver(&bridge, 2, &person.id(), &What::Resubscribe { say_yes: true }, true).await.unwrap();
    assert_eq!((person.marks(2), person.allows()), (1, true));
}

#[tokio::test]
async fn the_set_up_script_adds_all_that_is_missing() {
    let remote = Remote::with(Options { people: 50, installed: false, ..Options::default() }).await;
    let bridge = remote.bridge(&[]);
    let faults = bridge.set_up_faults().await.unwrap();
    assert_eq!(faults.len(), 2);
    assert!(faults.iter().all(|f| f.kinds == personify360::KIND.writebacks && f.detail.contains("set-up script")));
    assert!(faults[0].detail.contains("usr_Rialto_Codes") && faults[1].detail.contains("usr_Rialto_Activities"));
    let person = Person::of(&remote, 3);
    for what in all() {
        missing(deliver(&bridge, 1, &person.id(), &what, false).await);
        assert!(missing(deliver(&bridge, 1, &person.id(), &what, true).await).contains("usr_Rialto_Activities"));
    }
    remote.sandbox().run_setup(personify360::setup_script());
    assert_eq!(bridge.set_up_faults().await.unwrap(), []);
    assert_eq!(bridge.interests().await.unwrap().len(), 12);
    deliver(&bridge, 1, &person.id(), &What::Unsubscribe, true).await.unwrap();
    assert_eq!(remote.sandbox().marked().len(), 1);
}

#[tokio::test]
async fn entities_that_are_not_exposed_are_a_fault_of_the_set_up() {
    let remote = Remote::start(50).await;
    let person = Person::of(&remote, 3);
    person.allow(true);
    for (setting, kind) in [
        ("entity_activity", What::Unsubscribe),
        ("entity_set_customers", What::Unsubscribe),
        ("entity_set_opt_ins", all().pop().unwrap()),
        ("entity_set_demographics", all().pop().unwrap()),
    ] {
        let told = missing(deliver(&remote.bridge(&[(setting, "NotThere")]), 1, &person.id(), &kind, false).await);
        assert!(told.contains("NotThere") && told.contains("Web Service Designer"), "{told}");
    }
    assert_eq!(remote.sandbox().activity_count(), 0);
}

#[tokio::test]
async fn other_refusals_are_of_the_message_and_an_unreadable_list_of_codes_does_not_hide_a_missing_one() {
    let remote = Remote::start(50).await;
    let (bridge, person) = (remote.bridge(&[]), Person::of(&remote, 3));
    for status in [200, 400, 409, 422] {
        remote.sandbox().clear_faults();
        remote.fault(FaultRule::always(Fault::Validation { status, message: "RIALTO_UNSUB may not.".into() }).on("Save CusActivity"));
        let error = deliver(&bridge, 1, &person.id(), &What::Unsubscribe, false).await.unwrap_err();
        let DeliveryError::Refused { detail } = error else { panic!("{status}: {error:?}") };
        assert!(detail.contains("may not."), "{detail}");
    }
    remote.sandbox().clear_faults();
    remote.sandbox().set_code("RIALTO_UNSUB", false);
    remote.fault(FaultRule::always(Fault::ServerError { status: 503 }).on("usr_Rialto_Codes"));
    missing(deliver(&bridge, 1, &person.id(), &What::Unsubscribe, false).await);
    assert_eq!(person.marks(1), 0);
}
