use super::*;

fn target(number: u32, name: &str, kind: FieldType) -> Target {
    Target { number, name: name.into(), kind, length: Some(10), retired: false }
}

fn targets() -> Vec<Target> {
    vec![
        target(1, "Loyalty ID", FieldType::Text),
        target(2, "Tier", FieldType::Text),
        target(3, "Points", FieldType::Integer),
        target(4, "Address", FieldType::Text),
        Target { retired: true, ..target(5, "Old", FieldType::Text) },
    ]
}

fn pairs(lines: &[(&str, u32)]) -> Vec<Pair> {
    lines.iter().map(|(from, to)| Pair { from: from.parse().unwrap(), to: *to }).collect()
}

fn matching(lines: &[(&str, u32)], link: Option<u32>) -> Result<Matching, Vec<Fault>> {
    let seen = |from: &From| {
        let mut seen = Seen::default();
        if from.to_string() == "attributes.tier" {
            seen.add(&Sent::Text("Gold".into()));
        }
        seen
    };
    Matching::new(Wanted { pairs: &pairs(lines), targets: &targets(), key: 1, link }, seen)
}

fn event(fields: &str) -> ProfileEvent {
    let text = format!(
        r#"{{"specversion":"1.0","type":"profile.upserted","source":"/l","subject":"LOY-1","id":"1","sequence":7,
        "data":{{"profileAltId":"LOY-1",{fields}}}}}"#
    );
    crate::event::read(&text).unwrap()
}

#[test]
fn profile_alt_id_is_the_key_and_the_rest_is_said() {
    let good = [("profileAltId", 1), ("attributes.tier", 2), ("metrics.points", 3)];
    assert!(matching(&good, Some(1)).is_ok());
    assert_eq!(matching(&good[1..], None).unwrap_err(), [Fault::NoKey]);
    assert_eq!(matching(&[("profileAltId", 2)], None).unwrap_err(), [Fault::OtherKey, Fault::NoKey]);
    assert_eq!(matching(&[("profileAltId", 1), ("attributes.x", 1)], None).unwrap_err(), [Fault::Twice("Loyalty ID".into())]);
    assert_eq!(matching(&[("attributes.x", 1)], None).unwrap_err(), [Fault::KeyOfAnother, Fault::NoKey]);
    let gone = matching(&[("profileAltId", 1), ("attributes.x", 5), ("attributes.y", 9)], Some(4)).unwrap_err();
    assert_eq!(gone, [Fault::Unknown("Old".into()), Fault::Unknown("9".into()), Fault::MatchUnmapped("Address".into())]);
    let odd = matching(&[("profileAltId", 1), ("attributes.tier", 3)], None).unwrap_err();
    assert_eq!(odd[0].to_string(), "attributes.tier cannot go into Points: The source sends text here, and the field is of type integer.");
}

#[test]
fn good_values_beside_a_bad_one_are_taken() {
    let matching =
        matching(&[("profileAltId", 1), ("attributes.tier", 2), ("metrics.points", 3), ("attributes.mail", 4)], Some(4)).unwrap();
    let row = matching.row(&event(r#""attributes":{"tier":"far too long a tier","mail":" a@b.ex"},"metrics":{"points":5}"#)).unwrap();
    assert_eq!(row.values, [None, Some(Stored::Integer(5)), Some(Stored::Text(" a@b.ex".into()))].to_vec());
    assert_eq!(row.rejected[0].why, "The value of attributes.tier is longer than the 10 characters of the field.");
    assert_eq!(matching.link(&row), Some(Some("a@b.ex".into())));
    let none = matching.row(&event(r#""attributes":{"mail":null}"#)).unwrap();
    assert_eq!((matching.link(&none), none.values.get(2)), (Some(None), Some(&Some(Stored::Null))));
    assert_eq!(matching.link(&matching.row(&event(r#""metrics":{"points":5}"#)).unwrap()), None);
}

#[test]
fn a_key_that_does_not_fit_refuses_the_event() {
    let mut long = event(r#""metrics":{}"#);
    long.subject = "LOY-00000000001".into();
    let matching = matching(&[("profileAltId", 1)], None).unwrap();
    assert_eq!(matching.row(&long).unwrap_err().why, "The profileAltId is longer than the 10 characters of the field.");
    long.subject = "a\0b".into();
    assert!(matching.row(&long).is_err());
}

#[test]
fn a_later_state_leaves_what_it_does_not_have() {
    let matching = matching(&[("profileAltId", 1), ("attributes.tier", 2), ("metrics.points", 3)], None).unwrap();
    let mut row = matching.row(&event(r#""attributes":{"tier":"Gold"},"metrics":{"points":5}"#)).unwrap();
    row.take(matching.row(&event(r#""metrics":{"points":6}"#)).unwrap());
    assert_eq!(row.values, [Some(Stored::Text("Gold".into())), Some(Stored::Integer(6))].to_vec());
}
