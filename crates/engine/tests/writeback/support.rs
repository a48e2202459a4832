//! A sandbox, a database, engines, and what each of them holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rialto_connectors::http::Outbound;
use rialto_core::consent::{Cause, Lifter};
use rialto_core::ids::{Kind, PublicId};
use rialto_core::run::{RunKind, Trigger};
use rialto_core::writeback::marker;
use rialto_core::{Clock, Instant};
use rialto_engine::{Engine, Parts, Settings, writeback};
use rialto_sandbox::{Fault, FaultRule, Options, Running, Sandbox};
use rialto_store::bridges::{self, Entered};
use rialto_store::consent::{self, Act, Done, Grounds, Step};
use rialto_store::runs::{self, NewRun, Run, Subject};
use rialto_store::writebacks::{self, Destination, Writeback};
use rialto_store::{Actor, Db, Wake, args, groups};
use rialto_testkit::{actor, both, clock, vault};
use tokio_util::sync::CancellationToken;

pub const UNSUBSCRIBE: Step = Step::Open(Cause::OwnUnsubscribe);
pub const RESUBSCRIBE: Step = Step::Lift(Lifter::Person);
pub const ACCOUNT: &str = "Lumora Society";

pub struct World {
    pub sandbox: Running,
    pub db: Db,
    pub name: &'static str,
    pub engine: Engine,
    pub bridge: i64,
    pub time: Arc<AtomicI64>,
    _test: rialto_testkit::TestDb,
}

/// One world per database, its newsletter list read.
pub async fn worlds(people: u64) -> Vec<World> {
    worlds_with(Options { people, ..Options::default() }).await
}

pub async fn worlds_with(options: Options) -> Vec<World> {
    let mut all = Vec::new();
    for test in both().await {
        all.push(world(test, options.clone()).await);
    }
    all
}

pub async fn world(test: rialto_testkit::TestDb, options: Options) -> World {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sandbox = rialto_sandbox::start(options).await.unwrap();
    let (clock, time) = clock();
    let bridge = bridge(&test.db, &sandbox, "Members").await;
    let engine = Engine::new(parts(&test.db, clock), "test");
    let world = World { sandbox, db: test.db.clone(), name: test.name, engine, bridge, time, _test: test };
    world.set(|s| s.concurrency = 4).await;
    world.lists(bridge).await;
    world.sync().await;
    world
}

pub async fn bridge(db: &Db, sandbox: &Running, name: &str) -> i64 {
    let entered = Entered {
        name: name.into(),
        settings: BTreeMap::from([
            ("base_url".into(), sandbox.service_root()),
            ("page_rows".into(), "100".into()),
            ("requests_per_second".into(), "1000".into()),
        ]),
        secrets: BTreeMap::from([("username".into(), "rialto".into()), ("password".into(), "sandbox".into())]),
        enabled: true,
    };
    let mut tx = db.write().await.unwrap();
    let bridge = bridges::create(&mut tx, &vault(), "personify360", &entered, &actor()).await.unwrap();
    writebacks::ensure(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    bridge
}

pub fn parts(db: &Db, clock: Clock) -> Parts {
    let limits = rialto_connectors::http::Limits {
        pause: Duration::from_millis(5),
        patience: Duration::from_millis(300),
        idle: Duration::from_millis(1_500),
        request: Duration::from_secs(2),
        attempts: 2,
        ..Default::default()
    };
    let outbound = Outbound::new(&["127.0.0.0/8".to_owned()], clock.clone()).unwrap().with_limits(limits);
    let writebacks =
        writeback::Settings { account_name: ACCOUNT.into(), call_millis: 3_000, record_millis: 10, ..writeback::Settings::default() };
    let settings = Settings { silence_millis: 0, poll_millis: 100, writebacks, ..Settings::default() };
    Parts { db: db.clone(), vault: vault(), clock, wake: Wake::default(), outbound, settings }
}

impl World {
    pub fn remote(&self) -> &Sandbox {
        &self.sandbox.sandbox
    }

    pub fn fault(&self, fault: Fault, on: &str) {
        self.remote().inject(FaultRule::always(fault).on(on));
    }

    pub fn now(&self) -> Instant {
        Instant(self.time.load(Ordering::SeqCst))
    }

    pub fn later(&self, seconds: i64) {
        self.time.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub fn who(&self) -> Actor {
        self.later(1);
        Actor { at: self.now(), ..actor() }
    }

    /// Time limits as they usually are: for tests without faults, which a busy machine must not turn into outages.
    pub fn be_patient(&mut self) {
        let mut parts = self.engine.parts().clone();
        parts.outbound = Outbound::new(&["127.0.0.0/8".to_owned()], parts.clock.clone()).unwrap();
        parts.settings.writebacks.call_millis = writeback::Settings::default().call_millis;
        self.engine = Engine::new(parts, "patient");
    }

    pub async fn set(&self, change: impl FnOnce(&mut writebacks::Settings)) {
        let mut settings = self.destination().await.read_settings();
        change(&mut settings);
        let mut tx = self.db.write().await.unwrap();
        writebacks::put_settings(&mut tx, self.bridge, &settings, &actor()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn destination(&self) -> Destination {
        writebacks::destination(self.db.read(), self.bridge).await.unwrap().unwrap()
    }

    pub async fn carry_out(&self, new: NewRun) -> Run {
        succeeds(&self.engine, new, &self.who()).await
    }

    pub async fn lists(&self, bridge_id: i64) -> Run {
        self.carry_out(NewRun::of(RunKind::Lists, Subject::Lists { bridge_id }, Trigger::RefreshBridge)).await
    }

    /// Reads the newsletter list.
    pub async fn sync(&self) -> Run {
        self.sync_of(self.bridge).await
    }

    /// Reads the newsletter list of a bridge.
    pub async fn sync_of(&self, bridge_id: i64) -> Run {
        self.later(1);
        let all = groups::of_bridge(self.db.read(), bridge_id).await.unwrap();
        let group = all.into_iter().find(|g| g.code.as_deref() == Some("NEWSLETTER")).unwrap();
        let subject = Subject::Group { group_id: group.id, bridge_id };
        self.carry_out(NewRun::of(RunKind::People, subject, Trigger::Resync)).await
    }

    /// People who may be mailed and share their address with nobody: id and Remote ID.
    pub async fn people(&self) -> Vec<(i64, String)> {
        let text = "SELECT id, remote_id FROM subscriber s WHERE remote_flag_run = 0 AND canonical <> '' AND bridge_id = $1
            AND NOT EXISTS (SELECT 1 FROM subscriber o WHERE o.canonical = s.canonical AND o.id <> s.id) ORDER BY id";
        self.db.read().all(text, args![self.bridge]).await.unwrap()
    }

    pub async fn act(&self, acts: &[(i64, Step)]) -> Vec<Done> {
        let who = self.who();
        let grounds = Grounds { source: "link", reason: "Too much mail", evidence: "the link in a mailing" };
        let acts: Vec<Act<'_>> = acts.iter().map(|(id, step)| Act { subscriber_id: *id, step: *step, grounds, who: &who }).collect();
        let mut tx = self.db.write().await.unwrap();
        let done = consent::act(&mut tx, &vault(), &acts).await.unwrap();
        tx.commit().await.unwrap();
        done
    }

    /// Ten minutes later: one cycle, until nothing is left that could go.
    pub async fn cycle(&self) {
        self.later(601);
        self.engine.write_back(&CancellationToken::new()).await.unwrap();
    }

    /// What can go now goes, without a new cycle.
    pub async fn look(&self) {
        self.engine.write_back(&CancellationToken::new()).await.unwrap();
    }

    pub async fn rows(&self) -> Vec<Writeback> {
        self.db.read().all("SELECT * FROM writeback ORDER BY id", vec![]).await.unwrap()
    }

    pub async fn states(&self) -> Vec<String> {
        self.rows().await.into_iter().map(|w| w.state).collect()
    }

    pub async fn tries(&self, id: i64) -> Vec<String> {
        let mut tries = writebacks::tries(self.db.read(), id).await.unwrap();
        tries.reverse();
        tries.into_iter().map(|t| t.outcome).collect()
    }

    pub async fn retry(&self, id: i64) -> bool {
        let mut tx = self.db.write().await.unwrap();
        let found = writebacks::retry(&mut tx, id, &self.who()).await.unwrap();
        tx.commit().await.unwrap();
        found
    }

    pub async fn causes(&self, id: i64) -> Vec<Cause> {
        consent::open_causes(self.db.read(), id).await.unwrap()
    }

    pub fn allows(&self, remote_id: &str) -> bool {
        let (master, sub) = Sandbox::split_remote_id(remote_id).unwrap();
        self.remote().person(&master, sub).unwrap().allow_email
    }

    pub fn allow(&self, remote_id: &str, yes: bool) {
        let (master, sub) = Sandbox::split_remote_id(remote_id).unwrap();
        self.remote().set_allow_email(&master, sub, yes);
    }

    /// How often the mark of a writeback stands at the remote.
    pub fn marks(&self, w: &Writeback) -> usize {
        let mark = mark(w);
        self.remote().marked().iter().filter(|m| m.marker == mark).map(|m| m.activities.len()).sum()
    }

    /// Every Sent has its effect once, nobody else's mark is there twice.
    pub async fn check(&self) {
        for w in self.rows().await {
            let marks = self.marks(&w);
            assert!(marks < 2, "{}: {} stands there {marks} times", self.name, w.id);
            assert!(w.state != "sent" || marks == 1, "{}: {} is Sent and not there", self.name, w.id);
        }
        let counted: i64 = writebacks::counts(self.db.read(), 0).await.unwrap().iter().map(|(.., n)| n).sum();
        assert_eq!(counted, self.rows().await.len() as i64, "{}: the counts add up", self.name);
    }
}

pub fn mark(w: &Writeback) -> String {
    marker(PublicId::new(Kind::Writeback, Instant(w.created_at), w.id))
}

/// Carries out a run, which succeeds.
pub async fn succeeds(engine: &Engine, new: NewRun, who: &Actor) -> Run {
    let db = &engine.parts().db;
    let id = runs::request_now(db, new, who).await.unwrap().run_id;
    engine.run_until_idle().await.unwrap();
    let run = runs::get(db.read(), id).await.unwrap().unwrap();
    assert_eq!(run.state, "succeeded", "{} {}", run.reason, run.advice);
    run
}
