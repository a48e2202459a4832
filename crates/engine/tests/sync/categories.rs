//! Message categories of MemberSuite as interests: nobody has one by silence, unless the bridge says so (`docs/adr/0127`).

use std::collections::BTreeSet;

use rialto_core::run::{RunKind, Trigger};
use rialto_sandbox::{Fault, FaultRule};
use rialto_store::interests::{self, Choice, Interest};
use rialto_store::runs::{NewRun, Run, Subject};
use rialto_store::{Actor, args, groups};
use rialto_testkit::actor;
use tokio_util::sync::CancellationToken;

use crate::leave_out::{EVERYBODY, World, worlds};

impl World {
    async fn category(&self, name: &str) -> Interest {
        self.db.read().one("SELECT * FROM interest WHERE bridge_id = $1 AND name = $2", args![self.bridge, name]).await.unwrap()
    }

    async fn use_category(&self, name: &str) -> i64 {
        let id = self.category(name).await.id;
        let mut tx = self.db.write().await.unwrap();
        interests::make_used(&mut tx, id, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn read(&self, name: &str, plan_only: bool) -> Run {
        let group_id = self.category(name).await.group_id.unwrap();
        let subject = Subject::Group { group_id, bridge_id: self.bridge };
        self.carry_out(NewRun { plan_only, ..NewRun::of(RunKind::People, subject, Trigger::Info) }).await
    }

    async fn having(&self, name: &str) -> BTreeSet<String> {
        let group = groups::get(self.db.read(), self.category(name).await.group_id.unwrap()).await.unwrap().unwrap();
        assert!(group.waterfall().is_none_or(|w| w.balances()), "{}: {:?}", self.name, group.waterfall());
        let text = "SELECT s.remote_id FROM membership m JOIN subscriber s ON s.id = m.subscriber_id WHERE m.group_id = $1";
        let rows: Vec<(String,)> = self.db.read().all(text, args![group.id]).await.unwrap();
        assert_eq!(rows.len() as i64, group.members, "{}: the kept count", self.name);
        rows.into_iter().map(|(id,)| id).collect()
    }

    async fn row(&self, remote_id: &str) -> i64 {
        self.db.read().one::<(i64,)>("SELECT id FROM subscriber WHERE remote_id = $1", args![remote_id]).await.unwrap().0
    }

    async fn choose(&self, remote_id: &str, interest: i64, wanted: bool) {
        let subscriber_id = self.row(remote_id).await;
        let who = Actor { at: rialto_core::Instant(self.time.load(std::sync::atomic::Ordering::SeqCst)), ..actor() };
        let changes = [(interest, wanted)];
        let choice = Choice { subscriber_id, changes: &changes, source: "preference page", evidence: "a signed link", who: &who };
        let mut tx = self.db.write().await.unwrap();
        assert_eq!(interests::choose(&mut tx, &choice).await.unwrap().refused, None);
        tx.commit().await.unwrap();
        self.time.fetch_add(601_000_000, std::sync::atomic::Ordering::SeqCst);
    }

    async fn told(&self) {
        self.engine.write_back(&CancellationToken::new()).await.unwrap();
        self.time.fetch_add(1_000_000, std::sync::atomic::Ordering::SeqCst);
    }

    async fn new_people_start_opted_in(&self, yes: &str) {
        let (text,): (String,) = self.db.read().one("SELECT settings FROM bridge WHERE id = $1", args![self.bridge]).await.unwrap();
        let mut settings: serde_json::Value = serde_json::from_str(&text).unwrap();
        settings["new_people_opted_in"] = yes.into();
        let mut tx = self.db.write().await.unwrap();
        tx.run("UPDATE bridge SET settings = $2 WHERE id = $1", args![self.bridge, settings.to_string()]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Those whom MemberSuite may mail and who did not opt out, as it holds them itself.
    fn opted_in(&self, category: &str) -> BTreeSet<String> {
        let people = self.sandbox().search_people(EVERYBODY).into_iter();
        people.filter(|p| !p.do_not_email && !p.opt_outs.iter().any(|out| out == category)).map(|p| p.id).collect()
    }
}

#[tokio::test]
async fn only_active_categories_are_offered_and_one_that_is_switched_off_is_gone() {
    for w in worlds(200).await {
        let known: Vec<(String,)> = w.db.read().all("SELECT name FROM interest WHERE gone_at IS NULL ORDER BY name", vec![]).await.unwrap();
        let names: Vec<&str> = known.iter().map(|(n,)| n.as_str()).collect();
        assert_eq!(names, ["Advocacy", "Events & conferences", "Jobs", "Newsletter"], "{}", w.name);
        w.use_category("Jobs").await;
        w.read("Jobs", false).await;
        let lists = || NewRun::of(RunKind::Lists, Subject::Lists { bridge_id: w.bridge }, Trigger::RefreshBridge);
        for (active, state) in [(false, "gone"), (true, "active")] {
            w.sandbox().set_category("JOBS", active);
            assert_eq!(w.carry_out(lists()).await.state, "succeeded");
            let jobs = w.category("Jobs").await;
            assert_eq!(jobs.gone_at.is_some(), !active, "{}", w.name);
            assert_eq!(groups::get(w.db.read(), jobs.group_id.unwrap()).await.unwrap().unwrap().state, state, "{}", w.name);
        }
    }
}

#[tokio::test]
async fn by_default_only_who_chose_it_has_it_and_the_choice_reaches_membersuite() {
    for w in worlds(300).await {
        w.sync(EVERYBODY).await;
        let (news, code) = (w.use_category("Newsletter").await, w.category("Newsletter").await.code);
        let run = w.read("Newsletter", false).await;
        let c = run.counts();
        assert_eq!((run.state.as_str(), c.added, c.members_after, c.left_out), ("succeeded", 0, 0, c.read), "{}: {c:?}", w.name);
        assert!(c.read > 200, "{}: everybody was read", w.name);
        let in_there = w.opted_in(&code);
        let out_there: BTreeSet<String> = &w.members(EVERYBODY).await - &in_there;
        let (quiet, out) = (in_there.first().unwrap().clone(), out_there.first().unwrap().clone());

        // Somebody who never said anything, and somebody who had opted out there.
        w.choose(&quiet, news, true).await;
        w.choose(&out, news, true).await;
        let two = BTreeSet::from([quiet.clone(), out.clone()]);
        assert_eq!(w.having("Newsletter").await, two, "{}: it holds at once", w.name);
        assert_eq!(w.read("Newsletter", false).await.counts().removed, 0, "{}: their word stands until it is told", w.name);
        w.told().await;
        assert!(!w.sandbox().person(&out).unwrap().opt_outs.contains(&code), "{}", w.name);
        let c = w.read("Newsletter", false).await.counts();
        assert_eq!((c.added, c.removed, c.unchanged), (0, 0, 2), "{}: {c:?}", w.name);
        assert_eq!(w.having("Newsletter").await, two);

        // The remote's later no counts, and so does the person's.
        w.sandbox().edit_person(&quiet, |p| p.opt_outs.push(code.clone()));
        w.choose(&out, news, false).await;
        w.told().await;
        assert!(w.sandbox().person(&out).unwrap().opt_outs.contains(&code), "{}", w.name);
        w.read("Newsletter", false).await;
        assert!(w.having("Newsletter").await.is_empty(), "{}", w.name);
    }
}

#[tokio::test]
async fn where_silence_counts_everybody_who_did_not_opt_out_has_it_and_going_back_takes_nobody_out() {
    for w in worlds(300).await {
        w.new_people_start_opted_in("yes").await;
        w.use_category("Newsletter").await;
        let code = w.category("Newsletter").await.code;
        let plan = w.read("Newsletter", true).await.counts();
        let run = w.read("Newsletter", false).await;
        let truth = w.opted_in(&code);
        assert_eq!((run.state.as_str(), run.counts().added), ("succeeded", truth.len() as i64), "{}: {}", w.name, run.reason);
        assert_eq!((plan.added, plan.left_out), (run.counts().added, run.counts().left_out), "{}: as it was planned", w.name);
        assert_eq!(w.having("Newsletter").await, truth, "{}", w.name);
        w.new_people_start_opted_in("no").await;
        let fresh =
            rialto_sandbox::membersuite::NewIndividual { last_name: "Fresh".into(), do_not_email: Some(false), ..Default::default() };
        let fresh = w.sandbox().create_person(fresh).unwrap().id;
        let plan = w.read("Newsletter", true).await.counts();
        let c = w.read("Newsletter", false).await.counts();
        assert_eq!((c.added, c.removed, c.created), (0, 0, 0), "{}: {c:?}", w.name);
        assert_eq!((plan.added, plan.left_out), (0, c.left_out), "{}: as it was planned", w.name);
        assert_eq!(w.having("Newsletter").await, truth, "{}: {fresh} does not start opted in", w.name);
    }
}

#[tokio::test]
async fn numbers_that_do_not_add_up_or_broken_reads_move_nobody() {
    for w in worlds(300).await {
        w.new_people_start_opted_in("yes").await;
        w.use_category("Events & conferences").await;
        w.read("Events & conferences", false).await;
        let before = w.having("Events & conferences").await;
        assert!(before.len() > 100);
        w.sandbox().inject(FaultRule::always(Fault::WrongTotal { delta: 1 }).on("ExecuteSearch"));
        let run = w.read("Events & conferences", false).await;
        w.sandbox().clear_faults();
        assert_eq!(run.state, "failed", "{}: {}", w.name, run.reason);
        assert!(run.reason.contains("add up"), "{}", run.reason);
        // Six counts, then pages: the second one is a web page.
        w.sandbox().inject(FaultRule::always(Fault::HtmlPage).on("ExecuteSearch").after(5));
        let run = w.read("Events & conferences", false).await;
        w.sandbox().clear_faults();
        assert_eq!((run.state.as_str(), run.counts().removed), ("incomplete", 0), "{}: {}", w.name, run.reason);
        assert_eq!(w.having("Events & conferences").await, before, "{}", w.name);
    }
}
