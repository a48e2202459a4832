//! Random histories of both sides against a small model of `rules.md` section 2: nobody with an own no is ever mailable unless they or an
//! administrator with evidence lifted it, and a remote's flag opens and lifts its own cause only.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rialto_core::consent::{Cause, Lifter};
use rialto_sandbox::{Options, Running, Sandbox};
use rialto_store::args;
use rialto_store::consent::Step;

use crate::support::{self, RESUBSCRIBE, UNSUBSCRIBE, World};

/// People of each bridge that take part, and addresses that go round among them.
const EACH: usize = 4;
const ADDRESSES: usize = 5;

#[derive(Clone, Debug)]
enum Op {
    OwnNo(usize),
    OwnYes(usize),
    Block(usize),
    AdminLift {
        person: usize,
        with_evidence: bool,
    },
    /// Somebody at the remote sets the flag.
    Remote {
        person: usize,
        yes: bool,
    },
    /// The remote's record gets another address, perhaps one that others bear.
    Move {
        person: usize,
        address: usize,
    },
    Sync(usize),
    /// A cycle: all that is queued is delivered.
    Deliver,
}

fn op() -> impl Strategy<Value = Op> {
    let person = 0..EACH * 2;
    prop_oneof![
        4 => person.clone().prop_map(Op::OwnNo),
        3 => person.clone().prop_map(Op::OwnYes),
        1 => person.clone().prop_map(Op::Block),
        2 => (person.clone(), any::<bool>()).prop_map(|(person, with_evidence)| Op::AdminLift { person, with_evidence }),
        4 => (person.clone(), any::<bool>()).prop_map(|(person, yes)| Op::Remote { person, yes }),
        2 => (person, 0..ADDRESSES).prop_map(|(person, address)| Op::Move { person, address }),
        6 => (0..2usize).prop_map(Op::Sync),
        4 => Just(Op::Deliver),
    ]
}

/// What a person's record is in the model.
struct Record {
    id: i64,
    remote_id: String,
    side: usize,
    /// As the remote has it, and as Rialto read it last.
    address_there: usize,
    address: usize,
    allows: bool,
    remote_no: bool,
    delivered: Option<bool>,
}

struct Model {
    records: Vec<Record>,
    own: (BTreeSet<usize>, BTreeSet<usize>),
    admin: (BTreeSet<usize>, BTreeSet<usize>),
}

struct Sides {
    world: World,
    other: Running,
    bridges: [i64; 2],
}

impl Sides {
    fn sandbox(&self, side: usize) -> &Sandbox {
        if side == 0 { self.world.remote() } else { &self.other.sandbox }
    }

    async fn new(test: rialto_testkit::TestDb) -> (Self, Model) {
        let mut world = support::world(test, Options { people: 16, ..Options::default() }).await;
        world.be_patient();
        let other = rialto_sandbox::start(Options { people: 16, ..Options::default() }).await.unwrap();
        let second = support::bridge(&world.db, &other, "Chapter").await;
        world.lists(second).await;
        let sides = Self { bridges: [world.bridge, second], world, other };
        let mut records = Vec::new();
        for side in 0..2 {
            for person in sides.sandbox(side).list_members("NEWSLETTER").into_iter().take(EACH) {
                let remote_id = person.remote_id();
                let (master, sub) = Sandbox::split_remote_id(&remote_id).unwrap();
                sides.sandbox(side).set_allow_email(&master, sub, true);
                sides.sandbox(side).set_allow_solicitation(&master, sub, true);
                let address = records.len() % ADDRESSES;
                sides.sandbox(side).set_email(&master, sub, Some(&email(address)));
                records.push((remote_id, side, address));
            }
            sides.world.sync_of(sides.bridges[side]).await;
        }
        assert_eq!(records.len(), EACH * 2, "enough members on both sides");
        let mut all = Vec::new();
        for (remote_id, side, address) in records {
            let text = "SELECT id, remote_flag_run FROM subscriber WHERE bridge_id = $1 AND remote_id = $2";
            let (id, run): (i64, i64) = sides.world.db.read().one(text, args![sides.bridges[side], &remote_id]).await.unwrap();
            assert_eq!(run, 0);
            all.push(Record { id, remote_id, side, address_there: address, address, allows: true, remote_no: false, delivered: None });
        }
        (sides, Model { records: all, own: Default::default(), admin: Default::default() })
    }
}

fn email(address: usize) -> String {
    format!("home{address}@mail.example")
}

impl Model {
    fn holds(&self, set: &(BTreeSet<usize>, BTreeSet<usize>), n: usize) -> bool {
        set.0.contains(&n) || set.1.contains(&self.records[n].address)
    }

    /// What the causes of a record are, as `rules.md` has it.
    fn causes(&self, n: usize) -> BTreeSet<&'static str> {
        let open = [
            (self.holds(&self.own, n), Cause::OwnUnsubscribe),
            (self.holds(&self.admin, n), Cause::Admin),
            (self.records[n].remote_no, Cause::RemoteFlag),
        ];
        open.into_iter().filter(|(holds, _)| *holds).map(|(_, cause)| cause.name()).collect()
    }

    fn open(set: &mut (BTreeSet<usize>, BTreeSet<usize>), n: usize, address: usize) {
        set.0.insert(n);
        set.1.insert(address);
    }

    fn lift(set: &mut (BTreeSet<usize>, BTreeSet<usize>), n: usize, address: usize) {
        set.0.remove(&n);
        set.1.remove(&address);
    }

    /// The remote's flag as read: opens or lifts its own cause; a no equal to the one delivered last is an echo.
    fn read(&mut self, side: usize) {
        for r in self.records.iter_mut().filter(|r| r.side == side) {
            r.address = r.address_there;
            if r.allows {
                r.remote_no = false;
                r.delivered = r.delivered.filter(|yes| *yes);
            } else if r.delivered != Some(false) {
                r.remote_no = true;
            }
        }
    }

    fn delivered(&mut self, id: i64, kind: &str) {
        let Some(r) = self.records.iter_mut().find(|r| r.id == id) else { return };
        match kind {
            "unsubscribe" => (r.allows, r.delivered) = (false, Some(false)),
            "resubscribe" if !r.remote_no => (r.allows, r.delivered) = (true, Some(true)),
            _ => {}
        }
    }
}

async fn act(sides: &Sides, model: &Model, n: usize, step: Step) -> usize {
    sides.world.act(&[(model.records[n].id, step)]).await[0].writebacks
}

async fn carry_out(sides: &Sides, model: &mut Model, op: &Op) {
    match *op {
        Op::OwnNo(n) => {
            let known = model.own.0.contains(&n) && model.own.1.contains(&model.records[n].address);
            let queued = act(sides, model, n, UNSUBSCRIBE).await;
            assert_eq!(queued > 0, !known, "a decision is told, once");
            Model::open(&mut model.own, n, model.records[n].address);
        }
        Op::OwnYes(n) => {
            act(sides, model, n, RESUBSCRIBE).await;
            Model::lift(&mut model.own, n, model.records[n].address);
        }
        Op::Block(n) => {
            act(sides, model, n, Step::Open(Cause::Admin)).await;
            Model::open(&mut model.admin, n, model.records[n].address);
        }
        Op::AdminLift { person, with_evidence } => {
            act(sides, model, person, Step::Lift(Lifter::Admin { with_evidence })).await;
            let address = model.records[person].address;
            Model::lift(&mut model.admin, person, address);
            if with_evidence {
                Model::lift(&mut model.own, person, address);
            }
        }
        Op::Remote { person, yes } => {
            let r = &mut model.records[person];
            let (master, sub) = Sandbox::split_remote_id(&r.remote_id).unwrap();
            sides.sandbox(r.side).set_allow_email(&master, sub, yes);
            r.allows = yes;
        }
        Op::Move { person, address } => {
            let r = &mut model.records[person];
            let (master, sub) = Sandbox::split_remote_id(&r.remote_id).unwrap();
            sides.sandbox(r.side).set_email(&master, sub, Some(&email(address)));
            r.address_there = address;
        }
        Op::Sync(side) => {
            let before = sides.world.rows().await.len();
            sides.world.sync_of(sides.bridges[side]).await;
            assert_eq!(sides.world.rows().await.len(), before, "a sync queues nothing");
            model.read(side);
        }
        Op::Deliver => deliver(sides, model).await,
    }
}

async fn deliver(sides: &Sides, model: &mut Model) {
    let waiting: Vec<_> = sides.world.rows().await.into_iter().filter(|w| w.state != "sent").collect();
    sides.world.cycle().await;
    for w in waiting {
        model.delivered(w.subscriber_id, &w.kind);
    }
    assert!(sides.world.states().await.iter().all(|s| s == "sent"), "{:?}", sides.world.rows().await.pop());
}

/// Rialto says of everybody what the model says, and the remotes hold what the model holds.
async fn compare(sides: &Sides, model: &Model, after: &str) {
    for (n, r) in model.records.iter().enumerate() {
        let causes: BTreeSet<&str> = sides.world.causes(r.id).await.into_iter().map(Cause::name).collect();
        assert_eq!(causes, model.causes(n), "{}: person {n} after {after}", sides.world.name);
        let (master, sub) = Sandbox::split_remote_id(&r.remote_id).unwrap();
        let allows = sides.sandbox(r.side).person(&master, sub).unwrap().allow_email;
        assert_eq!(allows, r.allows, "{}: person {n} at the remote after {after}", sides.world.name);
    }
}

async fn history(test: rialto_testkit::TestDb, ops: &[Op]) {
    let (sides, mut model) = Sides::new(test).await;
    compare(&sides, &model, "the start").await;
    for (step, op) in ops.iter().enumerate() {
        carry_out(&sides, &mut model, op).await;
        compare(&sides, &model, &format!("step {step}: {op:?}")).await;
    }
    // All that was decided arrives, in order, once; and comes back without a cause or a writeback.
    for op in [Op::Deliver, Op::Sync(0), Op::Sync(1), Op::Deliver, Op::Sync(0), Op::Sync(1)] {
        carry_out(&sides, &mut model, &op).await;
        compare(&sides, &model, &format!("the end: {op:?}")).await;
    }
    let mut marks: BTreeMap<String, usize> = BTreeMap::new();
    for marked in sides.sandbox(0).marked().into_iter().chain(sides.sandbox(1).marked()) {
        *marks.entry(marked.marker).or_default() += marked.activities.len();
    }
    let rows = sides.world.rows().await;
    assert!(marks.len() == rows.len() && rows.iter().all(|w| marks[&support::mark(w)] == 1), "each writeback left one mark");
}

/// `RIALTO_MODEL_CASES` for more than the usual number of histories.
fn cases(usual: u32) -> u32 {
    std::env::var("RIALTO_MODEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

fn histories(usual: u32, postgres: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config { cases: cases(usual), max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&proptest::collection::vec(op(), 5..30), |ops| {
        runtime.block_on(async {
            let test = if postgres { rialto_testkit::postgres().await } else { rialto_testkit::sqlite().await };
            history(test, &ops).await;
        });
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn no_history_undoes_a_persons_own_no_on_sqlite() {
    histories(16, false);
}

#[test]
fn no_history_undoes_a_persons_own_no_on_postgres() {
    histories(5, true);
}
