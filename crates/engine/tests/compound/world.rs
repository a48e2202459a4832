//! People, remote groups whose members a test sets as a sync would, and an engine that does the rest.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rialto_connectors::http::Outbound;
use rialto_core::compound::{Compound, Definition, Mode};
use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::{Counts, Instant};
use rialto_engine::{Engine, Parts, Settings};
use rialto_store::bridges::{self, Entered};
use rialto_store::groups::{self, Described, Group};
use rialto_store::membership::{self, Change, Op, Outcome};
use rialto_store::runs::{self, Ending, NewRun, Run, Subject};
use rialto_store::{Actor, Db, StoreError, Wake, args, compound, waterfall};
use rialto_testkit::{actor, both, clock, vault};
use roaring::RoaringTreemap;

pub struct World {
    pub db: Db,
    pub name: &'static str,
    pub engine: Engine,
    pub bridge: i64,
    /// Internal ids of the remote groups.
    pub remote: Vec<i64>,
    time: Arc<AtomicI64>,
    _test: rialto_testkit::TestDb,
}

/// One world per database: `people`, the first four thousand in pairs that share an address (every seventh without one), and `lists` remote groups.
pub async fn worlds(people: i64, lists: usize) -> Vec<World> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut all = Vec::new();
    for test in both().await {
        all.push(world(test, people, lists).await);
    }
    all
}

async fn world(test: rialto_testkit::TestDb, people: i64, lists: usize) -> World {
    let (clock, time) = clock();
    let mut tx = test.db.write().await.unwrap();
    let entered = Entered { name: "Members".into(), enabled: true, ..Entered::default() };
    let bridge = bridges::create(&mut tx, &vault(), "personify360", &entered, &actor()).await.unwrap();
    let described: Vec<Described> = (0..lists)
        .map(|n| Described {
            code: format!("L{n}"),
            name: format!("List {n}"),
            description: String::new(),
            active: true,
            regeneration: String::new(),
            members: None,
            refreshed_at: None,
            modified_at: None,
        })
        .collect();
    groups::mirror(&mut tx, bridge, "Lists", &described, true, actor().at).await.unwrap();
    tx.run(
        "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen,
            remote_flag_run, hash)
        SELECT i, CAST($2 AS BIGINT), 1, CAST($3 AS BIGINT), 'R-' || CAST(i AS TEXT),
            CASE WHEN i % 7 = 0 THEN '' ELSE 'p' || CAST(CASE WHEN i < 4000 THEN i / 2 ELSE i END AS TEXT) || '@home.example' END,
            CASE WHEN i % 7 = 0 THEN '' ELSE 'p' || CAST(CASE WHEN i < 4000 THEN i / 2 ELSE i END AS TEXT) || '@home.example' END,
            CASE WHEN i % 7 = 0 THEN 1 ELSE 0 END, CASE WHEN i % 11 = 0 THEN 2 ELSE 1 END, CASE WHEN i % 11 = 0 THEN 1 ELSE 0 END, 1 FROM n",
        args![people, actor().at, bridge],
    )
    .await
    .unwrap();
    rialto_store::ids::take(&mut tx, "subscriber", people).await.unwrap();
    tx.commit().await.unwrap();
    let remote = groups::of_bridge(test.db.read(), bridge).await.unwrap().iter().map(|g| g.id).collect();
    let outbound = Outbound::new(&[], clock.clone()).unwrap();
    let parts = Parts {
        db: test.db.clone(),
        vault: vault(),
        clock,
        wake: Wake::default(),
        outbound,
        settings: Settings { silence_millis: 0, ..Settings::default() },
    };
    World { db: test.db.clone(), name: test.name, engine: Engine::new(parts, "test"), bridge, remote, time, _test: test }
}

pub fn set(ids: impl IntoIterator<Item = i64>) -> RoaringTreemap {
    ids.into_iter().map(|id| id as u64).collect()
}

impl World {
    pub fn who(&self) -> Actor {
        Actor { at: Instant(self.time.fetch_add(1_000_000, Ordering::SeqCst)), ..actor() }
    }

    /// Makes these the members of a remote group, through plan and apply, and ends the run in `state`.
    pub async fn set_members(&self, group: i64, to: &RoaringTreemap, state: RunState) -> i64 {
        let now = self.who().at;
        let mut tx = self.db.write().await.unwrap();
        let new = NewRun::of(RunKind::People, Subject::Group { group_id: group, bridge_id: self.bridge }, Trigger::Overnight);
        let id = runs::request(&mut tx, new, &self.who()).await.unwrap().run_id;
        assert_eq!(runs::claim(&mut tx, "a sync", now, 600).await.unwrap().unwrap().id, id);
        tx.commit().await.unwrap();
        let members = membership::members(&self.db, group).await.unwrap();
        let (joins, leaves, none) = (to - &members, &members - to, RoaringTreemap::new());
        membership::plan(&self.db, id, Op::Joins, &joins).await.unwrap();
        membership::plan(&self.db, id, Op::Leaves, &leaves).await.unwrap();
        let change = Change {
            run_id: id,
            worker: "a sync",
            group_id: group,
            base_run: self.group(group).await.applied_run,
            joins: &joins,
            leaves: &leaves,
            lifts: &none,
            lifts_withheld: &none,
            lift_before: 0,
            source: "test",
            now,
        };
        let end = Ending {
            state,
            counts: Counts::default(),
            reason: String::new(),
            advice: String::new(),
            error_kind: String::new(),
            data_as_of: Some(now),
            stats: serde_json::json!({}),
        };
        let outcome = Outcome { ending: &end, complete: state == RunState::Succeeded, seen_again: None, pause: false };
        membership::apply(&self.db, change, outcome).await.unwrap().unwrap();
        let mut tx = self.db.write().await.unwrap();
        assert!(runs::finish(&mut tx, id, "a sync", now, &end).await.unwrap());
        tx.commit().await.unwrap();
        id
    }

    pub async fn fill(&self, group: i64, people: impl IntoIterator<Item = i64>) {
        self.set_members(group, &set(people), RunState::Succeeded).await;
    }

    pub async fn make(&self, name: &str, definition: &Definition) -> Result<i64, StoreError> {
        let mut tx = self.db.write().await.unwrap();
        let new = compound::New { name, description: "", folder: "" };
        let id = compound::create(&mut tx, &new, definition, &self.who()).await?;
        tx.commit().await.unwrap();
        Ok(id)
    }

    pub async fn redefine(&self, id: i64, to: &Compound) -> Result<(), StoreError> {
        let mut tx = self.db.write().await.unwrap();
        compound::redefine(&mut tx, id, to, &self.who()).await?;
        tx.commit().await
    }

    /// Asks for a run of a group made of others, carries out all there is to do, answers the run.
    pub async fn sync(&self, id: i64, plan_only: bool) -> Run {
        let mut tx = self.db.write().await.unwrap();
        let run = compound::ask(&mut tx, id, Trigger::Api, plan_only, &self.who()).await.unwrap().run_id;
        tx.commit().await.unwrap();
        self.settle().await;
        runs::get(self.db.read(), run).await.unwrap().unwrap()
    }

    /// Some microseconds later, when everything that waits has been done.
    #[allow(dead_code)]
    pub async fn later(&self, micros: i64) {
        self.time.fetch_add(micros, Ordering::SeqCst);
        self.settle().await;
    }

    pub async fn settle(&self) {
        self.engine.run_until_idle().await.unwrap();
    }

    pub async fn group(&self, id: i64) -> Group {
        groups::get(self.db.read(), id).await.unwrap().unwrap()
    }

    pub async fn members(&self, id: i64) -> BTreeSet<i64> {
        membership::members(&self.db, id).await.unwrap().iter().map(|n| n as i64).collect()
    }

    pub async fn last_run(&self, id: i64) -> Run {
        let (run,): (i64,) = self.db.read().one("SELECT MAX(id) FROM sync_run WHERE group_id = $1", args![id]).await.unwrap();
        runs::get(self.db.read(), run).await.unwrap().unwrap()
    }

    /// Runs of a group so far.
    pub async fn runs(&self, id: i64) -> i64 {
        let (n,): (i64,) = self.db.read().one("SELECT COUNT(*) FROM sync_run WHERE group_id = $1", args![id]).await.unwrap();
        n
    }

    /// What the group shows about itself agrees with who is in it: cached count, books of its last run, waterfall.
    pub async fn honest(&self, id: i64) {
        let (group, run) = (self.group(id).await, self.last_run(id).await);
        let counted = membership::count(self.db.read(), id).await.unwrap();
        let counts = run.counts();
        counts.check().unwrap_or_else(|e| panic!("{}: {e}", self.name));
        assert_eq!((group.members, run.state.as_str()), (counted, "succeeded"), "{}: {}", self.name, run.reason);
        assert_eq!((counts.read, run.announced, counts.members_after), (counted, Some(counted), counted), "{}", self.name);
        let shown = group.waterfall().expect("a waterfall");
        assert!(shown.balances(), "{}: {shown:?}", self.name);
        assert_eq!(shown, waterfall::compute(&self.db, id, counted, counts).await.unwrap(), "{}", self.name);
    }
}

pub fn compound_of(include: (Mode, &[i64]), exclude: Option<(Mode, &[i64])>) -> Compound {
    Compound::new((include.0, include.1.to_vec()), exclude.map(|(m, g)| (m, g.to_vec()))).unwrap()
}

pub fn definition(include: (Mode, &[i64]), exclude: Option<(Mode, &[i64])>) -> Definition {
    Definition::Compound(compound_of(include, exclude))
}
