//! iMIS: unsubscribes, resubscribes and bad addresses once a day at one in the morning, Eastern; opting out at once (WB-18 to WB-20).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rialto_core::Instant;
use rialto_core::consent::Cause;
use rialto_core::run::{RunKind, Trigger};
use rialto_core::timing::{OwnTiming, When};
use rialto_core::writeback::{AddressFault, WritebackKind};
use rialto_engine::Engine;
use rialto_sandbox::imis::{Activity, Options, Running};
use rialto_sandbox::{Fault, FaultRule};
use rialto_store::bridges::{self, Entered};
use rialto_store::consent::{self, Act, Grounds, Step};
use rialto_store::runs::{NewRun, Subject};
use rialto_store::writebacks::{self, Destination, Writeback};
use rialto_store::{Actor, Db, args, groups};
use rialto_testkit::{actor, both, clock, vault};
use tokio_util::sync::CancellationToken;

use crate::support::{RESUBSCRIBE, UNSUBSCRIBE, mark, parts, succeeds};

const EVERYBODY: &str = "$/HigherLogic/MailingLists/All Contacts";
const HOUR: i64 = 3_600;

struct Imis {
    remote: Running,
    db: Db,
    name: &'static str,
    engine: Engine,
    bridge: i64,
    time: Arc<AtomicI64>,
    _test: rialto_testkit::TestDb,
}

impl Imis {
    async fn both(settings: &[(&str, &str)]) -> Vec<Self> {
        let mut all = Vec::new();
        for test in both().await {
            all.push(Self::start(test, settings).await);
        }
        all
    }

    async fn start(test: rialto_testkit::TestDb, settings: &[(&str, &str)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let remote = rialto_sandbox::imis::start(Options { people: 80, ..Options::default() }).await.unwrap();
        let mut entered = Entered {
            name: "iMIS".into(),
            settings: BTreeMap::from([("base_url".into(), remote.site_root()), ("requests_per_second".into(), "1000".into())]),
            secrets: BTreeMap::from([("username".into(), "rialto".into()), ("password".into(), "sandbox".into())]),
            enabled: true,
        };
        entered.settings.extend(settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let mut tx = test.db.write().await.unwrap();
        let bridge = bridges::create(&mut tx, &vault(), "imis", &entered, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        let (clock, time) = clock();
        let engine = Engine::new(parts(&test.db, clock), "test");
        let imis = Self { remote, db: test.db.clone(), name: test.name, engine, bridge, time, _test: test };
        // Noon on a winter's day in New York.
        imis.time.store(Instant::parse("2026-01-05T17:00:00Z").unwrap().0, Ordering::SeqCst);
        imis.look().await;
        imis.run(NewRun::of(RunKind::Lists, Subject::Lists { bridge_id: bridge }, Trigger::RefreshBridge)).await;
        let all = groups::of_bridge(imis.db.read(), bridge).await.unwrap();
        let group = all.into_iter().find(|g| g.code.as_deref() == Some(EVERYBODY)).unwrap();
        imis.run(NewRun::of(RunKind::People, Subject::Group { group_id: group.id, bridge_id: bridge }, Trigger::RefreshBridge)).await;
        imis
    }

    fn now(&self) -> Instant {
        Instant(self.time.load(Ordering::SeqCst))
    }

    fn later(&self, seconds: i64) {
        self.time.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    fn who(&self) -> Actor {
        self.later(1);
        Actor { at: self.now(), ..actor() }
    }

    async fn run(&self, new: NewRun) {
        succeeds(&self.engine, new, &self.who()).await;
    }

    /// What can go now goes.
    async fn look(&self) {
        self.engine.write_back(&CancellationToken::new()).await.unwrap();
    }

    /// Cycles every ten minutes for so long.
    async fn pass(&self, seconds: i64) {
        for _ in 0..seconds / 600 {
            self.later(600);
            self.look().await;
        }
    }

    /// People who may be mailed, by an address of their own: id and Remote ID.
    async fn people(&self) -> Vec<(i64, String)> {
        let text = "SELECT id, remote_id FROM subscriber s WHERE remote_flag_run = 0 AND canonical <> '' AND bridge_id = $1
            AND NOT EXISTS (SELECT 1 FROM subscriber o WHERE o.canonical = s.canonical AND o.id <> s.id) ORDER BY id";
        self.db.read().all(text, args![self.bridge]).await.unwrap()
    }

    async fn act(&self, id: i64, step: Step, reason: &str) {
        let who = self.who();
        let grounds = Grounds { source: "link", reason, evidence: "the link in a mailing" };
        let mut tx = self.db.write().await.unwrap();
        consent::act(&mut tx, &vault(), &[Act { subscriber_id: id, step, grounds, who: &who }]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn rows(&self) -> Vec<Writeback> {
        self.db.read().all("SELECT * FROM writeback ORDER BY id", vec![]).await.unwrap()
    }

    async fn states(&self) -> Vec<String> {
        self.rows().await.into_iter().map(|w| w.state).collect()
    }

    async fn destination(&self) -> Destination {
        writebacks::destination(self.db.read(), self.bridge).await.unwrap().unwrap()
    }

    async fn set(&self, change: impl FnOnce(&mut writebacks::Settings)) {
        let mut settings = self.destination().await.read_settings();
        change(&mut settings);
        let mut tx = self.db.write().await.unwrap();
        writebacks::put_settings(&mut tx, self.bridge, &settings, &self.who()).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn run_now(&self) {
        let next = Instant(self.destination().await.next_cycle_at);
        let mut tx = self.db.write().await.unwrap();
        writebacks::run_now(&mut tx, self.bridge, next, &self.who()).await.unwrap();
        tx.commit().await.unwrap();
        self.look().await;
    }

    fn refuses(&self, remote_id: &str) -> bool {
        self.remote.sandbox.contact(remote_id).unwrap().do_not_email()
    }

    /// Types of the activities of a person, in order.
    fn types(&self, remote_id: &str) -> Vec<String> {
        self.activities(remote_id).into_iter().map(|a| a.activity_type).collect()
    }

    fn activities(&self, remote_id: &str) -> Vec<Activity> {
        self.remote.sandbox.activities(remote_id)
    }
}

fn at(text: &str) -> Option<i64> {
    Some(Instant::parse(text).unwrap().0)
}

#[tokio::test]
async fn each_goes_once_at_one_in_the_morning_of_new_york() {
    for w in Imis::both(&[]).await {
        let people = w.people().await;
        let [(ann, anns), (bob, bobs), (eve, eves)] = &people[..3] else { panic!("three people") };
        w.act(*ann, UNSUBSCRIBE, "Too much mail").await;
        w.act(*bob, Step::Invalid(AddressFault::InvalidDomain), "").await;
        w.act(*eve, UNSUBSCRIBE, "").await;
        w.act(*eve, RESUBSCRIBE, "Changed my mind").await;
        let queued = w.rows().await;
        assert_eq!(queued.iter().map(|r| r.state.as_str()).collect::<Vec<_>>(), ["scheduled"; 4], "{}", w.name);
        assert!(queued.iter().all(|r| r.next_at == at("2026-01-06T06:00:00Z")), "{}: {queued:?}", w.name);
        assert_eq!(consent::open_causes(w.db.read(), *ann).await.unwrap(), [Cause::OwnUnsubscribe], "{}: here it holds at once", w.name);
        // Until a minute before one.
        w.pass(12 * HOUR).await;
        assert_eq!((w.states().await, w.remote.sandbox.activity_count()), (vec!["scheduled".to_owned(); 4], 0), "{}", w.name);
        assert!(!w.refuses(anns), "{}", w.name);
        w.pass(2 * HOUR).await;
        assert_eq!(w.states().await, ["sent"; 4], "{}", w.name);
        assert!(w.refuses(anns) && !w.refuses(eves), "{}", w.name);
        assert_eq!((w.types(anns), w.types(bobs)), (vec!["iUnsub".into()], vec!["iBadEmail".into()]), "{}", w.name);
        assert_eq!(w.types(eves), ["iUnsub", "iResub"], "{}: nothing is collapsed, and in order", w.name);
        let (told, address) = (&w.activities(anns)[0], w.remote.sandbox.contact(anns).unwrap().email.unwrap());
        assert_eq!(told.note, format!("Too much mail|{address}"), "{}", w.name);
        assert!(told.description.starts_with(&address) && told.description.ends_with(&mark(&queued[0])), "{}", w.name);
        assert!(w.activities(bobs)[0].note.starts_with("invalid domain|"), "{}", w.name);
        // The following nights bring nothing twice.
        w.pass(50 * HOUR).await;
        assert_eq!(w.remote.sandbox.activity_count(), 4, "{}", w.name);
    }
}

#[tokio::test]
async fn opting_out_goes_at_once_and_the_rest_still_by_night() {
    for w in Imis::both(&[("unsubscribe_as", "opt_out")]).await {
        let people = w.people().await;
        let [(ann, anns), (bob, _)] = &people[..2] else { panic!("two people") };
        w.act(*ann, UNSUBSCRIBE, "No more").await;
        w.act(*bob, Step::Invalid(AddressFault::Malformed), "").await;
        // No cycle begins.
        w.look().await;
        assert_eq!(w.states().await, ["sent", "scheduled"], "{}", w.name);
        assert_eq!((w.types(anns), w.refuses(anns)), (vec!["iOptout".into()], true), "{}", w.name);
        w.act(*ann, RESUBSCRIBE, "").await;
        w.pass(14 * HOUR).await;
        assert_eq!((w.types(anns), w.refuses(anns)), (vec!["iOptout".into(), "iResub".into()], false), "{}", w.name);
        // Cycles by hand only: then nothing goes before a person asks.
        w.set(|s| s.automatic = false).await;
        w.look().await;
        w.act(*ann, UNSUBSCRIBE, "").await;
        w.pass(HOUR).await;
        assert_eq!(w.states().await.last().unwrap(), "new", "{}", w.name);
        w.run_now().await;
        assert_eq!(w.states().await.last().unwrap(), "sent", "{}", w.name);
    }
}

#[tokio::test]
async fn a_person_can_run_them_now_and_a_bridge_can_have_its_own_times() {
    for w in Imis::both(&[]).await {
        let people = w.people().await;
        w.act(people[0].0, UNSUBSCRIBE, "").await;
        w.run_now().await;
        assert_eq!((w.states().await, w.types(&people[0].1)), (vec!["sent".to_owned()], vec!["iUnsub".into()]), "{}", w.name);
        w.act(people[1].0, UNSUBSCRIBE, "").await;
        w.act(people[2].0, Step::Invalid(AddressFault::Malformed), "").await;
        let kinds = BTreeMap::from([(WritebackKind::Unsubscribe, When::Cycle)]);
        w.set(|s| s.timing = OwnTiming { kinds, at: Some("22:15".into()), timezone: Some("Europe/Vienna".into()) }).await;
        w.look().await;
        let rows = w.rows().await;
        assert_eq!((rows[1].state.as_str(), rows[1].next_at), ("new", Some(rows[1].created_at)), "{}: with the next cycle", w.name);
        assert_eq!((rows[2].state.as_str(), rows[2].next_at), ("scheduled", at("2026-01-05T21:15:00Z")), "{}", w.name);
        w.pass(HOUR).await;
        assert_eq!(w.states().await, ["sent", "sent", "scheduled"], "{}", w.name);
        w.pass(4 * HOUR).await;
        assert_eq!(w.states().await, ["sent"; 3], "{}", w.name);
        // Back to what is declared.
        w.set(|s| s.timing = OwnTiming::default()).await;
        w.look().await;
        w.act(people[3].0, UNSUBSCRIBE, "").await;
        assert_eq!(w.rows().await[3].next_at, at("2026-01-06T06:00:00Z"), "{}", w.name);
    }
}

/// The original bridge gave unsubscribes up after thirty days (WB-19); here none is.
#[tokio::test]
async fn nothing_ages_out_while_the_site_is_away() {
    for w in Imis::both(&[]).await {
        let people = w.people().await;
        w.act(people[0].0, UNSUBSCRIBE, "").await;
        w.remote.sandbox.inject(FaultRule::always(Fault::ServerError { status: 503 }));
        for _ in 0..45 {
            w.later(24 * HOUR);
            w.look().await;
        }
        let row = w.rows().await.remove(0);
        assert!(matches!(row.state.as_str(), "error" | "new") && row.next_at.is_some(), "{}: {row:?}", w.name);
        assert!(w.destination().await.blocked_at.is_some(), "{}", w.name);
        w.remote.sandbox.clear_faults();
        w.pass(2 * HOUR).await;
        assert_eq!((w.states().await, w.refuses(&people[0].1)), (vec!["sent".to_owned()], true), "{}", w.name);
        assert_eq!(w.types(&people[0].1), ["iUnsub"], "{}", w.name);
    }
}

/// A type that is not defined holds the night's rows; they go after the repair, not a night later.
#[tokio::test]
async fn a_missing_activity_type_holds_what_has_come_due() {
    for w in Imis::both(&[]).await {
        let people = w.people().await;
        w.remote.sandbox.set_activity_type("iUnsub", false);
        w.act(people[0].0, UNSUBSCRIBE, "").await;
        w.pass(12 * HOUR).await;
        assert_eq!(w.states().await, ["scheduled"], "{}", w.name);
        w.pass(2 * HOUR).await;
        assert_eq!(w.states().await, ["held"], "{}", w.name);
        w.remote.sandbox.set_activity_type("iUnsub", true);
        w.pass(HOUR).await;
        assert_eq!((w.states().await, w.types(&people[0].1)), (vec!["sent".to_owned()], vec!["iUnsub".into()]), "{}", w.name);
    }
}
