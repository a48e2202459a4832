//! Each act gives exactly the event that it must.

use std::collections::HashSet;

use rialto_sandbox::loyalty::{CATALOGUE, Kind, NewMember, Options, Refused, Sandbox, UNITS};
use serde_json::{Value, json};

use super::model::Model;

fn sandbox(people: u64) -> Sandbox {
    Sandbox::new(Options { people, ..Options::default() })
}

/// The events so far, and none of them twice.
fn events(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.published().iter().map(|event| event.json().unwrap()).collect()
}

const ONE: &str = "LOY-000001";

#[test]
fn earning_points_publishes_the_full_shared_state_once() {
    let sandbox = sandbox(20);
    sandbox.set_all(ONE, [("points", &json!(5)), ("lifetimePoints", &json!(995)), ("tier", &json!("Bronze"))]).unwrap();
    let before = sandbox.member(ONE).unwrap();
    let after = sandbox.earn(ONE, 10).unwrap();
    assert_eq!((after.points(), after.tier().as_str()), (15, "Silver"));
    let published = sandbox.published();
    assert_eq!(published.len(), 2);
    let event = published[1].json().unwrap();
    let mut names: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["data", "datacontenttype", "id", "sequence", "source", "specversion", "subject", "time", "type"]);
    assert_eq!((&event["specversion"], &event["type"]), (&json!("1.0"), &json!("profile.upserted")));
    assert_eq!((&event["source"], &event["subject"], &event["sequence"]), (&json!(before.unit), &json!(ONE), &json!("2")));
    assert_ne!(published[0].id, published[1].id);
    let data = &event["data"];
    assert_eq!(data["profileAltId"], ONE);
    assert_eq!((&data["metrics"]["points"], &data["metrics"]["lifetimePoints"]), (&json!(15), &json!(1_005)));
    assert_eq!(data["attributes"]["tier"], "Silver");
    assert_eq!(data["attributes"]["email"], json!(before.email()));
    // Just what is shared, whether it changed or not.
    let sent: HashSet<&str> = ["attributes", "preferences", "metrics"]
        .iter()
        .flat_map(|section| data[*section].as_object().unwrap().keys().map(String::as_str))
        .collect();
    assert_eq!(sent, sandbox.shared().into_iter().collect());
}

#[test]
fn a_tier_rises_and_never_falls() {
    let sandbox = sandbox(5);
    sandbox.set_all(ONE, [("lifetimePoints", &json!(0)), ("tier", &json!("Platinum"))]).unwrap();
    assert_eq!(sandbox.earn(ONE, 5_000).unwrap().tier(), "Platinum");
    sandbox.set_all(ONE, [("lifetimePoints", &json!(0)), ("tier", &json!("Bronze"))]).unwrap();
    for (points, tier) in [(999, "Bronze"), (1, "Silver"), (4_000, "Gold"), (14_999, "Gold"), (1, "Platinum")] {
        assert_eq!(sandbox.earn(ONE, points).unwrap().tier(), tier);
    }
}

#[test]
fn only_a_change_of_something_shared_is_an_event() {
    let sandbox = sandbox(5);
    sandbox.set(ONE, "averageBasket", json!(1.5)).unwrap();
    sandbox.set(ONE, "homeStore", json!("Mossbridge")).unwrap();
    assert_eq!(events(&sandbox).len(), 0);
    let language = sandbox.member(ONE).unwrap().value("language").unwrap().shown();
    sandbox.set(ONE, "language", json!(language)).unwrap();
    assert_eq!(events(&sandbox).len(), 0, "the same value is no change");
    sandbox.set(ONE, "language", Value::Null).unwrap();
    let events = events(&sandbox);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["preferences"]["language"], Value::Null);
    assert!(events[0]["data"]["preferences"].as_object().unwrap().contains_key("language"), "cleared is null, not absent");
    assert_eq!(sandbox.sequence(ONE), Some(1));
}

#[test]
fn sharing_changes_what_stands_in_data() {
    let sandbox = sandbox(5);
    assert_eq!(sandbox.share(&["points"]), Ok(true));
    assert_eq!(sandbox.share(&["points"]), Ok(false));
    sandbox.set(ONE, "tier", json!("Gold")).unwrap();
    assert_eq!(events(&sandbox).len(), 0, "sharing publishes nothing by itself, nor does what is shared no more");
    sandbox.set(ONE, "points", json!(77)).unwrap();
    assert_eq!(events(&sandbox)[0]["data"], json!({"profileAltId": ONE, "attributes": {}, "preferences": {}, "metrics": {"points": 77}}));
    assert!(matches!(sandbox.share(&["shoeSize"]), Err(Refused::NoField(_))));
}

#[test]
fn a_delete_holds_the_id_alone_and_ids_are_not_used_again() {
    let sandbox = sandbox(3);
    sandbox.earn("LOY-000003", 5).unwrap();
    sandbox.delete_member("LOY-000003").unwrap();
    let event = events(&sandbox).pop().unwrap();
    assert_eq!((&event["type"], &event["sequence"]), (&json!("profile.deleted"), &json!("2")));
    assert_eq!(event["data"], json!({"profileAltId": "LOY-000003"}));
    assert_eq!(sandbox.delete_member("LOY-000003"), Err(Refused::NoMember));
    assert_eq!((sandbox.member("LOY-000003"), sandbox.member_count()), (None, 2));
    let new = NewMember { last_name: "Fresh".into(), unit: Some(UNITS[1].into()), ..NewMember::default() };
    let member = sandbox.add_member(&new).unwrap();
    assert_eq!((member.id.as_str(), member.unit, member.tier().as_str()), ("LOY-000004", UNITS[1], "Bronze"));
    let event = events(&sandbox).pop().unwrap();
    assert_eq!((&event["source"], &event["sequence"]), (&json!(UNITS[1]), &json!("1")));
    sandbox.delete_member(&member.id).unwrap();
    assert_eq!(events(&sandbox).pop().unwrap()["source"], UNITS[1], "of the unit in which they were");
    let held = &sandbox.expected(UNITS[1])["LOY-000004"];
    assert!(held.deleted && held.fields.is_empty() && held.sequence == 2);
}

#[tokio::test]
async fn sending_all_is_news_only_where_something_else_is_shared() {
    let sandbox = sandbox(1_200);
    sandbox.earn(ONE, 5).unwrap();
    sandbox.delete_member("LOY-000002").unwrap();
    assert_eq!(sandbox.send_all().await, Ok(1_200));
    let sequences = |sandbox: &Sandbox| -> Vec<u64> { (1..=1_200).map(|n| sandbox.sequence(&format!("LOY-{n:06}")).unwrap()).collect() };
    let first = sequences(&sandbox);
    assert!(first.iter().all(|sequence| *sequence == 1));
    let last = &events(&sandbox)[2..];
    assert_eq!(last.iter().filter(|event| event["type"] == "profile.deleted").count(), 1);
    sandbox.send_all().await.unwrap();
    assert_eq!(sequences(&sandbox), first, "no news");
    let mut fields = sandbox.shared();
    fields.push("visits");
    sandbox.share(&fields).unwrap();
    sandbox.send_all().await.unwrap();
    let news = sequences(&sandbox);
    assert_eq!((news[0], news[1], news[2]), (2, 1, 2), "a delete has nothing more to tell");
    let mut model = Model::default();
    events(&sandbox).iter().for_each(|event| model.take(event));
    model.assert_as_expected_by(&sandbox);
    assert!(events(&sandbox)[2_402]["data"]["metrics"]["visits"].is_number());
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let sandbox = sandbox(5);
    let before = sandbox.members();
    let long = "x".repeat(201);
    for (field, value) in [
        ("points", json!("many")),
        ("points", json!(2_147_483_648_i64)),
        ("lastName", json!(long)),
        ("lastName", json!(["x"])),
        ("birthday", json!("2026-02-30")),
    ] {
        let both = [("tier", &json!("Gold")), (field, &value)];
        assert!(matches!(sandbox.set_all(ONE, both), Err(Refused::BadValue { .. })), "{field} {value}");
    }
    assert!(matches!(sandbox.set(ONE, "shoeSize", json!(1)), Err(Refused::NoField(_))));
    for id in ["LOY-000000", "LOY-000006", "LOY-1", "loy-000001", "", "LOY-0000001"] {
        assert_eq!(sandbox.earn(id, 1), Err(Refused::NoMember), "{id}");
    }
    assert!(matches!(sandbox.earn(ONE, 0), Err(Refused::Range(_))));
    assert_eq!(sandbox.add_member(&NewMember { unit: Some("/loyalty/west".into()), ..NewMember::default() }), Err(Refused::NoUnit));
    assert_eq!((sandbox.members(), events(&sandbox).len()), (before, 0));
}

#[test]
fn members_follow_from_the_seed_and_are_the_people_of_the_other_systems() {
    let of = |seed| Sandbox::new(Options { people: 2_000, seed, ..Options::default() });
    let members = of(7).members();
    assert_eq!(members, of(7).members());
    assert_ne!(members, of(8).members());
    let other = rialto_sandbox::membersuite::Options { people: 2_000, seed: 7, ..Default::default() };
    let other = rialto_sandbox::membersuite::Sandbox::new(other);
    for (at, member) in members.iter().enumerate().step_by(97) {
        assert_eq!(member.email(), other.person(&other.id(at as u64 + 1)).unwrap().email.as_deref());
    }
    assert!(members.iter().filter_map(|m| m.email()).all(|email| email.ends_with(".example")));
    for unit in UNITS {
        assert!(members.iter().filter(|member| member.unit == unit).count() > 800, "{unit}");
    }
    assert!(CATALOGUE.iter().all(|field| members[0].value(field.name).is_some()));
}

#[test]
fn the_log_is_bounded_and_the_first_sequence_is_chosen() {
    let sandbox = Sandbox::new(Options { people: 3, kept_events: 4, first_sequence: 1_000, ..Options::default() });
    (0..10).for_each(|_| drop(sandbox.earn(ONE, 1).unwrap()));
    let published = sandbox.published();
    let numbers: Vec<u64> = published.iter().map(|event| event.number).collect();
    assert_eq!(numbers, [7, 8, 9, 10]);
    assert_eq!((published[3].sequence, published[3].kind, sandbox.stream().published), (1_010, Kind::Upserted, 10));
    assert_eq!(sandbox.expected(published[0].source)[ONE].sequence, 1_010, "the truth needs no log");
}
