//! Writebacks against the simulated data service.

mod faults;
mod set_up;

use rialto_connectors::{Acknowledged, ConnectorError, Delivery, DeliveryError, Page};
use rialto_core::Instant;
use rialto_core::consent::Flag;
use rialto_core::ids::{Kind, PublicId};
use rialto_core::writeback::{AddressFault, InterestChange, InterestKey, InterestSource, Message, What, marker};
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

    /// Whether all that the message says stands there.
    fn shows(&self, what: &What) -> bool {
        match what {
            What::Unsubscribe => !self.allows(),
            What::Resubscribe { say_yes } => self.allows() == *say_yes,
            What::InvalidEmail { .. } | What::Persona { .. } => true,
            What::Interests { changes } => changes.iter().all(|c| {
                let has = match c.source {
                    InterestSource::Area => self.sandbox.opt_ins(&self.master, self.sub).iter().any(|(code, yes)| *code == c.code && *yes),
                    InterestSource::Demographic => {
                        let theirs = self.sandbox.demographics(&self.master, self.sub);
                        let same = theirs.iter().filter(|(code, sub)| (code, sub) == (&c.code, &c.subcode)).count();
                        assert!(same < 2, "a code stands there twice");
                        same == 1
                    }
                };
                has == c.wanted
            }),
        }
    }
}

#[tokio::test]
async fn each_kind_is_written_once_and_changes_nothing_else() {
    let remote = Remote::start(400).await;
    let bridge = remote.bridge(&[("requests_per_second", "5000")]);
    let codes = ["RIALTO_UNSUB", "RIALTO_RESUB", "RIALTO_RESUB", "RIALTO_BADEMAIL", "RIALTO_INTEREST"];
    for (at, (what, code)) in (1..).zip(all().iter().zip(codes)) {
        for number in 1..=30 {
            let person = Person::of(&remote, number);
            person.oppose(what);
            let before = remote.sandbox().person(&person.master, person.sub).unwrap();
            let id = at * 1_000 + i64::try_from(number).unwrap();
            assert_eq!(deliver(&bridge, id, &person.id(), what, false).await.unwrap(), Acknowledged::Written);
            assert!(person.shows(what), "{what:?} {number}");
            let written: Vec<_> = person.activities().into_iter().filter(|a| a.text.contains(&mark(id))).collect();
            assert_eq!((written.len(), written[0].code.as_str()), (1, code));
            assert!(written[0].text.contains("Lumora Society") && written[0].text.contains("2026-01-05 08:09:10 UTC"));
            assert!(written[0].text.contains("Reason: no time"));
            assert_eq!(written[0].date.unwrap().to_string(), "2026-01-05T08:09:10Z");
            let mut after = remote.sandbox().person(&person.master, person.sub).unwrap();
            after.allow_email = before.allow_email;
            assert_eq!(after, before, "only the flag");
            assert_eq!(deliver(&bridge, id, &person.id(), what, true).await.unwrap(), Acknowledged::FoundThere);
            assert_eq!(person.marks(id), 1);
        }
    }
    assert_eq!(remote.sandbox().activity_count(), 150);
    let shown = bridge.shown(&Person::of(&remote, 3).id()).await.unwrap();
    let expected: Vec<String> = (1..=5).map(|at| mark(at * 1_000 + 3)).collect();
    assert_eq!(shown.markers, expected);
}

#[tokio::test]
async fn a_flag_without_its_mark_is_finished_by_the_next_try() {
    let remote = Remote::start(50).await;
    let bridge = remote.bridge(&[]);
    let person = Person::of(&remote, 7);
    person.allow(false);
    assert_eq!(deliver(&bridge, 1, &person.id(), &What::Unsubscribe, true).await.unwrap(), Acknowledged::Written);
    assert_eq!(person.marks(1), 1);
    person.allow(true);
    assert_eq!(deliver(&bridge, 1, &person.id(), &What::Unsubscribe, true).await.unwrap(), Acknowledged::FoundThere);
    assert!(person.allows(), "a later yes of the remote's own is not taken back by an old writeback");
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
async fn people_who_are_not_there_are_refused() {
    let remote = Remote::start(50).await;
    let bridge = remote.bridge(&[]);
    for what in all() {
        for id in ["000000999999-0", "nonsense", "", "000000000001-x"] {
            let error = deliver(&bridge, 1, id, &what, false).await.unwrap_err();
            assert!(matches!(error, DeliveryError::Refused { .. }), "{what:?} {id}: {error:?}");
        }
    }
    let gone = bridge.shown("000000999999-0").await.unwrap();
    assert_eq!((gone.flag, gone.markers.len()), (None, 0));
    assert_eq!(remote.sandbox().activity_count(), 0);
}

#[tokio::test]
async fn the_standing_check_sees_what_reading_lists_sees() {
    let remote = Remote::start(300).await;
    let bridge = remote.bridge(&[]);
    for number in 1..=300 {
        let person = Person::of(&remote, number);
        let truth = remote.sandbox().person(&person.master, person.sub).unwrap();
        let flag = if truth.allow_email && truth.allow_solicitation { Flag::Yes } else { Flag::No };
        assert_eq!(bridge.shown(&person.id()).await.unwrap().flag, Some(flag), "{number}");
    }
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
async fn the_people_of_an_interest_are_read_by_pages() {
    let remote = Remote::start(900).await;
    let bridge = remote.bridge(&[("page_rows", "100")]);
    let person = Person::of(&remote, 7);
    deliver(&bridge, 1, &person.id(), &all().pop().unwrap(), false).await.unwrap();
    for interest in bridge.interests().await.unwrap() {
        let key = interest.key();
        let list = bridge.interest_list(&key).await.unwrap().unwrap();
        let fields = ["FIRST_NAME".to_owned()];
        let pages: Vec<_> = futures::StreamExt::collect(bridge.interest_people(&key, &fields)).await;
        let read: Vec<String> =
            pages.into_iter().flat_map(|page: Result<Page, ConnectorError>| page.unwrap().rows).map(|row| row.remote_id.unwrap()).collect();
        assert_eq!(list.members, Some(read.len() as u64), "{key:?}");
        for number in (1..=900u64).step_by(13).chain([7]) {
            let person = Person::of(&remote, number);
            let has = bridge.interests_of(&person.id()).await.unwrap().iter().any(|i| i.key() == key);
            assert_eq!(read.contains(&person.id()), has, "{key:?} {number}");
        }
    }
    let unknown = InterestKey { source: InterestSource::Area, code: "NO_SUCH".into(), subcode: String::new() };
    assert_eq!(bridge.interest_list(&unknown).await.unwrap(), None);
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

#[tokio::test]
async fn many_writebacks_go_side_by_side_over_kept_connections() {
    let remote = Remote::start(2_000).await;
    let bridge = remote.bridge(&[("requests_per_second", "5000")]);
    let work = (1..=500u64).map(|number| {
        let (bridge, person) = (bridge.clone(), Person::of(&remote, number).id());
        async move { deliver(&bridge, i64::try_from(number).unwrap(), &person, &What::Unsubscribe, false).await }
    });
    let began = tokio::time::Instant::now();
    let done: Vec<Delivered> = futures::StreamExt::collect(futures::StreamExt::buffer_unordered(futures::stream::iter(work), 16)).await;
    assert!(done.iter().all(|d| matches!(d, Ok(Acknowledged::Written))));
    let marked = remote.sandbox().marked();
    assert_eq!((marked.len(), marked.iter().filter(|m| m.activities.len() > 1).count()), (500, 0));
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
