//! Personas on their way into iMIS: once a day, only what changed, held while the table is not as it has to be (UD-01 to UD-08).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rialto_core::run::{RunKind, Trigger};
use rialto_core::writeback::{What, WritebackKind};
use rialto_engine::Engine;
use rialto_sandbox::imis::{Field, Options, Running, Table};
use rialto_store::bridges::{self, Entered as Connection};
use rialto_store::personas::{self, Entered};
use rialto_store::runs::{NewRun, Subject};
use rialto_store::writebacks::{self, Destination, Writeback};
use rialto_store::{Actor, Db, groups, membership};
use rialto_testkit::{actor, both, clock, vault};
use tokio_util::sync::CancellationToken;

use crate::support::{parts, succeeds};

const TABLE: &str = "INFORMZ_PERSONA";
const DAY: i64 = 86_400;

struct Imis {
    remote: Running,
    db: Db,
    name: &'static str,
    engine: Engine,
    bridge: i64,
    /// The two largest queries' groups, the smaller one first.
    groups: [i64; 2],
    time: Arc<AtomicI64>,
    _test: rialto_testkit::TestDb,
}

impl Imis {
    async fn both(table: bool) -> Vec<Self> {
        let mut all = Vec::new();
        for test in both().await {
            all.push(Self::start(test, table).await);
        }
        all
    }

    async fn start(test: rialto_testkit::TestDb, table: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let remote = rialto_sandbox::imis::start(Options { people: 60, persona_table: table, ..Options::default() }).await.unwrap();
        let options = remote.sandbox.options();
        let entered = Connection {
            name: "iMIS".into(),
            settings: BTreeMap::from([
                ("base_url".into(), remote.site_root()),
                ("generation".into(), "ems".into()),
                ("requests_per_second".into(), "1000".into()),
            ]),
            secrets: BTreeMap::from([("username".into(), options.user.clone()), ("password".into(), options.password.clone())]),
            enabled: true,
        };
        let mut tx = test.db.write().await.unwrap();
        let bridge = bridges::create(&mut tx, &vault(), "imis", &entered, &actor()).await.unwrap();
        writebacks::ensure(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let (clock, time) = clock();
        let engine = Engine::new(parts(&test.db, clock), "test");
        let mut imis = Self { remote, db: test.db.clone(), name: test.name, engine, bridge, groups: [0; 2], time, _test: test };
        imis.run(NewRun::of(RunKind::Lists, Subject::Lists { bridge_id: bridge }, Trigger::RefreshBridge)).await;
        let mut of: Vec<(usize, i64)> = Vec::new();
        for group in groups::of_bridge(imis.db.read(), bridge).await.unwrap() {
            imis.run(NewRun::of(RunKind::People, Subject::Group { group_id: group.id, bridge_id: bridge }, Trigger::RefreshBridge)).await;
            of.push((membership::members(&imis.db, group.id).await.unwrap().len() as usize, group.id));
        }
        of.sort_unstable();
        let [.., (few, a), (many, b)] = of[..] else { panic!("two queries") };
        assert!(few > 0 && many > few, "{of:?}");
        imis.groups = [a, b];
        imis
    }

    fn who(&self) -> Actor {
        let now = self.time.fetch_add(1_000_000, Ordering::SeqCst);
        Actor { at: rialto_core::Instant(now), ..actor() }
    }

    async fn run(&self, new: NewRun) {
        succeeds(&self.engine, new, &self.who()).await;
    }

    async fn persona(&self, name: &str, description: &str, group: i64) -> i64 {
        let mut tx = self.db.write().await.unwrap();
        let entered = Entered { name, avatar: "star", description, source_group: group };
        let id = personas::create(&mut tx, &entered, &self.who()).await.unwrap();
        tx.commit().await.unwrap();
        self.engine.run_until_idle().await.unwrap();
        id
    }

    async fn switch(&self, personas: bool) {
        let mut tx = self.db.write().await.unwrap();
        let settings = writebacks::Settings { personas, ..self.destination().await.read_settings() };
        writebacks::put_settings(&mut tx, self.bridge, &settings, &self.who()).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn destination(&self) -> Destination {
        writebacks::destination(self.db.read(), self.bridge).await.unwrap().unwrap()
    }

    /// Until the next night is over, and the cycle after it.
    async fn night(&self) {
        // Sets the hour when it was not set yet.
        self.engine.look_at_personas().await.unwrap();
        self.time.fetch_add(DAY * 1_000_000, Ordering::SeqCst);
        self.engine.look_at_personas().await.unwrap();
        self.cycle().await;
    }

    async fn cycle(&self) {
        self.time.fetch_add(601_000_000, Ordering::SeqCst);
        self.engine.write_back(&CancellationToken::new()).await.unwrap();
    }

    async fn queue(&self) -> Vec<Writeback> {
        self.db.read().all("SELECT * FROM writeback WHERE kind = 'persona' ORDER BY id", vec![]).await.unwrap()
    }

    async fn states(&self) -> Vec<String> {
        let mut states: Vec<String> = self.queue().await.into_iter().map(|w| w.state).collect();
        states.dedup();
        states
    }

    /// What stands in the table: name by Remote ID; a person with two rows shows both.
    fn shown(&self) -> BTreeMap<String, String> {
        let mut shown: BTreeMap<String, String> = BTreeMap::new();
        for row in self.remote.sandbox.rows(TABLE, None, 1_000) {
            let name = row.values.get("SCORE_NAME").cloned().unwrap_or_default();
            shown.entry(row.id.clone()).and_modify(|all| *all += &name).or_insert(name);
        }
        shown
    }

    /// What has to stand there, by the personas from the top.
    async fn wanted(&self, personas: &[(&str, i64)]) -> BTreeMap<String, String> {
        let mut wanted = BTreeMap::new();
        for (name, group) in personas.iter().rev() {
            for id in membership::members(&self.db, *group).await.unwrap() {
                let (remote_id,): (String,) =
                    self.db.read().one("SELECT remote_id FROM subscriber WHERE id = $1", rialto_store::args![id as i64]).await.unwrap();
                wanted.insert(remote_id, (*name).to_owned());
            }
        }
        wanted
    }
}

#[tokio::test]
async fn the_night_brings_what_changed_and_nothing_else() {
    for w in Imis::both(true).await {
        let [few, many] = w.groups;
        let first = w.persona("Student", "Learns.", few).await;
        let second = w.persona("Member", "Belongs.", many).await;
        w.night().await;
        assert!(w.queue().await.is_empty(), "{}: the switch is off", w.name);
        w.switch(true).await;
        w.night().await;
        let wanted = w.wanted(&[("Student", few), ("Member", many)]).await;
        assert_eq!(w.shown(), wanted, "{}", w.name);
        assert_eq!((w.queue().await.len(), w.states().await), (wanted.len(), vec!["sent".to_owned()]), "{}", w.name);
        w.night().await;
        assert_eq!(w.queue().await.len(), wanted.len(), "{}: nothing changed", w.name);
        // Changed over: only those in both groups have another one now.
        let mut tx = w.db.write().await.unwrap();
        personas::order(&mut tx, &[second, first], &w.who()).await.unwrap();
        tx.commit().await.unwrap();
        w.engine.run_until_idle().await.unwrap();
        let now = w.wanted(&[("Member", many), ("Student", few)]).await;
        let changed = now.iter().filter(|(id, name)| wanted[*id] != **name).count();
        w.night().await;
        assert_eq!((w.shown(), w.queue().await.len()), (now.clone(), wanted.len() + changed), "{}", w.name);
        // Its people fall to the other one, or have none: their rows go.
        let mut tx = w.db.write().await.unwrap();
        personas::delete(&mut tx, second, &w.who()).await.unwrap();
        tx.commit().await.unwrap();
        w.engine.run_until_idle().await.unwrap();
        w.night().await;
        assert_eq!(w.shown(), w.wanted(&[("Student", few)]).await, "{}", w.name);
        assert_eq!(w.states().await, ["sent"], "{}", w.name);
        w.switch(false).await;
        let before = w.queue().await.len();
        w.persona("Other", "", many).await;
        w.night().await;
        assert_eq!(w.queue().await.len(), before, "{}: switched off", w.name);
    }
}

#[tokio::test]
async fn a_table_that_is_missing_or_wrong_holds_and_lets_go_by_itself() {
    for w in Imis::both(false).await {
        let [few, _] = w.groups;
        w.persona("Student", "Learns.", few).await;
        assert!(w.destination().await.set_up().iter().all(|f| f.kinds != [WritebackKind::Persona]), "{}: nobody wants it yet", w.name);
        w.switch(true).await;
        w.engine.write_back(&CancellationToken::new()).await.unwrap();
        let fault = async || {
            let faults = w.destination().await.set_up();
            faults.into_iter().find(|f| f.kinds.contains(&WritebackKind::Persona)).map(|f| f.detail).unwrap_or_default()
        };
        assert!(fault().await.contains("INFORMZ_PERSONA is missing"), "{}: told before anything is sent: {}", w.name, fault().await);
        w.night().await;
        let wanted = w.wanted(&[("Student", few)]).await;
        assert_eq!((w.states().await, w.queue().await.len()), (vec!["held".to_owned()], wanted.len()), "{}", w.name);
        assert!(w.queue().await.iter().all(|q| q.tries == 0 && q.reason.contains("is missing")), "{}", w.name);
        // Consent is not held by it.
        let id = w.queue().await[0].subscriber_id;
        let mut tx = w.db.write().await.unwrap();
        let grounds = rialto_store::consent::Grounds { source: "link", reason: "Too much mail", evidence: "the link" };
        rialto_store::consent::open(&mut tx, &vault(), id, rialto_core::consent::Cause::OwnUnsubscribe, &grounds, &w.who()).await.unwrap();
        tx.commit().await.unwrap();
        // It has a night of its own (docs/adr/0129).
        w.time.fetch_add(DAY * 1_000_000, Ordering::SeqCst);
        w.cycle().await;
        let told: Vec<Writeback> = w.db.read().all("SELECT * FROM writeback WHERE kind = 'unsubscribe'", vec![]).await.unwrap();
        assert_eq!(told.iter().map(|t| t.state.as_str()).collect::<Vec<_>>(), ["sent"], "{}", w.name);
        // One fault after the other, each by its name.
        let wrong = |name: &str, length: u32| Table {
            fields: vec![Field::text(name, "Persona Name", length), Field::text("SCORE_DESC", "Persona Desc", 2_000)],
            ..Table::personas()
        };
        for (table, says) in [(wrong("SCORE_Name", 255), "must be named SCORE_NAME"), (wrong("SCORE_NAME", 200), "the length 200")] {
            w.remote.sandbox.create_table(table).unwrap();
            w.cycle().await;
            assert!(fault().await.contains(says), "{}: {}", w.name, fault().await);
            assert_eq!(w.states().await, ["held"], "{}", w.name);
            w.remote.sandbox.drop_table(TABLE).unwrap();
        }
        w.remote.sandbox.create_table(Table::personas()).unwrap();
        w.cycle().await;
        assert_eq!((w.states().await, w.shown(), fault().await), (vec!["sent".to_owned()], wanted, String::new()), "{}", w.name);
    }
}

#[tokio::test]
async fn long_words_are_cut_and_said_and_still_ours_afterwards() {
    for w in Imis::both(true).await {
        let [few, _] = w.groups;
        let id = w.persona("Long", &"ä".repeat(2_500), few).await;
        w.switch(true).await;
        w.night().await;
        let one = w.queue().await.remove(0);
        let tries = writebacks::tries(w.db.read(), one.id).await.unwrap();
        assert!(tries[0].answer.contains("cut: 1"), "{}: {}", w.name, tries[0].answer);
        let mut tx = w.db.write().await.unwrap();
        let to = Entered { name: "Short", avatar: "star", description: "", source_group: few };
        personas::update(&mut tx, id, &to, &w.who()).await.unwrap();
        tx.commit().await.unwrap();
        w.night().await;
        assert_eq!(w.shown(), w.wanted(&[("Short", few)]).await, "{}: one row each", w.name);
        let last = w.queue().await.pop().unwrap();
        let What::Persona { before, .. } = last.read_message().unwrap().what else { panic!() };
        assert_eq!(before.iter().map(|b| b.name.as_str()).collect::<Vec<_>>(), ["Long"], "{}", w.name);
    }
}
