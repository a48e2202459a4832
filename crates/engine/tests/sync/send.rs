//! The trigger send, end to end against the sandbox: a mailing's groups are read again, and each is ready or says why not.

use std::time::Duration;

use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_engine::send::{Answer, Freshness, LateData, Prepared, Why, Wish, prepare};
use rialto_sandbox::{Fault, FaultRule, Who};
use rialto_store::bridges::Entered;
use rialto_store::runs::{self, NewRun, Subject};
use rialto_store::{bridges, schedules};
use rialto_testkit::{actor, vault};
use tokio_util::sync::CancellationToken;

use crate::support::{World, first, worlds};

const MAILING: i64 = 77;

impl World {
    async fn wish(&self, codes: &[&str]) -> Wish {
        let mut groups = Vec::new();
        for code in codes {
            groups.push(self.group(code).await.id);
        }
        let freshness = Freshness { wait: Duration::from_secs(60), ..Freshness::default() };
        Wish { groups, mailing_id: MAILING, by: "user:ann@rialto.example".into(), request_id: "test".into(), freshness }
    }

    /// Prepares while workers work.
    async fn prepare(&self, wish: &Wish) -> Prepared {
        let stop = CancellationToken::new();
        let work = tokio::spawn({
            let (engine, stop) = (self.engine.clone(), stop.clone());
            async move { engine.run(stop).await }
        });
        let prepared = prepare(self.engine.parts(), wish).await.unwrap();
        stop.cancel();
        work.await.unwrap();
        prepared
    }

    async fn prepare_one(&self, code: &str) -> Answer {
        let wish = self.wish(&[code]).await;
        self.prepare(&wish).await.answers.remove(0)
    }

    async fn switch(&self, enabled: bool) {
        let bridge = bridges::get(self.db.read(), self.bridge).await.unwrap().unwrap();
        let entered = Entered { name: bridge.name.clone(), settings: bridge.settings().unwrap(), enabled, ..Entered::default() };
        let mut tx = self.db.write().await.unwrap();
        bridges::update(&mut tx, &vault(), self.bridge, &entered, &actor()).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn why(answer: &Answer) -> Why {
    match &answer.outcome {
        Err(stopped) => {
            assert!(stopped.reason.ends_with('.') && !stopped.advice.is_empty(), "{stopped:?}");
            stopped.why
        }
        Ok(ready) => panic!("{} should have been stopped: {ready:?}", answer.name),
    }
}

#[tokio::test]
async fn a_mailing_gets_the_people_of_now() {
    for w in worlds(300).await {
        w.sync("BOARD").await;
        let outsiders = w.remote("ALL_MEMBERS").difference(&w.remote("BOARD")).cloned().collect();
        w.sandbox.sandbox.add_to_list("BOARD", &Who::Ids(first(&outsiders, 3)));
        w.sandbox.sandbox.remove_from_list("BOARD", &Who::First(2));
        let wish = w.wish(&["BOARD", "NEWSLETTER", "BOARD"]).await;
        let prepared = w.prepare(&wish).await;
        assert!(prepared.ready(), "{:?}", prepared.answers);
        assert_eq!(prepared.answers.len(), 2, "named twice counts once");
        for (answer, code) in prepared.answers.iter().zip(["BOARD", "NEWSLETTER"]) {
            let ready = answer.outcome.as_ref().unwrap();
            assert_eq!(w.members(code).await, w.remote(code), "{}: {code}", w.name);
            assert_eq!((ready.members as usize, ready.mailable), (w.remote(code).len(), Some(w.waterfall(code).await.mailable)));
            let run = w.run(ready.run_id.unwrap()).await;
            assert_eq!(
                (run.run_trigger.as_str(), run.actor.as_str(), run.state.as_str()),
                ("send", "user:ann@rialto.example", "succeeded")
            );
            assert!(ready.data_as_of.is_some() && ready.data_age_seconds.is_some(), "{ready:?}");
            let group = w.group(code).await;
            assert_eq!(rialto_store::views::groups::uses(w.db.read(), group.id).await.unwrap().0, 1, "the use is noted once");
        }
        // The night now reads both.
        let mut tx = w.db.write().await.unwrap();
        let used = schedules::candidates(&mut tx, w.bridge).await.unwrap().into_iter().filter(|c| c.used_at.is_some()).count();
        assert_eq!(used, 2, "{}", w.name);
    }
}

#[tokio::test]
async fn it_joins_a_run_under_way_and_waits_for_a_plan_to_end() {
    for w in worlds(300).await {
        let group = w.group("BOARD").await;
        let subject = Subject::Group { group_id: group.id, bridge_id: w.bridge };
        let open = async |new: NewRun| {
            let mut tx = w.db.write().await.unwrap();
            let id = runs::request(&mut tx, new, &actor()).await.unwrap().run_id;
            tx.commit().await.unwrap();
            id
        };
        let night = open(NewRun::of(RunKind::People, subject, Trigger::Overnight)).await;
        let answer = w.prepare_one("BOARD").await;
        assert_eq!(answer.outcome.unwrap().run_id, Some(night), "{}", w.name);
        let told: Vec<String> = runs::triggers(w.db.read(), night).await.unwrap().into_iter().map(|t| t.run_trigger).collect();
        assert_eq!(told, ["overnight", "send"]);
        let plan = open(NewRun { plan_only: true, ..NewRun::of(RunKind::People, subject, Trigger::Api) }).await;
        let answer = w.prepare_one("BOARD").await;
        assert!(answer.outcome.unwrap().run_id.unwrap() > plan, "{}: a plan is no read to send by", w.name);
    }
}

#[tokio::test]
async fn what_must_not_be_mailed_stops_with_a_reason() {
    for w in worlds(400).await {
        let sandbox = &w.sandbox.sandbox;
        for code in ["NEWSLETTER", "BOARD", "STUDENTS"] {
            w.sync(code).await;
        }
        sandbox.remove_from_list("NEWSLETTER", &Who::First(60));
        let held = w.prepare_one("NEWSLETTER").await;
        assert_eq!(why(&held), Why::Held, "{}", w.name);
        let stopped = held.outcome.unwrap_err();
        assert_eq!(w.run(stopped.run_id.unwrap()).await.state(), RunState::Held);
        assert!(stopped.reason.contains("60 of"), "{}", stopped.reason);

        sandbox.inject(FaultRule::always(Fault::WrongTotal { delta: 4 }).on("usr_Rialto_Lists"));
        assert_eq!(why(&w.prepare_one("BOARD").await), Why::Incomplete);
        sandbox.clear_faults();
        sandbox.inject(FaultRule::always(Fault::HtmlPage).on("usr_Rialto_ListMembers"));
        assert_eq!(why(&w.prepare_one("BOARD").await), Why::Failed);
        sandbox.clear_faults();

        // Vanished since the lists were read, and known to be gone.
        sandbox.delete_list("STUDENTS");
        for _ in 0..2 {
            assert_eq!(why(&w.prepare_one("STUDENTS").await), Why::Gone, "{}", w.name);
        }
        assert!(!w.members("STUDENTS").await.is_empty(), "nobody was removed");

        let board = w.group("BOARD").await;
        let mut tx = w.db.write().await.unwrap();
        tx.run("UPDATE target_group SET plan_only = TRUE WHERE id = $1", rialto_store::args![board.id]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(why(&w.prepare_one("BOARD").await), Why::PlanOnly);
        w.switch(false).await;
        assert_eq!(why(&w.prepare_one("BOARD").await), Why::BridgeOff);
        let mut wish = w.wish(&[]).await;
        wish.groups = vec![9_999];
        assert_eq!(why(&w.prepare(&wish).await.answers[0]), Why::Deleted, "{}", w.name);
    }
}

#[tokio::test]
async fn it_never_waits_longer_than_it_was_told() {
    for w in worlds(300).await {
        let mut wish = w.wish(&["BOARD"]).await;
        wish.freshness.wait = Duration::from_millis(400);
        let began = tokio::time::Instant::now();
        // No worker works.
        let answer = prepare(w.engine.parts(), &wish).await.unwrap().answers.remove(0);
        assert_eq!(why(&answer), Why::TimeOut, "{}", w.name);
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(w.run(answer.outcome.unwrap_err().run_id.unwrap()).await.state(), RunState::Queued, "the run goes on");
    }
}

#[tokio::test]
async fn data_older_than_promised_is_told_or_stops() {
    for w in worlds(300).await {
        // The sandbox made its lists hours before it began; they are to be made daily.
        let daily = w.group("NEWSLETTER").await;
        let made = rialto_core::Instant(daily.remote_refreshed_at.unwrap());
        assert_eq!(daily.regeneration, "DAILY");
        w.set_clock(made.plus_seconds(86_400));
        let fine = w.prepare_one("NEWSLETTER").await.outcome.unwrap();
        assert!(fine.warnings.is_empty(), "{:?}", fine.warnings);
        w.set_clock(made.plus_seconds(2 * 86_400 + 3 * 3_600));
        let late = w.prepare_one("NEWSLETTER").await.outcome.unwrap();
        assert_eq!(late.warnings.len(), 1, "{}", w.name);
        assert!(late.warnings[0].contains("2 days 3 hours old") && late.warnings[0].contains("DAILY"), "{}", late.warnings[0]);
        assert_eq!(late.data_age_seconds, Some(2 * 86_400 + 3 * 3_600));
        let mut wish = w.wish(&["NEWSLETTER"]).await;
        wish.freshness.late_data = LateData::Stop;
        assert_eq!(why(&w.prepare(&wish).await.answers[0]), Why::LateData);
        w.sandbox.sandbox.regenerate("NEWSLETTER");
        w.set_clock(made.plus_seconds(86_400));
        assert!(w.prepare(&wish).await.ready(), "{}: made anew", w.name);
    }
}
