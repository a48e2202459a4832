use super::*;

#[test]
fn a_form_becomes_a_rule_and_a_rule_a_form() {
    let rule = serde_json::json!({"all": [
        {"address": {"is": ["a", "b"]}},
        {"any": [{"added": {"in_last": {"n": 3, "unit": "weeks"}}}, {"none": [{"mailable": true}]}]},
        {"field": {"of": {"audience": "x"}, "number": 2, "is": {"number": {"between": {"from": 1, "to": 2.5}}}}},
        {"member": {"of": {"persona": "p"}, "is": false}},
    ]});
    let segment = Segment::<String>::read(&rule).unwrap();
    let sent = Sent::of(&segment);
    assert_eq!(sent.segment().unwrap(), segment);
    assert_eq!(sent.paths()[4], "rule.all[1].any[1]");
    assert_eq!(sent.paths()[6], "rule.all[2]");
}

#[test]
fn buttons_add_and_remove_and_hostile_forms_are_trees() {
    let pairs = |all: &[(&str, &str)]| all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    let mut sent = Sent::read(pairs(&[("n0-mode", "all"), ("n0-add", "address"), ("act", "add:0")]));
    assert!(sent.build());
    assert_eq!((sent.parts.len(), sent.parts[1].subject.as_str(), sent.parts[1].depth), (2, "address", 1));
    sent.act = "group:0".to_owned();
    sent.build();
    assert_eq!((sent.parts[2].mode.as_str(), sent.parts[2].depth), ("any", 1));
    sent.act = "remove:2".to_owned();
    sent.build();
    assert_eq!(sent.parts.len(), 2);
    let odd = Sent::read(pairs(&[
        ("n3-subject", "address"),
        ("n3-depth", "99"),
        ("n99999-mode", "all"),
        ("n0-subject", "x"),
        ("act", "remove:7"),
    ]));
    assert_eq!(odd.parts.iter().map(|p| p.depth).collect::<Vec<_>>(), [0, 1, 1]);
    assert!(odd.segment().is_err());
}
