//! Writebacks: what is particular to Personify360.

mod set_up;

use rialto_connectors::{Acknowledged, Delivery, DeliveryError};
use rialto_core::Instant;
use rialto_core::ids::{Kind, PublicId};
use rialto_core::writeback::{AddressFault, InterestChange, InterestSource, Message, What, marker};
use rialto_sandbox::{Activity, Options, Sandbox};

use crate::support::{Bridge, Remote};

type Delivered = Result<Acknowledged, DeliveryError>;

/// The mark of the writeback with this number.
fn mark(id: i64) -> String {
    marker(PublicId { kind: Kind::Writeback, created_ms: 1_767_600_000_000, id })
}

fn message(what: What) -> Message {
    let at = Instant::parse("2026-01-05T08:09:10Z").unwrap();
    Message { at, account: "Lumora Society".into(), reason: "no time".into(), what }
}

/// One of each kind, changes of interests included that really change something for nobody in particular.
fn all() -> Vec<What> {
    let change = |source, code: &str, subcode: &str, wanted| InterestChange {
        source,
        code: code.into(),
        subcode: subcode.into(),
        name: code.into(),
        wanted,
    };
    let changes = vec![
        change(InterestSource::Area, "NEWS", "", true),
        change(InterestSource::Area, "EVENTS", "", false),
        change(InterestSource::Demographic, "INTEREST", "BIRDS", true),
        change(InterestSource::Demographic, "INTEREST", "WOODS", false),
    ];
    vec![
        What::Unsubscribe,
        What::Resubscribe { say_yes: true },
        What::Resubscribe { say_yes: false },
        What::InvalidEmail { fault: AddressFault::InvalidDomain },
        What::Interests { changes },
    ]
}

async fn deliver(bridge: &Bridge, id: i64, person: &str, what: &What, again: bool) -> Delivered {
    let message = message(what.clone());
    bridge.deliver(Delivery { marker: &mark(id), remote_id: person, message: &message, again }).await
}

/// What the sandbox shows about a person.
struct Person<'s> {
    sandbox: &'s Sandbox,
    master: String,
    sub: i64,
}

impl<'s> Person<'s> {
    fn of(remote: &'s Remote, number: u64) -> Self {
        let (master, sub) = remote.sandbox().ids(number);
        Self { sandbox: remote.sandbox(), master, sub }
    }

    fn id(&self) -> String {
        format!("{}-{}", self.master, self.sub)
    }

    fn allows(&self) -> bool {
        self.sandbox.person(&self.master, self.sub).unwrap().allow_email
    }

    fn allow(&self, yes: bool) {
        self.sandbox.set_allow_email(&self.master, self.sub, yes);
    }

    fn activities(&self) -> Vec<Activity> {
        self.sandbox.activities(&self.master, self.sub)
    }

    fn marks(&self, id: i64) -> usize {
        self.activities().iter().filter(|a| a.text.contains(&mark(id))).count()
    }

    /// Makes the person differ from what the message wants.
    fn oppose(&self, what: &What) {
        self.allow(!matches!(what, What::Resubscribe { .. }));
    }
}

#[tokio::test]
async fn an_activity_says_who_when_and_why() {
    let remote = Remote::start(400).await;
    let bridge = remote.bridge(&[]);
    let codes = ["RIALTO_UNSUB", "RIALTO_RESUB", "RIALTO_RESUB", "RIALTO_BADEMAIL", "RIALTO_INTEREST"];
    for (id, (what, code)) in (1..).zip(all().iter().zip(codes)) {
        let person = Person::of(&remote, 3);
        person.oppose(what);
        deliver(&bridge, id, &person.id(), what, false).await.unwrap();
        let written: Vec<_> = person.activities().into_iter().filter(|a| a.text.contains(&mark(id))).collect();
        assert_eq!((written.len(), written[0].code.as_str()), (1, code));
        assert!(written[0].text.contains("Lumora Society") && written[0].text.contains("2026-01-05 08:09:10 UTC"));
        assert!(written[0].text.contains("Reason: no time"));
        assert_eq!(written[0].date.unwrap().to_string(), "2026-01-05T08:09:10Z");
    }
}

#[tokio::test]
async fn a_yes_that_the_remote_does_not_take_is_refused_in_words() {
    let remote = Remote::start(50).await;
    let person = Person::of(&remote, 7);
    remote.sandbox().set_allow_solicitation(&person.master, person.sub, false);
    let refused = deliver(&remote.bridge(&[]), 1, &person.id(), &What::Resubscribe { say_yes: true }, false).await.unwrap_err();
    let DeliveryError::Refused { detail } = refused else { panic!("{refused:?}") };
    assert!(detail.contains("Allow Solicitation"), "{detail}");
    assert_eq!(person.marks(1), 0);
}

#[tokio::test]
async fn interests_are_read_as_they_are_now() {
    let remote = Remote::start(200).await;
    let bridge = remote.bridge(&[]);
    let offered = bridge.interests().await.unwrap();
    assert_eq!(offered.iter().filter(|i| i.source == InterestSource::Area).count(), 6);
    let birds = offered.iter().find(|i| i.subcode == "BIRDS").unwrap();
    assert_eq!((birds.source, birds.code.as_str(), birds.active), (InterestSource::Demographic, "INTEREST", true));
    assert!(offered.iter().any(|i| i.code == "YEARBOOK" && !i.active && !i.name.is_empty()));
    for number in 1..=60 {
        let person = Person::of(&remote, number);
        let what = all().pop().unwrap();
        deliver(&bridge, i64::try_from(number).unwrap(), &person.id(), &what, false).await.unwrap();
        let mut has: Vec<_> = bridge.interests_of(&person.id()).await.unwrap().into_iter().map(|i| (i.code, i.subcode)).collect();
        let areas = remote.sandbox().opt_ins(&person.master, person.sub).into_iter().filter(|(_, yes)| *yes);
        let codes = remote.sandbox().demographics(&person.master, person.sub);
        let mut truth: Vec<_> = areas.map(|(code, _)| (code, String::new())).chain(codes).collect();
        has.sort();
        truth.sort();
        assert_eq!(has, truth, "{number}");
        assert!(has.contains(&("NEWS".into(), String::new())) && !has.contains(&("INTEREST".into(), "WOODS".into())));
    }
    assert_eq!(bridge.interests_of("nobody").await.unwrap(), []);
}

#[tokio::test]
async fn names_of_codes_and_entity_sets_can_be_changed() {
    let mut options = Options { people: 50, ..Options::default() };
    options.entity_sets.customer_infos = "OurCustomers".into();
    options.entity_sets.cus_opt_in_options = "OurOptIns".into();
    options.procedures.activities = "usr_A".into();
    options.procedures.interests_of = "usr_I".into();
    let remote = Remote::with(options).await;
    remote.sandbox().set_code("RIALTO_LEFT", true);
    let settings = [
        ("entity_set_customers", "OurCustomers"),
        ("entity_set_opt_ins", "OurOptIns"),
        ("procedure_activities", "usr_A"),
        ("procedure_interests_of", "usr_I"),
        ("code_unsubscribe", "RIALTO_LEFT"),
    ];
    let bridge = remote.bridge(&settings);
    let person = Person::of(&remote, 4);
    person.allow(true);
    for (id, what) in (1..).zip(all()) {
        deliver(&bridge, id, &person.id(), &what, true).await.unwrap();
    }
    assert_eq!(person.activities()[0].code, "RIALTO_LEFT");
    assert_eq!(bridge.set_up_faults().await.unwrap(), []);
    bridge.interests_of(&person.id()).await.unwrap();
}
