//! On both databases: who the statement finds are those of whom the evaluator says that the segment holds.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rialto_core::Instant;
use rialto_core::address::Address;
use rialto_core::audience::FieldType as AudienceType;
use rialto_core::consent::Cause;
use rialto_core::data_sync::MatchBy;
use rialto_core::fields::FieldType as BridgeType;
use rialto_core::segment::*;

use super::*;
use crate::audiences::{self, NewField};
use crate::bridges::Entered;
use crate::fields::Offered;
use crate::groups::Described;
use crate::{Db, Vault};

const NOW: Instant = Instant(1_767_600_000_000_000);
const PEOPLE: i64 = 240;
const SEGMENTS: usize = 250;

fn who() -> Actor {
    Actor { name: "user:ann@rialto.example".into(), request_id: "test".into(), at: NOW }
}

fn vault() -> Vault {
    Vault::new([42; 32], rialto_core::Random::new(|out| out.fill(7)))
}

fn today() -> Today {
    Today::at(NOW, &TimeZone::get("America/New_York").unwrap())
}

async fn both() -> Vec<(rialto_testkit::TestDb, Db)> {
    let mut all = Vec::new();
    for made in rialto_testkit::both().await {
        let db = Db::connect(&made.url).await.unwrap();
        all.push((made, db));
    }
    all
}

/// Two bridges, a list met by address, an extension met by Remote ID, three groups.
struct World {
    bridges: [i64; 2],
    list: i64,
    extension: i64,
    groups: Vec<i64>,
}

fn new_field(name: &str, kind: AudienceType) -> NewField {
    let length = (kind == AudienceType::Text).then_some(100);
    NewField { name: name.into(), api_name: name.to_lowercase(), kind, length, description: String::new(), default_value: String::new() }
}

/// Fields 2 to 7 of a list, or 1 to 5 of a bridge, by their kinds.
const LIST_KINDS: [Kind; 6] = [Kind::Text, Kind::Whole, Kind::Decimal, Kind::Date, Kind::DateTime, Kind::Boolean];
const BRIDGE_KINDS: [Kind; 5] = [Kind::Text, Kind::Whole, Kind::Decimal, Kind::DateTime, Kind::Boolean];

async fn make(db: &Db) -> World {
    use AudienceType as A;
    let mut tx = db.write().await.unwrap();
    let mut bridges = [0; 2];
    for (n, bridge) in bridges.iter_mut().enumerate() {
        let entered = Entered { name: format!("CRM {n}"), enabled: true, ..Entered::default() };
        *bridge = crate::bridges::create(&mut tx, &vault(), "personify360", &entered, &who()).await.unwrap();
    }
    let kinds = [BridgeType::Text, BridgeType::Integer, BridgeType::Decimal, BridgeType::DateTime, BridgeType::Boolean];
    let offered: Vec<Offered> =
        kinds.iter().map(|kind| Offered { name: kind.name().into(), label: kind.name().into(), kind: *kind, length: None }).collect();
    crate::fields::mirror(&mut tx, bridges[0], &offered, NOW).await.unwrap();
    let kinds =
        [("Tier", A::Text), ("Points", A::Long), ("Score", A::Float), ("Born", A::Date), ("Seen", A::DateTime), ("Vip", A::Boolean)];
    let mut fields: Vec<NewField> = kinds.iter().map(|(name, kind)| new_field(name, *kind)).collect();
    fields.insert(0, new_field("Key", A::Text));
    let new = audiences::New { name: "Loyalty", api_name: "loyalty", folder: "", description: "", extends: None, fields: &fields };
    let list = audiences::create(&mut tx, &new, &who()).await.unwrap();
    fields[0] = new_field("Key", A::Integer);
    let new =
        audiences::New { name: "More", api_name: "more", folder: "", description: "", extends: Some((list, "MORE")), fields: &fields };
    let extension = audiences::create(&mut tx, &new, &who()).await.unwrap();
    audiences::decide_match(&mut tx, list, MatchBy::Email, None).await.unwrap();
    audiences::decide_match(&mut tx, extension, MatchBy::RemoteId, Some(bridges[0])).await.unwrap();
    let described: Vec<Described> = ["A", "B", "C"]
        .iter()
        .map(|code| Described {
            code: (*code).into(),
            name: (*code).into(),
            description: String::new(),
            active: true,
            regeneration: String::new(),
            members: None,
            refreshed_at: None,
            modified_at: None,
        })
        .collect();
    groups::mirror(&mut tx, bridges[0], "CRM", &described, true, NOW).await.unwrap();
    let groups = tx.all::<(i64,)>("SELECT id FROM target_group ORDER BY id", args![]).await.unwrap().into_iter().map(|(id,)| id).collect();
    tx.commit().await.unwrap();
    World { bridges, list, extension, groups }
}

fn text() -> impl Strategy<Value = String> {
    proptest::sample::select(&["Gold", "gold", "SILVER", "Zoë", "zoË", "O'Hara", "10%", "a_b", "", "x", "old", "ÄÖ"][..])
        .prop_map(str::to_owned)
}

fn decimal() -> impl Strategy<Value = f64> {
    proptest::sample::select(&[-1.5, -0.0, 0.0, 0.1, 1.0, 2.0, 2.5, 1e15, 0.30000000000000004][..])
}

fn day() -> impl Strategy<Value = Date> {
    let near = (-40i64..40).prop_map(|n| today().date.saturating_add(jiff::ToSpan::days(n)));
    let far = (1i16..=9999, 1i8..=12, 1i8..=28).prop_map(|(y, m, d)| jiff::civil::date(y, m, d));
    prop_oneof![4 => near, 1 => far, 1 => Just(jiff::civil::date(2004, 2, 29))]
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Text => text().prop_map(Value::Text).boxed(),
        Kind::Whole => (-3i64..4).prop_map(Value::Whole).boxed(),
        Kind::Decimal => decimal().prop_map(Value::Decimal).boxed(),
        Kind::Date => day().prop_map(Value::Date).boxed(),
        Kind::DateTime => (day(), 0i8..24, 0i8..60).prop_map(|(d, h, m)| Value::DateTime(d.at(h, m, 0, 0))).boxed(),
        Kind::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
    }
}

fn row(kinds: &'static [Kind]) -> impl Strategy<Value = Vec<Option<Value>>> {
    kinds.iter().map(|kind| proptest::option::weighted(0.8, value(*kind))).collect::<Vec<_>>()
}

/// What is random about a person: the address, whether of the first bridge, causes, groups, rows. Of two rows of the list the first counts.
type Made = (usize, bool, i64, Vec<Cause>, HashSet<usize>, Option<Vec<Option<Value>>>, Vec<Vec<Option<Value>>>, Option<Vec<Option<Value>>>);

fn made() -> impl Strategy<Value = Made> {
    let causes = prop_oneof![4 => Just(vec![]), 1 => Just(vec![Cause::OwnUnsubscribe]), 1 => Just(vec![Cause::Upload]), 1 => Just(vec![Cause::RemoteFlag, Cause::Admin])];
    (
        0usize..5,
        proptest::bool::weighted(0.7),
        -60i64..2,
        causes,
        proptest::collection::hash_set(0usize..3, 0..3),
        proptest::option::weighted(0.8, row(&BRIDGE_KINDS)),
        proptest::collection::vec(row(&LIST_KINDS), 0..3),
        proptest::option::weighted(0.6, row(&LIST_KINDS)),
    )
}

fn literal(value: Option<&Value>) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let padded = |d: Date| format!("{:04}-{:02}-{:02}", d.year(), d.month(), d.day());
    match value {
        None => "NULL".into(),
        Some(Value::Text(text)) => quoted(text),
        Some(Value::Whole(n)) => n.to_string(),
        Some(Value::Decimal(n)) => format!("CAST('{n:e}' AS DOUBLE PRECISION)"),
        Some(Value::Date(d)) => quoted(&padded(*d)),
        Some(Value::DateTime(at)) => quoted(&format!("{} {:02}:{:02}:{:02}", padded(at.date()), at.hour(), at.minute(), at.second())),
        Some(Value::Boolean(yes)) => yes.to_string().to_uppercase(),
    }
}

fn listed(values: &[Option<Value>]) -> String {
    values.iter().map(|v| literal(v.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Writes somebody, and answers the same for the evaluator.
async fn write(tx: &mut Tx, world: &World, id: i64, made: Made) -> Person {
    let (address, first, age, causes, groups, profile, rows, more) = made;
    let written = match address {
        0 => String::new(),
        1 => format!("nobody{id}"),
        _ => format!("P{id}@{}.example", if id % 2 == 0 { "home" } else { "Work" }),
    };
    let address = Address::read(Some(&written));
    let bridge = world.bridges[usize::from(!first)];
    let remote_id = format!("R-{id}");
    let added = Instant(NOW.0 + age * 86_400_000_000 + 3_600_000_000 * (id % 24));
    let flagged = i64::from(causes.contains(&Cause::RemoteFlag));
    tx.run(
        "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen,
            remote_flag_run, hash) VALUES ($1, $2, 1, $3, $4, $5, $6, $7, 1, $8, 1)",
        args![id, added, bridge, &remote_id, address.written, &address.canonical, address.state as i16, flagged],
    )
    .await
    .unwrap();
    let mut person = Person {
        address: address.canonical.clone(),
        state: address.state,
        remote_id: remote_id.clone(),
        bridge,
        added: today().day_of(added),
        causes: HashSet::new(),
        sets: groups.iter().map(|g| Set::Group(world.groups[*g])).collect(),
        values: HashMap::new(),
    };
    for (n, cause) in causes.into_iter().enumerate() {
        // By address, where there is one, or by record.
        let by_address = cause == Cause::Upload;
        if cause == Cause::RemoteFlag || !by_address || !address.canonical.is_empty() {
            person.causes.insert(cause);
        }
        if cause != Cause::RemoteFlag && (!by_address || !address.canonical.is_empty()) {
            let (record, canonical) = if by_address { (0, address.canonical.as_str()) } else { (id, "") };
            let insert = "INSERT INTO suppression (id, created_at, cause, subscriber_id, canonical) VALUES ($1, 1, $2, $3, $4)";
            tx.run(insert, args![id * 10 + n as i64, cause.name(), record, canonical]).await.unwrap();
        }
    }
    for group in groups {
        tx.run("INSERT INTO membership (group_id, subscriber_id) VALUES ($1, $2)", args![world.groups[group], id]).await.unwrap();
    }
    if let Some(values) = profile.filter(|_| first) {
        let text = format!("INSERT INTO profile_{} (subscriber_id, f1, f2, f3, f4, f5) VALUES ({id}, {})", bridge, listed(&values));
        tx.run_built(text, args![]).await.unwrap();
        keep(&mut person, Table::Bridge(bridge), 1, values);
    }
    let links = !address.canonical.is_empty();
    // The second one's key comes first, byte by byte.
    for (n, values) in rows.iter().enumerate() {
        let key = if n == 0 { format!("k{id}") } else { format!("K{id}") };
        let link = if links { address.canonical.as_str() } else { "nobody@else.example" };
        let text = format!(
            "INSERT INTO audience_{} (f1, f2, f3, f4, f5, f6, f7, link) VALUES ('{key}', {}, '{link}')",
            world.list,
            listed(values)
        );
        tx.run_built(text, args![]).await.unwrap();
    }
    if let Some(values) = rows.into_iter().next_back().filter(|_| links) {
        keep(&mut person, Table::Audience(world.list), 2, values);
    }
    if let Some(values) = more {
        let text = format!(
            "INSERT INTO audience_{} (f1, f2, f3, f4, f5, f6, f7, link) VALUES ({id}, {}, '{remote_id}')",
            world.extension,
            listed(&values)
        );
        tx.run_built(text, args![]).await.unwrap();
        if first {
            keep(&mut person, Table::Audience(world.extension), 2, values);
        }
    }
    person
}

fn keep(person: &mut Person, table: Table, from: i64, values: Vec<Option<Value>>) {
    person.values.extend((from..).zip(values).filter_map(|(n, v)| v.map(|v| ((table, n), v))));
}

fn asked_text() -> impl Strategy<Value = TextRule> {
    let some = || text().prop_filter("a value", |t| !t.is_empty());
    prop_oneof![
        proptest::collection::vec(some(), 1..3).prop_map(TextRule::Is),
        proptest::collection::vec(some(), 1..3).prop_map(TextRule::IsNot),
        some().prop_map(TextRule::Contains),
        some().prop_map(TextRule::DoesNotContain),
        some().prop_map(TextRule::StartsWith),
    ]
}

fn asked_number(kind: Kind) -> impl Strategy<Value = NumberRule> {
    let one = move || {
        if kind == Kind::Whole {
            (-3i64..4).prop_map(Number::Whole).boxed()
        } else {
            prop_oneof![(-3i64..4).prop_map(Number::Whole), decimal().prop_map(Number::Decimal)].boxed()
        }
    };
    prop_oneof![
        proptest::collection::vec(one(), 1..3).prop_map(NumberRule::Is),
        proptest::collection::vec(one(), 1..3).prop_map(NumberRule::IsNot),
        one().prop_map(NumberRule::Less),
        one().prop_map(NumberRule::AtMost),
        one().prop_map(NumberRule::More),
        one().prop_map(NumberRule::AtLeast),
        (one(), one()).prop_map(|(a, b)| {
            let (from, to) = if a.decimal() <= b.decimal() { (a, b) } else { (b, a) };
            NumberRule::Between { from, to }
        }),
    ]
}

fn asked_time() -> impl Strategy<Value = TimeRule> {
    let span = || (1u32..60, 0..4usize).prop_map(|(n, unit)| Span { n, unit: Unit::ALL[unit] });
    let one = || day().prop_map(|d| Day::new(d).unwrap());
    prop_oneof![
        Just(TimeRule::Today),
        one().prop_map(TimeRule::On),
        one().prop_map(TimeRule::Before),
        one().prop_map(TimeRule::After),
        (one(), one()).prop_map(|(a, b)| TimeRule::Between { from: a.min(b), to: a.max(b) }),
        span().prop_map(TimeRule::InLast),
        span().prop_map(TimeRule::LongerAgo),
        span().prop_map(TimeRule::InNext),
        span().prop_map(TimeRule::FurtherAhead),
        (0u16..80).prop_map(|within_days| TimeRule::Anniversary { within_days }),
    ]
}

fn asked(kind: Kind) -> BoxedStrategy<Rule> {
    let of_kind = match kind {
        Kind::Text => asked_text().prop_map(Rule::Text).boxed(),
        Kind::Whole | Kind::Decimal => asked_number(kind).prop_map(Rule::Number).boxed(),
        Kind::Date | Kind::DateTime => asked_time().prop_map(Rule::Time).boxed(),
        Kind::Boolean => any::<bool>().prop_map(Rule::Boolean).boxed(),
    };
    prop_oneof![1 => Just(Rule::Empty), 1 => Just(Rule::NotEmpty), 6 => of_kind].boxed()
}

fn field_test(of: Table, from: i64, kinds: &'static [Kind]) -> BoxedStrategy<Test> {
    (0..kinds.len()).prop_flat_map(move |n| asked(kinds[n]).prop_map(move |is| Test::Field { of, number: from + n as i64, is })).boxed()
}

fn segments(world: &World) -> impl Strategy<Value = Segment> + use<> {
    let (bridges, groups) = (world.bridges, world.groups.clone());
    let address = prop_oneof![
        Just(TextRule::Contains("@HOME".into())),
        Just(TextRule::IsNot(vec!["p4@home.example".into()])),
        Just(TextRule::StartsWith("p1".into()))
    ];
    let cause = proptest::sample::select(&[Cause::OwnUnsubscribe, Cause::Upload, Cause::RemoteFlag, Cause::Admin, Cause::Complaint][..]);
    let leaf = prop_oneof![
        3 => field_test(Table::Audience(world.list), 2, &LIST_KINDS),
        3 => field_test(Table::Audience(world.extension), 2, &LIST_KINDS),
        3 => field_test(Table::Bridge(bridges[0]), 1, &BRIDGE_KINDS),
        1 => address.prop_map(Test::Address),
        1 => (1i64..100).prop_map(|n| Test::RemoteId(TextRule::Contains(format!("r-{n}")))),
        1 => (0usize..2, any::<bool>()).prop_map(move |(n, is)| Test::Bridge { bridge: bridges[n], is }),
        1 => asked_time().prop_filter("no field", |r| !matches!(r, TimeRule::Anniversary { .. })).prop_map(Test::Added),
        1 => any::<bool>().prop_map(Test::UsableAddress),
        1 => any::<bool>().prop_map(Test::Mailable),
        1 => (cause, any::<bool>()).prop_map(|(cause, is)| Test::Cause { cause, is }),
        2 => (0usize..3, any::<bool>()).prop_map(move |(n, is)| Test::Member { of: Set::Group(groups[n]), is }),
    ]
    .prop_map(|test| Node::Test(Box::new(test)));
    let grouped = |how: usize, parts| match how {
        0 => Group::All(parts),
        1 => Group::Any(parts),
        _ => Group::None(parts),
    };
    let node = leaf.prop_recursive(3, 12, 4, move |inner| {
        (0usize..3, proptest::collection::vec(inner, 1..4)).prop_map(move |(how, parts)| Node::Group(grouped(how, parts)))
    });
    (0usize..3, proptest::collection::vec(node, 1..4)).prop_map(move |(how, parts)| Segment { root: grouped(how, parts) })
}

#[tokio::test]
async fn the_statement_finds_those_of_whom_the_segment_holds() {
    for (made_db, db) in both().await {
        let world = make(&db).await;
        let mut runner = TestRunner::deterministic();
        let mut people: Vec<(i64, Person)> = Vec::new();
        let mut tx = db.write().await.unwrap();
        for id in 1..=PEOPLE {
            let made = made().new_tree(&mut runner).unwrap().current();
            people.push((id, write(&mut tx, &world, id, made).await));
        }
        tx.commit().await.unwrap();
        let context = Context::load(db.read(), today()).await.unwrap();
        let strategy = segments(&world);
        let mut sizes = HashSet::new();
        for n in 0..SEGMENTS {
            let segment = strategy.new_tree(&mut runner).unwrap().current();
            let told = serde_json::to_string(&segment).unwrap();
            let model: Vec<i64> = people.iter().filter(|(_, p)| holds(&segment, p, &today())).map(|(id, _)| *id).collect();
            let found = ids(&db, &segment, &context).await.unwrap_or_else(|e| panic!("{}: {told}: {e}", made_db.name));
            let found: Vec<i64> = found.iter().map(|id| id as i64).collect();
            assert_eq!(found, model, "{}: {told}", made_db.name);
            sizes.insert(model.len());
            let (id, _) = people[n % people.len()];
            let read = person(&db, &segment, &context, id).await.unwrap().unwrap();
            let expected = model.contains(&id);
            assert_eq!(holds(&segment, &read, &today()), expected, "{}: {told}: person {id}, read: {read:?}", made_db.name);
            assert_eq!(contains(&db, &segment, &context, id).await.unwrap(), expected, "{}: {told}", made_db.name);
            let counted = count(&db, &segment, &context).await.unwrap();
            let mailable: HashSet<&str> = people
                .iter()
                .filter(|(id, p)| model.contains(id) && test_holds(&Test::Mailable(true), p, &today()))
                .map(|(_, p)| p.address.as_str())
                .collect();
            assert_eq!(counted, Counted { people: model.len() as i64, mailable: mailable.len() as i64 }, "{}: {told}", made_db.name);
        }
        assert!(sizes.len() > 40, "the segments are of many sizes: {}", sizes.len());
    }
}
