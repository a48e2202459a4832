use std::collections::{HashMap, HashSet};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Instant;
use crate::address::AddressState;

fn today(date: Date) -> Today {
    Today { date, zone: TimeZone::UTC }
}

fn person() -> Person {
    Person {
        address: "ann@members.example".into(),
        state: AddressState::Usable,
        remote_id: "P7".into(),
        bridge: 1,
        added: date(2026, 1, 31),
        causes: HashSet::new(),
        sets: HashSet::from([Set::Group(4)]),
        values: HashMap::from([((Table::Audience(3), 2), Value::Text("Gold".into())), ((Table::Audience(3), 4), Value::Whole(120))]),
    }
}

fn read(value: serde_json::Value) -> Segment {
    let read = Segment::read(&value).unwrap();
    assert_eq!(serde_json::from_value::<Segment>(value).unwrap(), read);
    read
}

fn tier(is: serde_json::Value) -> serde_json::Value {
    json!({"field": {"of": {"audience": 3}, "number": 2, "is": is}})
}

#[test]
fn it_is_written_and_read_as_json() {
    let text = json!({"all": [
        {"any": [tier(json!({"text": {"is": ["gold"]}})), {"none": [{"address": {"contains": "@x.example"}}]}]},
        {"added": {"in_last": {"n": 30, "unit": "days"}}},
        {"added": "today"},
        {"member": {"of": {"group": 4}, "is": true}},
        {"field": {"of": {"bridge": 1}, "number": 9, "is": {"number": {"between": {"from": 1, "to": 2.5}}}}},
        {"cause": {"cause": "own_unsubscribe", "is": false}},
        tier(json!("empty")),
    ]});
    let segment = read(text.clone());
    assert_eq!(serde_json::to_value(&segment).unwrap(), text);
    assert!(segment.moves_with_the_day() && segment.bounds().is_empty());
    assert_eq!(segment.sets(), HashSet::from([Set::Group(4)]));
    assert_eq!(segment.fields(), HashSet::from([(Table::Audience(3), 2), (Table::Bridge(1), 9)]));
    for bad in [
        json!({}),
        json!({"all": [{}]}),
        json!({"all": [{"added": {"on": "2026-02-30"}}]}),
        json!({"test": 1}),
        json!({"all": [], "any": []}),
    ] {
        assert!(serde_json::from_value::<Segment>(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn faults_say_where_they_are() {
    let path = |value| read(value).bounds().into_iter().map(|f| f.path).collect::<Vec<_>>();
    assert_eq!(path(json!({"all": []})), [""]);
    assert_eq!(path(json!({"all": [{"any": []}, tier(json!({"text": {"is": []}}))]})), ["/all/0", "/all/1/field/is/text"]);
    assert_eq!(path(json!({"all": [{"address": {"is": ["", "x\0"]}}]})), ["/all/0/address", "/all/0/address"]);
    assert_eq!(path(json!({"any": [{"added": {"in_last": {"n": 0, "unit": "days"}}}]})), ["/any/0/added"]);
    assert_eq!(path(json!({"any": [{"added": {"between": {"from": "2026-02-01", "to": "2026-01-01"}}}]})), ["/any/0/added"]);
    let mut deep = json!({"mailable": true});
    for _ in 0..=MAX_DEPTH {
        deep = json!({"all": [deep]});
    }
    let too_deep = "/all/0".repeat(MAX_DEPTH);
    assert_eq!(serde_json::from_value::<Segment>(deep.clone()).unwrap().bounds()[0].path, too_deep);
    let unread = |value: serde_json::Value| Segment::<i64>::read(&value).unwrap_err().path;
    assert_eq!(unread(deep), too_deep);
    assert_eq!(unread(json!({"all": [{"any": [{"addres": 1}]}]})), "/all/0/any/0");
    assert_eq!(unread(json!({"all": [{"any": [], "all": []}]})), "/all/0");
    assert_eq!(unread(json!({"any": 7})), "/any");
    assert_eq!(path(json!({"all": vec![json!({"mailable": true}); MAX_TESTS + 1]})), [""]);
    assert_eq!(path(json!({"all": [{"address": {"is": vec!["a"; MAX_VALUES + 1]}}]})), [""]);
    assert_eq!(path(json!({"all": [{"address": {"contains": "a".repeat(MAX_TEXT + 1)}}]})), ["/all/0/address"]);
}

#[test]
fn what_it_speaks_of_must_be_there_and_of_the_right_type() {
    let field = Known { name: "Points".into(), kind: Kind::Whole, gone: String::new() };
    let known = Vocabulary { fields: HashMap::from([((Table::Audience(3), 2), field)]), ..Vocabulary::default() };
    let told = |value| read(value).check(&known).into_iter().map(|f| f.message).collect::<Vec<_>>().join(" ");
    assert_eq!(told(json!({"all": [tier(json!({"number": {"more": 5}}))]})), "");
    assert!(told(json!({"all": [tier(json!({"number": {"more": 5.5}}))]})).contains("whole number"));
    assert!(told(json!({"all": [tier(json!({"text": {"is": ["gold"]}}))]})).contains("Points holds whole numbers"));
    assert!(told(json!({"all": [{"member": {"of": {"persona": 1}, "is": true}}]})).contains("persona"));
    assert!(told(json!({"all": [{"bridge": {"bridge": 9, "is": true}}]})).contains("bridge"));
    assert!(told(json!({"all": [{"field": {"of": {"audience": 3}, "number": 7, "is": "empty"}}]})).contains("not there any more"));
}

#[test]
fn a_missing_value_is_not_what_is_asked_for() {
    let mut person = person();
    let asks = [
        (json!({"text": {"is": ["GOLD", "x"]}}), true, false),
        (json!({"text": {"is_not": ["gold"]}}), false, true),
        (json!({"text": {"contains": "OL"}}), true, false),
        (json!({"text": {"does_not_contain": "ol"}}), false, true),
        (json!({"text": {"starts_with": "go"}}), true, false),
        (json!("empty"), false, true),
        (json!("not_empty"), true, false),
    ];
    let day = today(date(2026, 3, 1));
    let ask = |is: &serde_json::Value, person: &Person| holds(&read(json!({"all": [tier(is.clone())]})), person, &day);
    for (is, with, _) in &asks {
        assert_eq!(ask(is, &person), *with, "{is}");
    }
    person.values.clear();
    for (is, _, without) in &asks {
        assert_eq!(ask(is, &person), *without, "{is}");
    }
    person.values.insert((Table::Audience(3), 2), Value::Text(String::new()));
    for (is, _, without) in &asks {
        assert_eq!(ask(is, &person), *without, "{is}, empty text");
    }
}

#[test]
fn days_are_counted_from_today() {
    let on = date(2026, 3, 31);
    let contain = |rule: serde_json::Value, day: Date| serde_json::from_value::<TimeRule>(rule).unwrap().days(on).contain(day);
    let last = json!({"in_last": {"n": 1, "unit": "months"}});
    assert!(contain(last.clone(), date(2026, 2, 28)) && !contain(last.clone(), date(2026, 2, 27)));
    assert!(contain(last.clone(), on) && !contain(last, date(2026, 4, 1)));
    let ago = json!({"longer_ago": {"n": 2, "unit": "weeks"}});
    assert!(contain(ago.clone(), date(2026, 3, 16)) && !contain(ago, date(2026, 3, 17)));
    let next = json!({"in_next": {"n": 7, "unit": "days"}});
    assert!(contain(next.clone(), on) && contain(next.clone(), date(2026, 4, 7)) && !contain(next, date(2026, 4, 8)));
    let ahead = json!({"further_ahead": {"n": 1, "unit": "years"}});
    assert!(!contain(ahead.clone(), date(2027, 3, 31)) && contain(ahead, date(2027, 4, 1)));
    let birthday = TimeRule::Anniversary { within_days: 1 };
    assert!(birthday.days(date(2026, 12, 31)).contain(date(1980, 1, 1)));
    assert!(birthday.days(date(2026, 2, 28)).contain(date(2004, 2, 29)) && !birthday.days(date(2028, 2, 26)).contain(date(2004, 2, 29)));
    let far = TimeRule::InLast(Span { n: 36_525, unit: Unit::Years });
    assert!(far.days(on).contain(date(1, 1, 1)));
}

#[test]
fn today_is_where_the_account_is() {
    let now = Instant::parse("2026-03-31T23:30:00Z").unwrap();
    let today = Today::at(now, &TimeZone::get("Europe/Berlin").unwrap());
    assert_eq!(today.date, date(2026, 4, 1));
    assert_eq!(today.ends(), Instant::parse("2026-04-01T22:00:00Z").unwrap());
}

#[test]
fn it_tells_why() {
    let segment =
        read(json!({"all": [tier(json!({"text": {"is": ["gold", "silver"]}})), {"none": [{"member": {"of": {"group": 4}, "is": true}}]}]}));
    let known = Vocabulary {
        fields: HashMap::from([((Table::Audience(3), 2), Known { name: "Tier (Loyalty)".into(), kind: Kind::Text, gone: String::new() })]),
        sets: HashMap::from([(Set::Group(4), "Board".into())]),
        ..Vocabulary::default()
    };
    let person = person();
    let Answer::Group { holds, parts, .. } = explain(&segment, &person, &today(date(2026, 3, 1))) else { panic!("a group") };
    let told: Vec<(String, bool)> = parts.iter().map(|p| (p.words(&known), p.holds())).collect();
    assert!(!holds);
    assert_eq!(told, [("Tier (Loyalty) is gold or silver".to_owned(), true), ("None of these holds".to_owned(), false)]);
}

fn some_test() -> impl Strategy<Value = Node> {
    let text = "[aAbB]{1,2}";
    prop_oneof![
        proptest::collection::vec(text, 1..3).prop_map(|v| Test::RemoteId(TextRule::Is(v))),
        text.prop_map(|v| Test::RemoteId(TextRule::Contains(v))),
        any::<bool>().prop_map(Test::Mailable),
        (0i64..3, any::<bool>()).prop_map(|(g, is)| Test::Member { of: Set::Group(g), is }),
        (-3i64..3).prop_map(|n| Test::Field { of: Table::Bridge(1), number: 1, is: Rule::Number(NumberRule::More(Number::Whole(n))) }),
    ]
    .prop_map(|test| Node::Test(Box::new(test)))
}

fn some_node() -> impl Strategy<Value = Node> {
    some_test().prop_recursive(3, 12, 3, |inner| {
        (0..3, proptest::collection::vec(inner, 1..3)).prop_map(|(how, parts)| {
            Node::Group(match how {
                0 => Group::All(parts),
                1 => Group::Any(parts),
                _ => Group::None(parts),
            })
        })
    })
}

proptest! {
    /// "None" is the opposite of "any", and "all" is "none" of the opposites.
    #[test]
    fn groups_are_what_logic_says(parts in proptest::collection::vec(some_node(), 1..4), remote_id in "[aAbB]{0,3}",
            groups in proptest::collection::hash_set(0i64..3, 0..3), points in proptest::option::of(-3i64..4)) {
        let mut person = Person { remote_id, sets: groups.into_iter().map(Set::Group).collect(), ..person() };
        person.values = points.into_iter().map(|n| ((Table::Bridge(1), 1), Value::Whole(n))).collect();
        let day = today(date(2026, 3, 1));
        let ask = |root: Group| holds(&Segment { root }, &person, &day);
        let turned = parts.iter().map(|p| Node::Group(Group::None(vec![p.clone()]))).collect::<Vec<_>>();
        prop_assert_eq!(ask(Group::None(parts.clone())), !ask(Group::Any(parts.clone())));
        prop_assert_eq!(ask(Group::All(parts.clone())), ask(Group::None(turned)));
        let text = serde_json::to_string(&Segment { root: Group::All(parts.clone()) }).unwrap();
        prop_assert_eq!(serde_json::from_str::<Segment>(&text).unwrap(), Segment { root: Group::All(parts) });
    }

    /// Each day is in the past, today, or ahead; and in the last so long or longer ago.
    #[test]
    fn each_day_is_on_one_side(day in -40_000i32..40_000, n in 1u32..500, unit in 0..4usize) {
        let on = date(2026, 3, 31);
        let day = on.saturating_add(jiff::ToSpan::days(i64::from(day)));
        let span = Span { n, unit: Unit::ALL[unit] };
        let is = |rule: TimeRule| usize::from(rule.days(on).contain(day));
        let tomorrow = TimeRule::After(Day::new(on).unwrap());
        prop_assert_eq!(is(TimeRule::InLast(span)) + is(TimeRule::LongerAgo(span)) + is(tomorrow), 1);
        prop_assert_eq!(is(TimeRule::InNext(span)) + is(TimeRule::FurtherAhead(span)) + is(TimeRule::Before(Day::new(on).unwrap())), 1);
    }
}
