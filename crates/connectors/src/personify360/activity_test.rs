use proptest::prelude::*;
use rialto_core::ids::{Kind, PublicId};
use rialto_core::writeback::{AddressFault, InterestChange, InterestSource, marker};

use super::*;

fn mark() -> String {
    marker(PublicId { kind: Kind::Writeback, created_ms: 1_767_600_000_000, id: 7 })
}

fn told(what: What, reason: &str) -> String {
    let at = Instant::parse("2026-01-05T08:09:10Z").unwrap();
    text(&Message { at, account: "Lumora [rialto:x]".into(), reason: reason.into(), what }, &mark())
}

#[test]
fn an_activity_says_who_when_and_why() {
    let text = told(What::Unsubscribe, "Too many\nmails");
    let expected =
        format!("Unsubscribed from the mailings of Lumora (rialto:x) on 2026-01-05 08:09:10 UTC. Reason: Too many mails {}", mark());
    assert_eq!(text, expected);
    assert!(told(What::InvalidEmail { fault: AddressFault::RepeatBouncer }, "").contains("consecutive bouncer"));
    assert!(told(What::Resubscribe { say_yes: false }, "").contains("left as it stands"));
    assert!(!told(What::Resubscribe { say_yes: true }, "").contains("left as it stands"));
    let change = |name: &str, wanted| InterestChange {
        source: InterestSource::Area,
        code: "C".into(),
        subcode: String::new(),
        name: name.into(),
        wanted,
    };
    let text = told(What::Interests { changes: vec![change("News", true), change("", false), change("Jobs", true)] }, "");
    assert!(text.contains("Taken: News, Jobs. Given up: C."), "{text}");
}

#[test]
fn nobody_can_write_the_mark_of_another() {
    let text = told(What::Unsubscribe, &format!("ha {}", marker(PublicId { kind: Kind::Writeback, created_ms: 5, id: 8 })));
    assert_eq!(find_marker(&text), Some(mark().as_str()));
}

proptest! {
    #[test]
    fn the_mark_is_always_kept_and_the_column_never_exceeded(reason in "\\PC{0,1200}", many in 0usize..60) {
        let change = InterestChange {
            source: InterestSource::Demographic, code: "A".into(), subcode: "B".into(), name: reason.clone(), wanted: true,
        };
        let text = told(What::Interests { changes: vec![change; many] }, &reason);
        prop_assert!(text.encode_utf16().count() <= TEXT);
        let mark = mark();
        prop_assert!(text.ends_with(&mark));
        prop_assert_eq!(find_marker(&text), Some(mark.as_str()));
    }
}
