//! What is missing at the remote besides the personas' table.

use rialto_core::writeback::{AddressFault, WritebackKind};
use rialto_sandbox::{Fault, FaultRule};

use super::*;

#[tokio::test]
async fn activity_types_that_are_missing_hold_their_kinds_only() {
    let remote = Remote::start(50, Generation::Ems).await;
    let bridge = remote.bridge(&[]);
    assert_eq!(bridge.set_up_faults().await.unwrap(), []);
    remote.sandbox().set_activity_type("iResub", false);
    let faults = bridge.set_up_faults().await.unwrap();
    assert!(faults.len() == 1 && faults[0].kinds == [WritebackKind::Resubscribe] && faults[0].detail.contains("iResub"), "{faults:?}");
    deliver(&bridge, 1, "103", &What::Unsubscribe, false).await.unwrap();
    assert!(set_up_fault(deliver(&bridge, 2, "103", &What::Resubscribe { say_yes: true }, false).await).contains("iResub"));
    // Without the list of types, the remote's own words have to do.
    remote.fault(FaultRule::always(Fault::ServerError { status: 503 }).on("GenTable"));
    set_up_fault(deliver(&bridge, 2, "103", &What::Resubscribe { say_yes: true }, true).await);
    remote.sandbox().clear_faults();
    remote.sandbox().set_activity_type("iResub", true);
    deliver(&bridge, 2, "103", &What::Resubscribe { say_yes: true }, true).await.unwrap();
    assert_eq!(remote.sandbox().marked().len(), 2);
    let renamed = remote.bridge(&[("activity_unsubscribe", "GIFT"), ("activity_types_table", "NONE")]);
    assert_eq!(renamed.set_up_faults().await.unwrap(), [], "types that are not listed cannot be missed");
    deliver(&renamed, 3, "104", &What::Unsubscribe, false).await.unwrap();
    assert_eq!(remote.sandbox().activities("104")[0].activity_type, "GIFT");
}

#[tokio::test]
async fn a_communication_type_that_is_missing_or_fixed_holds_consent() {
    let remote = Remote::start(50, Generation::Ems).await;
    for (setting, words) in [("Newsletters", "no communication type “Newsletters”"), ("Statements", "Nobody can opt out")] {
        let bridge = remote.bridge(&[("communication_type", setting)]);
        let faults = bridge.set_up_faults().await.unwrap();
        assert!(faults.len() == 1 && faults[0].detail.contains(words), "{faults:?}");
        assert_eq!(faults[0].kinds, [WritebackKind::Unsubscribe, WritebackKind::Resubscribe]);
        assert!(set_up_fault(deliver(&bridge, 1, "103", &What::Unsubscribe, false).await).contains(words));
        deliver(&bridge, 2, "103", &What::InvalidEmail { fault: AddressFault::Malformed }, true).await.unwrap();
    }
    assert_eq!(remote.sandbox().activity_count(), 1);
    // Its code serves as well as its name.
    deliver(&remote.bridge(&[("communication_type", "EVENTS")]), 3, "103", &What::Unsubscribe, false).await.unwrap();
    let contact = remote.sandbox().contact("103").unwrap();
    assert!(contact.opted_out(&remote.sandbox().communication_types()[1].id));
}
