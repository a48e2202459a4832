//! Copies, reordering, bursts, gaps and poison are what they say.

use rialto_sandbox::loyalty::{Kind, OnDemand, Poison, Refused, Sandbox};
use serde_json::Value;

use super::inbox::{delivered, publishing};
use super::model::Model;

const ONE: &str = "LOY-000001";

fn sequences(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["sequence"].as_str().unwrap().parse().unwrap()).collect()
}

/// What a receiver made of all that was taken is what the sandbox expects.
fn assert_expected(sandbox: &Sandbox, events: &[Value]) {
    let mut model = Model::default();
    events.iter().for_each(|event| model.take(event));
    model.assert_as_expected_by(sandbox);
}

#[tokio::test]
async fn copies_are_the_very_same_event() {
    let (running, inbox) = publishing(20, 1).await;
    assert_eq!(running.sandbox.duplicate(Some(ONE), 3).unwrap(), ONE);
    delivered(&running.sandbox).await;
    let sent = inbox.sent();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|copy| copy.body == sent[0].body));
    assert_eq!(running.sandbox.sequence(ONE), Some(1));
    assert!(matches!(running.sandbox.duplicate(None, 4), Err(Refused::Range(_))));
    assert_expected(&running.sandbox, &inbox.taken());
}

#[tokio::test]
async fn reordered_the_later_comes_first() {
    let (running, inbox) = publishing(20, 1).await;
    running.sandbox.earn(ONE, 5).unwrap();
    running.sandbox.reorder(Some(ONE)).unwrap();
    delivered(&running.sandbox).await;
    let taken = inbox.taken();
    assert_eq!(sequences(&taken), [1, 3, 2]);
    let points = |at: usize| taken[at]["data"]["metrics"]["points"].as_i64().unwrap();
    assert_eq!((points(1), points(2)), (points(0) + 20, points(0) + 10));
    assert_expected(&running.sandbox, &taken);
}

#[tokio::test]
async fn a_burst_is_so_many_events_of_several_members() {
    let (running, inbox) = publishing(200, 500).await;
    running.sandbox.burst(1_000).unwrap();
    delivered(&running.sandbox).await;
    let taken = inbox.taken();
    assert_eq!(taken.len(), 1_000);
    let mut subjects: Vec<&str> = taken.iter().map(|event| event["subject"].as_str().unwrap()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    assert!(subjects.len() > 100, "{}", subjects.len());
    assert!(matches!(running.sandbox.burst(5_001), Err(Refused::Range(_))));
    assert_expected(&running.sandbox, &taken);
}

#[tokio::test]
async fn gaps_are_closed_by_sending_all() {
    let (running, inbox) = publishing(3, 1).await;
    running.sandbox.skip(Some(ONE)).unwrap();
    running.sandbox.withhold(Some("LOY-000002")).unwrap();
    delivered(&running.sandbox).await;
    assert_eq!(sequences(&inbox.taken()), [2], "1 was skipped, and the other event never sent");
    let unit = running.sandbox.member("LOY-000002").unwrap().unit;
    assert!(!running.sandbox.expected(unit).contains_key("LOY-000002"));
    running.sandbox.send_all().await.unwrap();
    delivered(&running.sandbox).await;
    let held = running.sandbox.expected(unit);
    let points = running.sandbox.member("LOY-000002").unwrap().points();
    assert_eq!((held["LOY-000002"].sequence, held["LOY-000002"].fields["points"].shown()), (1, points.to_string()));
    assert_expected(&running.sandbox, &inbox.taken());
}

#[tokio::test]
async fn each_poison_has_one_thing_wrong() {
    let (running, inbox) = publishing(20, 1).await;
    let sandbox = &running.sandbox;
    for (poison, name, _) in Poison::ALL {
        assert_eq!(Poison::named(name), Some(poison));
        sandbox.poison(Some(ONE), poison).unwrap();
        let event = sandbox.published().pop().unwrap();
        assert_eq!(event.kind, Kind::Poison(poison));
        let json = event.json();
        let of = |key: &str| json.as_ref().unwrap()[key].clone();
        match poison {
            Poison::NotJson => assert!(json.is_none() && event.text.starts_with('{')),
            Poison::SpecVersion => assert_eq!(of("specversion"), "9.9"),
            Poison::NoSubject => assert!(json.unwrap().get("subject").is_none()),
            Poison::Sequence => assert_eq!(of("sequence"), "seven"),
            Poison::HugeBody => assert!(event.text.len() > 19 << 20 && json.is_some()),
            Poison::WrongType => assert_eq!(of("data")["metrics"]["points"], "many"),
            Poison::TooLong => assert_eq!(of("data")["attributes"]["lastName"].as_str().unwrap().len(), 5_000),
            Poison::UnknownKey => assert_eq!(of("data")["attributes"]["shoeSizeOfTheCat"], 3),
        }
    }
    assert_eq!(sandbox.sequence(ONE), Some(3), "only what counts takes a number");
    sandbox.earn(ONE, 5).unwrap();
    delivered(sandbox).await;
    let stream = sandbox.stream();
    assert_eq!((stream.refused, stream.acknowledged), (2, 7), "{:?}", stream.answers);
    assert_expected(sandbox, &inbox.taken());
    let held = &sandbox.expected(sandbox.member(ONE).unwrap().unit)[ONE];
    assert_eq!(held.sequence, 4);
}

#[tokio::test]
async fn a_value_that_does_not_fit_leaves_until_it_is_sent_again() {
    let (running, inbox) = publishing(3, 1).await;
    let sandbox = &running.sandbox;
    sandbox.earn(ONE, 5).unwrap();
    sandbox.poison(Some(ONE), Poison::WrongType).unwrap();
    let unit = sandbox.member(ONE).unwrap().unit;
    let points = sandbox.member(ONE).unwrap().points().to_string();
    assert_eq!((sandbox.expected(unit)[ONE].sequence, sandbox.expected(unit)[ONE].fields["points"].shown()), (2, points));
    sandbox.send_all().await.unwrap();
    assert_eq!(sandbox.sequence(ONE), Some(3), "what was told was not the state, so it is news");
    delivered(sandbox).await;
    assert_expected(sandbox, &inbox.taken());
}

#[tokio::test]
async fn poison_in_a_batch_that_is_refused_whole_does_not_stop_the_good() {
    let (running, inbox) = publishing(20, 10).await;
    inbox.be_strict();
    // So that all of them wait for the same batch.
    inbox.answer(&[503]);
    running.sandbox.earn(ONE, 1).unwrap();
    let what = OnDemand::Poison { member: None, poison: Poison::NoSubject };
    running.sandbox.carry_out(&what).unwrap();
    running.sandbox.earn(ONE, 1).unwrap();
    running.sandbox.carry_out(&OnDemand::Poison { member: None, poison: Poison::NotJson }).unwrap();
    running.sandbox.earn(ONE, 1).unwrap();
    delivered(&running.sandbox).await;
    assert_eq!(sequences(&inbox.taken()), [1, 2, 3]);
    assert_eq!(running.sandbox.stream().refused, 2);
}
