//! A sandbox, a database, an engine, and ways to compare what both hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rialto_connectors::http::Outbound;
use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_engine::{Engine, Parts, Settings};
use rialto_sandbox::{Options, Running};
use rialto_store::bridges::{self, Entered};
use rialto_store::groups::{self, Group};
use rialto_store::runs::{self, NewRun, Run, Subject};
use rialto_store::{Actor, Db, Wake};
use rialto_testkit::{actor, both, clock, vault};

pub struct World {
    pub sandbox: Running,
    pub db: Db,
    pub name: &'static str,
    pub engine: Engine,
    pub bridge: i64,
    pub time: Arc<AtomicI64>,
    _test: rialto_testkit::TestDb,
}

/// One world per database, with its own sandbox of `people`.
pub async fn worlds(people: u64) -> Vec<World> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut all = Vec::new();
    for test in both().await {
        let sandbox = rialto_sandbox::start(Options { people, ..Options::default() }).await.unwrap();
        all.push(world(test, sandbox).await);
    }
    all
}

async fn world(test: rialto_testkit::TestDb, sandbox: Running) -> World {
    let (clock, time) = clock();
    let entered = Entered {
        name: "Members".into(),
        settings: BTreeMap::from([
            ("base_url".into(), sandbox.service_root()),
            ("page_rows".into(), "100".into()),
            ("requests_per_second".into(), "100".into()),
        ]),
        secrets: BTreeMap::from([("username".into(), "rialto".into()), ("password".into(), "sandbox".into())]),
        enabled: true,
    };
    let mut tx = test.db.write().await.unwrap();
    let bridge = bridges::create(&mut tx, &vault(), "personify360", &entered, &actor()).await.unwrap();
    tx.commit().await.unwrap();
    let outbound = Outbound::new(&["127.0.0.0/8".to_owned()], clock.clone()).unwrap().with_limits(quick());
    let parts = Parts {
        db: test.db.clone(),
        vault: vault(),
        clock,
        wake: Wake::default(),
        outbound,
        settings: Settings { silence_millis: 0, ..Settings::default() },
    };
    let world = World { sandbox, db: test.db.clone(), name: test.name, engine: Engine::new(parts, "test"), bridge, time, _test: test };
    let run = world.lists().await;
    assert_eq!(run.state, "succeeded", "{} {} {}", run.reason, run.advice, run.error_kind);
    world
}

impl World {
    pub fn who(&self) -> Actor {
        Actor { at: rialto_core::Instant(self.time.fetch_add(1_000_000, Ordering::SeqCst)), ..actor() }
    }

    async fn carry_out(&self, new: NewRun) -> Run {
        let mut tx = self.db.write().await.unwrap();
        let id = runs::request(&mut tx, new, &self.who()).await.unwrap().run_id;
        tx.commit().await.unwrap();
        self.engine.run_until_idle().await.unwrap();
        self.run(id).await
    }

    pub async fn run(&self, id: i64) -> Run {
        let run = runs::get(self.db.read(), id).await.unwrap().unwrap();
        if run.state().ended() && run.state() != RunState::Failed {
            run.counts().check().unwrap_or_else(|e| panic!("{}: run {id}: {e}", self.name));
        }
        run
    }

    pub async fn lists(&self) -> Run {
        self.carry_out(NewRun::of(RunKind::Lists, Subject::Lists { bridge_id: self.bridge }, Trigger::RefreshBridge)).await
    }

    fn subject(&self, group: &Group) -> Subject {
        Subject::Group { group_id: group.id, bridge_id: self.bridge }
    }

    pub async fn sync(&self, code: &str) -> Run {
        let group = self.group(code).await;
        self.carry_out(NewRun::of(RunKind::People, self.subject(&group), Trigger::Resync)).await
    }

    pub async fn plan(&self, code: &str) -> Run {
        let group = self.group(code).await;
        let new = NewRun { plan_only: true, ..NewRun::of(RunKind::People, self.subject(&group), Trigger::Api) };
        self.carry_out(new).await
    }

    /// The person behind a Remote ID says no to Rialto itself.
    pub async fn unsubscribe(&self, remote_id: &str) {
        let found: Option<(i64,)> =
            self.db.read().opt("SELECT id FROM subscriber WHERE remote_id = $1", rialto_store::args![remote_id]).await.unwrap();
        let Some((id,)) = found else { return };
        let grounds = rialto_store::consent::Grounds { source: "test", reason: "asked to", evidence: "a letter" };
        let mut tx = self.db.write().await.unwrap();
        let cause = rialto_core::consent::Cause::OwnUnsubscribe;
        rialto_store::consent::open(&mut tx, &vault(), id, cause, &grounds, &self.who()).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn ask_undo(&self, of: &Run, plan_only: bool) -> Run {
        let subject = rialto_store::undo::subject(of).unwrap();
        let new = NewRun { parent_run: Some(of.id), plan_only, ..NewRun::of(RunKind::Undo, subject, Trigger::Api) };
        self.carry_out(new).await
    }

    pub async fn plan_undo(&self, of: &Run) -> Run {
        self.ask_undo(of, true).await
    }

    pub async fn undo(&self, of: &Run) -> Run {
        self.ask_undo(of, false).await
    }

    /// Somebody presses Resume.
    pub async fn resume(&self, code: &str) {
        let group = self.group(code).await;
        let mut tx = self.db.write().await.unwrap();
        groups::resume(&mut tx, group.id, &self.who()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn approve(&self, held: &Run) -> Run {
        let subject = Subject::Group { group_id: held.group_id.unwrap(), bridge_id: self.bridge };
        let mut tx = self.db.write().await.unwrap();
        runs::decide(&mut tx, held.id, RunState::Approved, &self.who()).await.unwrap();
        let new = NewRun { parent_run: Some(held.id), ..NewRun::of(RunKind::Approval, subject, Trigger::Api) };
        let id = runs::request(&mut tx, new, &self.who()).await.unwrap().run_id;
        tx.commit().await.unwrap();
        self.engine.run_until_idle().await.unwrap();
        self.run(id).await
    }

    pub async fn group(&self, code: &str) -> Group {
        let all = groups::of_bridge(self.db.read(), self.bridge).await.unwrap();
        all.into_iter().find(|g| g.code.as_deref() == Some(code)).unwrap_or_else(|| panic!("no group {code}"))
    }

    /// Remote IDs of today's members.
    pub async fn members(&self, code: &str) -> BTreeSet<String> {
        let group = self.group(code).await;
        let rows: Vec<(String,)> = self
            .db
            .read()
            .all(
                "SELECT s.remote_id FROM membership m JOIN subscriber s ON s.id = m.subscriber_id WHERE m.group_id = $1",
                rialto_store::args![group.id],
            )
            .await
            .unwrap();
        assert_eq!(rows.len() as i64, group.members, "{}: the cached count of {code}", self.name);
        rows.into_iter().map(|(id,)| id).collect()
    }

    pub fn remote(&self, code: &str) -> BTreeSet<String> {
        self.sandbox.sandbox.list_members(code).iter().map(|p| p.remote_id()).collect()
    }

    /// Remote IDs with an open remote_flag cause.
    pub async fn flagged(&self) -> BTreeSet<String> {
        let rows: Vec<(String,)> = self.db.read().all("SELECT remote_id FROM subscriber WHERE remote_flag_run <> 0", vec![]).await.unwrap();
        rows.into_iter().map(|(id,)| id).collect()
    }

    /// Those of a list who do not clearly allow mail, as the sandbox itself holds them.
    pub fn remote_no(&self, code: &str) -> BTreeSet<String> {
        let people = self.sandbox.sandbox.list_members(code);
        people.iter().filter(|p| !(p.allow_email && p.allow_solicitation)).map(|p| p.remote_id()).collect()
    }

    /// Everything that a sync may write, as text: equal texts mean that nothing was written.
    pub async fn everything(&self) -> String {
        let mut out = String::new();
        for text in [
            "SELECT CAST(id AS TEXT) || remote_id || address || CAST(hash AS TEXT) || CAST(remote_flag_run AS TEXT) || CAST(remote_flag_seen AS TEXT) FROM subscriber ORDER BY id",
            "SELECT CAST(group_id AS TEXT) || '/' || CAST(subscriber_id AS TEXT) FROM membership ORDER BY group_id, subscriber_id",
            "SELECT CAST(id AS TEXT) || act || cause FROM consent_ledger ORDER BY id",
            "SELECT CAST(run_id AS TEXT) || '/' || CAST(subscriber_id AS TEXT) FROM person_change ORDER BY run_id, subscriber_id",
            "SELECT CAST(id AS TEXT) || state || CAST(members AS TEXT) FROM target_group ORDER BY id",
        ] {
            let rows: Vec<(String,)> = self.db.read().all(text, vec![]).await.unwrap();
            out.extend(rows.into_iter().map(|(t,)| t + "\n"));
        }
        out
    }

    pub async fn waterfall(&self, code: &str) -> rialto_core::books::Waterfall {
        let group = self.group(code).await;
        let w = group.waterfall().expect("a waterfall after a sync");
        assert!(w.balances(), "{}: {w:?}", self.name);
        // However it came about: a whole count says the same.
        let read =
            rialto_core::Counts { read: w.read, rejected: w.rejected, duplicate: w.duplicate, left_out: w.left_out, ..Default::default() };
        let anew = rialto_store::waterfall::compute(&self.db, group.id, group.members, read).await.unwrap();
        assert_eq!(w, anew, "{}: carried on, and counted anew", self.name);
        w
    }
}

pub fn first(people: &BTreeSet<String>, n: usize) -> Vec<(String, i64)> {
    people.iter().take(n).filter_map(|id| rialto_sandbox::Sandbox::split_remote_id(id)).collect()
}

/// Real retries and time limits, shortened.
fn quick() -> rialto_connectors::http::Limits {
    use std::time::Duration;
    rialto_connectors::http::Limits {
        pause: Duration::from_millis(5),
        patience: Duration::from_millis(300),
        idle: Duration::from_secs(2),
        request: Duration::from_secs(3),
        attempts: 2,
        ..Default::default()
    }
}
