use proptest::prelude::*;

use super::*;

const SOUND: &str = r#"{"specversion":"1.0","type":"profile.upserted","source":"/loyalty/north","subject":"LOY-1","id":"e-1","time":"2026-11-25T08:00:00Z",
    "sequence":"18446744073709551615","data":{"profileAltId":"LOY-1","attributes":{"tier":"Gold","since":null},"preferences":{"sms":true},
    "metrics":{"points":120,"basket":12.5,"odd":[1,{"a":2}]},"more":{"x":1}},"extra":"ignored"}"#;

fn with(from: &str, to: &str) -> Result<ProfileEvent, Fault> {
    let text = SOUND.replace(from, to);
    assert_ne!(text, SOUND, "{from}");
    read(&text)
}

#[test]
fn a_sound_event_is_read_whole() {
    let event = read(SOUND).unwrap();
    assert_eq!((event.id.as_str(), event.source.as_str(), event.subject.as_str()), ("e-1", "/loyalty/north", "LOY-1"));
    assert_eq!((event.kind, event.version), (EventKind::Upserted, Version(u64::MAX)));
    let fields: Vec<_> = event.fields.iter().map(|f| (f.section.name(), f.name.as_str(), f.value.clone())).collect();
    assert_eq!(
        fields,
        [
            ("attributes", "tier", Sent::Text("Gold".into())),
            ("attributes", "since", Sent::Null),
            ("preferences", "sms", Sent::Boolean(true)),
            ("metrics", "points", Sent::Integer(120)),
            ("metrics", "basket", Sent::Float(12.5)),
            ("metrics", "odd", Sent::Nested),
        ]
    );
}

#[test]
fn the_version_is_the_sequence_or_else_the_time() {
    assert_eq!(with("\"18446744073709551615\"", "7").unwrap().version, Version(7));
    assert_eq!(with("\"sequence\":\"18446744073709551615\",", "").unwrap().version, Version(1_764_057_600_000_000 + 365 * 86_400_000_000));
    for odd in ["\"-1\"", "1.5", "\"\"", "\"18446744073709551616\"", "\"7 \"", "-3"] {
        let fault = with("\"18446744073709551615\"", odd).unwrap_err();
        assert!(matches!(fault, Fault::Sequence | Fault::Json(_)), "{odd}: {fault}");
    }
    let bare = SOUND.replace("\"sequence\":\"18446744073709551615\",", "").replace("\"time\":\"2026-11-25T08:00:00Z\",", "");
    assert_eq!(read(&bare), Err(Fault::NoVersion));
}

#[test]
fn what_is_wrong_is_said() {
    assert_eq!(with("\"1.0\"", "\"0.3\""), Err(Fault::SpecVersion));
    assert_eq!(with("\"subject\":\"LOY-1\",", ""), Err(Fault::Missing("subject")));
    assert_eq!(with("\"id\":\"e-1\"", "\"id\":\" \""), Err(Fault::Missing("id")));
    assert_eq!(with("e-1", &"x".repeat(300)), Err(Fault::TooLong("id")));
    assert_eq!(with("profile.upserted", "profile.merged"), Err(Fault::Type));
    assert_eq!(with("2026-11-25T08:00:00Z", "yesterday"), Err(Fault::Time));
    assert_eq!(with("\"profileAltId\":\"LOY-1\"", "\"profileAltId\":\"LOY-2\""), Err(Fault::OtherProfile));
    assert_eq!(with("\"profileAltId\":\"LOY-1\",", ""), Err(Fault::Data));
    assert!(matches!(with("{\"tier\"", "[{\"tier\""), Err(Fault::Json(_))));
    assert_eq!(read(&format!("{SOUND}{}", " ".repeat(MAX_EVENT))), Err(Fault::TooLarge));
    let many: String = (0..=MAX_FIELDS).map(|n| format!("\"f{n}\":1,")).collect();
    assert_eq!(with("\"points\":120,", &many), Err(Fault::TooManyFields));
}

#[test]
fn a_delete_has_no_fields() {
    let event = with("profile.upserted", "profile.deleted").unwrap();
    assert_eq!((event.kind, event.fields.len()), (EventKind::Deleted, 0));
}

proptest! {
    #[test]
    fn versions_keep_their_order(a: u64, b: u64) {
        prop_assert_eq!(Version(a).cmp(&Version(b)), Version(a).stored().cmp(&Version(b).stored()));
        prop_assert_eq!(Version::from_stored(Version(a).stored()), Version(a));
    }

    #[test]
    fn no_text_makes_it_stumble(at in 0usize..SOUND.len(), odd in "\\PC{0,6}") {
        let text = format!("{}{odd}{}", &SOUND[..at], &SOUND[at..]);
        if let Err(fault) = read(&text) {
            prop_assert!(fault.to_string().len() < 400);
        }
    }
}
