use proptest::prelude::*;

use super::*;

fn sent(text: &str) -> Sent {
    Sent::Text(text.to_owned())
}

fn stored(text: &str) -> Result<Stored, Misfit> {
    Ok(Stored::Text(text.to_owned()))
}

#[test]
fn values_are_taken_as_they_are_or_refused() {
    use FieldType as F;
    assert_eq!(fit(&Sent::Integer(7), F::Integer, None), Ok(Stored::Integer(7)));
    assert_eq!(fit(&Sent::Integer(1 << 40), F::Integer, None), Err(Misfit::Large));
    assert_eq!(fit(&Sent::Integer(1 << 40), F::Long, None), Ok(Stored::Integer(1 << 40)));
    assert_eq!(fit(&sent(" 12 "), F::Long, None), Ok(Stored::Integer(12)));
    assert_eq!(fit(&Sent::Float(12.5), F::Long, None), Err(Misfit::Whole));
    assert_eq!(fit(&Sent::Float(12.5), F::Float, None), Ok(Stored::Float(12.5)));
    assert_eq!(fit(&sent("NaN"), F::Float, None), Err(Misfit::Number));
    assert_eq!(fit(&sent("TRUE"), F::Boolean, None), Ok(Stored::Boolean(true)));
    assert_eq!(fit(&Sent::Integer(1), F::Boolean, None), Err(Misfit::Boolean));
    assert_eq!(fit(&sent("äöü"), F::Text, Some(3)), stored("äöü"));
    assert_eq!(fit(&sent("äöüß"), F::Text, Some(3)), Err(Misfit::Long(3)));
    assert_eq!(fit(&sent("a\0b"), F::Text, Some(2)), stored("ab"));
    assert_eq!(fit(&sent("2026-02-28"), F::Date, None), stored("2026-02-28"));
    assert_eq!(fit(&sent("2026-02-30"), F::Date, None), Err(Misfit::Date));
    assert_eq!(fit(&sent("2026-02-28T23:00:00Z"), F::Date, None), Err(Misfit::Date));
    assert_eq!(fit(&sent("2026-02-28T23:00:00+02:00"), F::DateTime, None), stored("2026-02-28 21:00:00"));
    assert_eq!(fit(&sent("2026-02-28"), F::DateTime, None), stored("2026-02-28 00:00:00"));
    assert_eq!(fit(&Sent::Null, F::Date, None), Ok(Stored::Null));
}

#[test]
fn api_names_come_from_names() {
    assert_eq!(api_name("  Loyalty tier (2026) "), "loyalty_tier_2026");
    assert_eq!(api_name("1st Größe"), "st_gr_e");
    assert_eq!(api_name("日本"), "");
    assert!(!is_api_name("1a") && !is_api_name("a-b") && !is_api_name("") && !is_api_name(&"a".repeat(51)) && is_api_name("A_1"));
}

#[test]
fn what_was_seen_says_which_fields_take_it() {
    let seen = |values: &[Sent]| {
        values.iter().fold(Seen::default(), |mut seen, value| {
            seen.add(value);
            seen
        })
    };
    let mixed = seen(&[Sent::Integer(1), sent("2026-01-01"), Sent::Null]);
    assert_eq!(mixed.words(), "integer or date");
    assert_eq!(mixed.refused_by(FieldType::Long), None, "one odd value forbids nothing: it is rejected by itself");
    assert_eq!(
        mixed.refused_by(FieldType::Boolean).unwrap(),
        format!("The source sends {} here, and the field is of type boolean.", mixed.words())
    );
    assert_eq!(mixed.refused_by(FieldType::Text), None);
    assert!(seen(&[sent("2026-01-01T00:00:00Z")]).refused_by(FieldType::Date).is_some());
    assert_eq!(Seen::default().refused_by(FieldType::Boolean), None);
    assert_eq!(Seen::from_bits(mixed.bits()), mixed);
    let mut both = seen(&[Sent::Boolean(true)]);
    assert!(!mixed.contains(both) && !both.contains(mixed));
    both.join(mixed);
    assert!(both.contains(mixed));
    assert_eq!(
        (sent("a\0b").sample(), sent(&"ä".repeat(99)).sample().chars().count(), Sent::Nested.sample()),
        ("ab".into(), 80, String::new())
    );
}

proptest! {
    #[test]
    fn a_name_gives_an_api_name_or_nothing(name in "\\PC{0,80}") {
        let api = api_name(&name);
        prop_assert!(api.is_empty() || is_api_name(&api), "{api}");
    }

    #[test]
    fn nothing_longer_than_its_field_is_stored(text in "\\PC{0,60}", length in 1u32..40) {
        if let Ok(Stored::Text(kept)) = fit(&Sent::Text(text.clone()), FieldType::Text, Some(length)) {
            prop_assert!(kept.chars().count() <= length as usize);
            prop_assert_eq!(kept, text.replace('\0', ""));
        }
    }
}
