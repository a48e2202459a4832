//! A bridge whose "no" means that people are not brought over: MemberSuite through the whole engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rialto_connectors::http::Outbound;
use rialto_core::Counts;
use rialto_core::consent::{Cause, Lifter};
use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_engine::{Engine, Parts, Settings};
use rialto_sandbox::membersuite::{Options, Running, Sandbox};
use rialto_sandbox::{Fault, FaultRule};
use rialto_store::bridges::{self, Entered};
use rialto_store::groups::{self, Group};
use rialto_store::runs::{self, NewRun, Run, Subject};
use rialto_store::{Actor, Db, Wake, args, consent, writebacks};
use rialto_testkit::{actor, both, clock, vault};

pub const EVERYBODY: &str = "All individuals";
const READERS: &str = "Newsletter readers";

pub struct World {
    remote: Running,
    pub db: Db,
    pub name: &'static str,
    pub engine: Engine,
    pub bridge: i64,
    pub time: Arc<AtomicI64>,
    _test: rialto_testkit::TestDb,
}

/// One world per database, with its own MemberSuite of `people`.
pub async fn worlds(people: u64) -> Vec<World> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut all = Vec::new();
    for test in both().await {
        let remote = rialto_sandbox::membersuite::start(Options { people, ..Options::default() }).await.unwrap();
        all.push(world(test, remote).await);
    }
    all
}

async fn world(test: rialto_testkit::TestDb, remote: Running) -> World {
    let (clock, time) = clock();
    let options = remote.sandbox.options();
    let setting = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let entered = Entered {
        name: "Members".into(),
        settings: BTreeMap::from([
            setting("base_url", &remote.service_root()),
            setting("association_id", &options.association_id),
            setting("access_key_id", &options.access_key_id),
            setting("individual_fields", "FirstName, LastName, MemberSince__c"),
            setting("page_rows", "100"),
            setting("requests_per_second", "1000"),
        ]),
        secrets: BTreeMap::from([setting("secret_access_key", &options.secret_access_key)]),
        enabled: true,
    };
    let mut tx = test.db.write().await.unwrap();
    let bridge = bridges::create(&mut tx, &vault(), "membersuite", &entered, &actor()).await.unwrap();
    writebacks::ensure(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let outbound = Outbound::new(&["127.0.0.0/8".to_owned()], clock.clone()).unwrap();
    let parts = Parts {
        db: test.db.clone(),
        vault: vault(),
        clock,
        wake: Wake::default(),
        outbound,
        settings: Settings { silence_millis: 0, ..Settings::default() },
    };
    let world = World { remote, db: test.db.clone(), name: test.name, engine: Engine::new(parts, "test"), bridge, time, _test: test };
    let run = world.carry_out(NewRun::of(RunKind::Lists, Subject::Lists { bridge_id: bridge }, Trigger::RefreshBridge)).await;
    assert_eq!(run.state, "succeeded", "{} {}", run.reason, run.advice);
    world
}

impl World {
    pub fn sandbox(&self) -> &Sandbox {
        &self.remote.sandbox
    }

    pub async fn carry_out(&self, new: NewRun) -> Run {
        let who = Actor { at: rialto_core::Instant(self.time.fetch_add(1_000_000, Ordering::SeqCst)), ..actor() };
        let mut tx = self.db.write().await.unwrap();
        let id = runs::request(&mut tx, new, &who).await.unwrap().run_id;
        tx.commit().await.unwrap();
        self.engine.run_until_idle().await.unwrap();
        let run = runs::get(self.db.read(), id).await.unwrap().unwrap();
        if run.state().ended() && run.state() != RunState::Failed {
            run.counts().check().unwrap_or_else(|e| panic!("{}: run {id}: {e}", self.name));
        }
        run
    }

    async fn group(&self, name: &str) -> Group {
        let all = groups::of_bridge(self.db.read(), self.bridge).await.unwrap();
        all.into_iter().find(|g| g.name == name).unwrap_or_else(|| panic!("no group {name}"))
    }

    async fn ask(&self, name: &str, plan_only: bool) -> Run {
        let group = self.group(name).await;
        let subject = Subject::Group { group_id: group.id, bridge_id: self.bridge };
        let trigger = if plan_only { Trigger::Api } else { Trigger::Info };
        self.carry_out(NewRun { plan_only, ..NewRun::of(RunKind::People, subject, trigger) }).await
    }

    pub async fn sync(&self, name: &str) -> Run {
        self.ask(name, false).await
    }

    async fn ids(&self, text: &'static str) -> BTreeSet<String> {
        let rows: Vec<(String,)> = self.db.read().all(text, vec![]).await.unwrap();
        rows.into_iter().map(|(id,)| id).collect()
    }

    pub async fn members(&self, name: &str) -> BTreeSet<String> {
        let group = self.group(name).await;
        let rows: Vec<(String,)> = self
            .db
            .read()
            .all("SELECT s.remote_id FROM membership m JOIN subscriber s ON s.id = m.subscriber_id WHERE m.group_id = $1", args![group.id])
            .await
            .unwrap();
        assert_eq!(rows.len() as i64, group.members, "{}: the count of {name}", self.name);
        rows.into_iter().map(|(id,)| id).collect()
    }

    pub async fn flagged(&self) -> BTreeSet<String> {
        self.ids("SELECT remote_id FROM subscriber WHERE remote_flag_run <> 0").await
    }

    /// People of a search by Do Not Email, as MemberSuite itself holds them.
    pub fn of(&self, name: &str, do_not_email: bool) -> BTreeSet<String> {
        let people = self.sandbox().search_people(name);
        people.into_iter().filter(|p| p.do_not_email == do_not_email).map(|p| p.id).collect()
    }

    async fn waterfall(&self, name: &str) -> rialto_core::books::Waterfall {
        let group = self.group(name).await;
        let w = group.waterfall().expect("a waterfall after a sync");
        assert!(w.balances(), "{}: {w:?}", self.name);
        let read = Counts { read: w.read, rejected: w.rejected, duplicate: w.duplicate, left_out: w.left_out, ..Counts::default() };
        let anew = rialto_store::waterfall::compute(&self.db, group.id, group.members, read).await.unwrap();
        assert_eq!(w, anew, "{}: carried on, and counted anew", self.name);
        w
    }
}

#[tokio::test]
async fn a_refresh_brings_active_public_searches_and_never_counts() {
    for w in worlds(200).await {
        let all = groups::of_bridge(w.db.read(), w.bridge).await.unwrap();
        let mut names: Vec<_> = all.iter().map(|g| g.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names.len(), 8);
        assert!(!names.contains(&"Staff worklist") && !names.contains(&"Appeal 2019") && !names.contains(&"Organizations"));
        w.sync(READERS).await;
        let before = w.group(READERS).await;
        for person in w.of(READERS, false) {
            w.sandbox().edit_person(&person, |p| p.newsletter = false);
        }
        w.sandbox().edit_search("Board", None, None, Some(false));
        let refresh = NewRun::of(RunKind::Lists, Subject::Lists { bridge_id: w.bridge }, Trigger::RefreshGroups);
        assert_eq!(w.carry_out(refresh).await.state, "succeeded");
        let after = w.group(READERS).await;
        assert_eq!((after.members, after.waterfall()), (before.members, before.waterfall()), "{}", w.name);
        assert_eq!(w.group("Board").await.state, "gone", "{}: a search that is no longer active", w.name);
    }
}

#[tokio::test]
async fn people_with_do_not_email_are_left_out_and_counted_so() {
    for w in worlds(700).await {
        let run = w.sync(EVERYBODY).await;
        assert_eq!(run.state, "succeeded", "{}: {}", w.name, run.reason);
        let (yes, no) = (w.of(EVERYBODY, false), w.of(EVERYBODY, true));
        assert!(yes.len() > 400 && no.len() > 80);
        let c = run.counts();
        assert_eq!((c.read, c.left_out, c.added, c.suppressed), (700, no.len() as i64, yes.len() as i64, 0), "{}", w.name);
        assert_eq!(w.members(EVERYBODY).await, yes);
        assert_eq!(w.ids("SELECT remote_id FROM subscriber").await, yes, "{}: nothing is kept of those who are left out", w.name);
        let fall = w.waterfall(EVERYBODY).await;
        assert_eq!((fall.left_out, fall.remote_flag, fall.kept), (no.len() as i64, 0, 0), "{}", w.name);
        assert_eq!(fall.read - fall.left_out, fall.members);
        let again = w.sync(EVERYBODY).await.counts();
        assert_eq!((again.unchanged, again.left_out, again.added, again.updated), (c.added, c.left_out, 0, 0));
        // New individuals have Do Not Email until somebody unticks it.
        let new = rialto_sandbox::membersuite::NewIndividual { last_name: "Fresh".into(), ..Default::default() };
        let id = w.sandbox().create_person(new).unwrap().id;
        assert_eq!(w.sync(EVERYBODY).await.counts().left_out, c.left_out + 1);
        w.sandbox().set_do_not_email(&id, false);
        let run = w.sync(EVERYBODY).await.counts();
        assert_eq!((run.left_out, run.added, run.created, run.lifted), (c.left_out, 1, 1, 0), "{}", w.name);
        assert!(w.members(EVERYBODY).await.contains(&id));
    }
}

#[tokio::test]
async fn a_member_who_becomes_left_out_is_suppressed_and_removed_at_once_outside_the_gate() {
    for w in worlds(400).await {
        w.sync(EVERYBODY).await;
        w.sync(READERS).await;
        let ticked: BTreeSet<String> = w.of(READERS, false).into_iter().collect();
        let others = w.members(EVERYBODY).await.len() - ticked.len();
        for id in &ticked {
            w.sandbox().set_do_not_email(id, true);
        }
        // What a sync would do is said before, and does nothing.
        let plan = w.ask(READERS, true).await;
        let c = plan.counts();
        assert_eq!((plan.state.as_str(), c.removed, c.withheld, c.suppressed), ("succeeded", ticked.len() as i64, 0, ticked.len() as i64));
        assert!(plan.reason.contains("would add 0"), "{}: {}", w.name, plan.reason);
        assert!(w.flagged().await.is_empty());

        // All of them: far beyond what the gate lets leave.
        let run = w.sync(READERS).await;
        let c = run.counts();
        assert_eq!(run.state, "succeeded", "{}: {}", w.name, run.reason);
        let all = ticked.len() as i64;
        assert_eq!((c.left_out, c.removed, c.withheld, c.suppressed, c.members_after), (c.read, all, 0, all, 0), "{}", w.name);
        assert_eq!(w.flagged().await, ticked);
        assert!(w.members(READERS).await.is_empty());
        assert_eq!(w.waterfall(READERS).await.left_out, c.read);
        // In the group that was not read yet they stand as unsubscribed from the remote system, and are not mailed.
        assert_eq!(w.members(EVERYBODY).await.len(), others + ticked.len());
        w.sync(EVERYBODY).await;
        assert_eq!(w.members(EVERYBODY).await, w.of(EVERYBODY, false));
        assert_eq!(w.members(EVERYBODY).await.len(), others);

        // Unticked again: they come back, and the remote's own yes lifts what its no opened, behind the gate.
        let few: Vec<&String> = ticked.iter().take(5).collect();
        for id in &few {
            w.sandbox().set_do_not_email(id, false);
        }
        let run = w.sync(READERS).await;
        let c = run.counts();
        assert_eq!((run.state.as_str(), c.added, c.created, c.lifted), ("succeeded", 5, 0, 5), "{}: {}", w.name, run.reason);
        assert_eq!(w.flagged().await.len(), ticked.len() - 5);
        assert_eq!(w.members(READERS).await, few.into_iter().cloned().collect());
        w.waterfall(READERS).await;
    }
}

#[tokio::test]
async fn an_incomplete_read_leaves_out_at_once_and_removes_nobody_else() {
    for w in worlds(500).await {
        w.sync(EVERYBODY).await;
        let before = w.members(EVERYBODY).await;
        let first: Vec<String> = before.iter().take(3).cloned().collect();
        for id in &first {
            w.sandbox().set_do_not_email(id, true);
        }
        w.sandbox().inject(FaultRule::always(Fault::HtmlPage).on("ExecuteSearch").after(3));
        let run = w.sync(EVERYBODY).await;
        let c = run.counts();
        assert_eq!((run.state.as_str(), c.removed, c.suppressed), ("incomplete", 3, 3), "{}: {}", w.name, run.reason);
        assert!(c.withheld > 100, "{}: those who were not read stay", w.name);
        let expected: BTreeSet<String> = before.iter().filter(|id| !first.contains(id)).cloned().collect();
        assert_eq!(w.members(EVERYBODY).await, expected, "{}", w.name);
        w.waterfall(EVERYBODY).await;
        w.sandbox().clear_faults();
        w.sandbox().inject(FaultRule::always(Fault::HtmlPage).on("ExecuteSearch").after(3));
        let plan = w.ask(EVERYBODY, true).await;
        w.sandbox().clear_faults();
        assert_eq!(plan.state, "succeeded", "{}: {}", w.name, plan.reason);
        assert!(plan.reason.contains("incomplete") && plan.counts().withheld > 100, "{}", plan.reason);
    }
}

/// Who is left out is read all the same: it counts for the proof that a read is complete.
#[tokio::test]
async fn people_left_out_count_for_the_proof() {
    for w in worlds(300).await {
        w.sync(EVERYBODY).await;
        let no = w.of(EVERYBODY, true).len() as i64;
        w.sandbox().inject(FaultRule::always(Fault::WrongTotal { delta: 1 }).on("ExecuteSearch"));
        let run = w.sync(EVERYBODY).await;
        assert_eq!((run.state.as_str(), run.counts().left_out), ("incomplete", no), "{}: {}", w.name, run.reason);
        w.sandbox().clear_faults();
        assert_eq!(w.sync(EVERYBODY).await.state, "succeeded");
    }
}

#[tokio::test]
async fn a_persons_own_no_stands_whatever_membersuite_says() {
    for w in worlds(200).await {
        w.sync(EVERYBODY).await;
        let id = w.of(EVERYBODY, false).into_iter().next().unwrap();
        let (row,): (i64,) = w.db.read().one("SELECT id FROM subscriber WHERE remote_id = $1", args![id.as_str()]).await.unwrap();
        let grounds = consent::Grounds { source: "test", reason: "asked to", evidence: "" };
        let mut tx = w.db.write().await.unwrap();
        consent::open(&mut tx, &vault(), row, Cause::OwnUnsubscribe, &grounds, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        w.sandbox().set_do_not_email(&id, true);
        w.sync(EVERYBODY).await;
        w.sandbox().set_do_not_email(&id, false);
        w.sync(EVERYBODY).await;
        assert_eq!(consent::open_causes(w.db.read(), row).await.unwrap(), [Cause::OwnUnsubscribe], "{}", w.name);
        assert_eq!(w.waterfall(EVERYBODY).await.unsubscribed_here, 1, "{}", w.name);
    }
}

impl World {
    /// The person decides by a link in a mailing, and ten minutes later what they decided is written back.
    pub async fn decide(&self, row: i64, step: consent::Step) {
        let who = Actor { at: rialto_core::Instant(self.time.fetch_add(1_000_000, Ordering::SeqCst)), ..actor() };
        let grounds = consent::Grounds { source: "link", reason: "", evidence: "the link in a mailing" };
        let mut tx = self.db.write().await.unwrap();
        consent::act(&mut tx, &vault(), &[consent::Act { subscriber_id: row, step, grounds, who: &who }]).await.unwrap();
        tx.commit().await.unwrap();
        self.time.fetch_add(601_000_000, Ordering::SeqCst);
        self.engine.write_back(&tokio_util::sync::CancellationToken::new()).await.unwrap();
    }
}

#[tokio::test]
async fn an_unsubscribe_ticks_do_not_email_and_a_resubscribe_unticks_it_and_neither_comes_back_as_the_remotes_own_word() {
    for w in worlds(200).await {
        w.sync(EVERYBODY).await;
        // Somebody who shares their address with nobody.
        let text = "SELECT id, remote_id FROM subscriber s WHERE canonical <> '' AND NOT EXISTS
            (SELECT 1 FROM subscriber o WHERE o.canonical = s.canonical AND o.id <> s.id) ORDER BY id LIMIT 1";
        let (row, id): (i64, String) = w.db.read().one(text, vec![]).await.unwrap();
        w.decide(row, consent::Step::Open(Cause::OwnUnsubscribe)).await;
        assert!(w.sandbox().person(&id).unwrap().do_not_email, "{}", w.name);
        let run = w.sync(EVERYBODY).await.counts();
        assert_eq!((run.removed, run.suppressed), (1, 0), "{}: left out, and our own no is no word of the remote", w.name);
        assert!(w.flagged().await.is_empty() && !w.members(EVERYBODY).await.contains(&id));
        w.decide(row, consent::Step::Lift(Lifter::Person)).await;
        assert!(!w.sandbox().person(&id).unwrap().do_not_email, "{}", w.name);
        let run = w.sync(EVERYBODY).await.counts();
        assert_eq!((run.added, run.created, run.removed), (1, 0, 0), "{}", w.name);
        assert_eq!(consent::open_causes(w.db.read(), row).await.unwrap(), []);
        let states = w.ids("SELECT state FROM writeback").await;
        assert_eq!(states, BTreeSet::from(["sent".to_owned()]), "{}", w.name);
        assert_eq!((w.sandbox().marked().len(), w.sandbox().activities(&id).len()), (2, 2));
    }
}
