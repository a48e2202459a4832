use rialto_core::consent::Flag;
use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::{Counts, Instant};
use rialto_store::membership::{self, Change, Op, Outcome, Refused};
use rialto_store::runs::{self, Ending, NewRun, Subject};
use rialto_store::{groups, waterfall};
use rialto_testkit::{START, actor, both};
use roaring::RoaringTreemap;

use crate::support::{House, house};

fn set(ids: &[i64]) -> RoaringTreemap {
    ids.iter().map(|id| *id as u64).collect()
}

async fn claimed(house: &House) -> i64 {
    let subject = Subject::Group { group_id: house.group, bridge_id: house.bridge };
    let mut tx = house.db.write().await.unwrap();
    // Ends whatever is open, so that the next may begin.
    tx.run("UPDATE sync_run SET state = 'succeeded' WHERE state = 'running'", vec![]).await.unwrap();
    let id = runs::request(&mut tx, NewRun::of(RunKind::People, subject, Trigger::Api), &actor()).await.unwrap().run_id;
    runs::claim(&mut tx, "me", Instant(START), 30).await.unwrap();
    tx.commit().await.unwrap();
    id
}

fn ending() -> Ending {
    Ending {
        state: RunState::Succeeded,
        counts: Counts::default(),
        reason: String::new(),
        advice: String::new(),
        error_kind: String::new(),
        data_as_of: None,
        stats: serde_json::json!({}),
    }
}

struct Step<'a> {
    run_id: i64,
    base_run: i64,
    worker: &'a str,
    joins: &'a [i64],
    leaves: &'a [i64],
    lifts: &'a [i64],
}

async fn apply(house: &House, s: Step<'_>) -> Result<i64, Refused> {
    let none = RoaringTreemap::new();
    let (joins, leaves, lifts) = (set(s.joins), set(s.leaves), set(s.lifts));
    let change = Change {
        run_id: s.run_id,
        worker: s.worker,
        group_id: house.group,
        base_run: s.base_run,
        joins: &joins,
        leaves: &leaves,
        lifts: &lifts,
        lifts_withheld: &none,
        lift_before: i64::MAX,
        source: "Members",
        now: Instant(START),
    };
    let ending = ending();
    membership::apply(&house.db, change, Outcome { ending: &ending, complete: false, seen_again: None, pause: false }).await.unwrap()
}

#[tokio::test]
async fn a_plan_is_carried_over_whole_or_not_at_all() {
    for test in both().await {
        let house = house(&test.db).await;
        let rows = ["1-0", "2-0", "3-0"].map(|k| house.row(k, &format!("p{k}@mail.example"), Flag::Yes, "Ulm"));
        let ids = house.write(1, &rows, true).await.ids;
        let one = claimed(&house).await;
        membership::plan(&test.db, one, Op::Joins, &set(&ids)).await.unwrap();
        assert_eq!(membership::planned(&test.db, one, Op::Joins).await.unwrap(), set(&ids));
        assert!(membership::members(&test.db, house.group).await.unwrap().is_empty(), "a plan is no membership");
        let not_mine = Step { run_id: one, base_run: 0, worker: "other", joins: &ids, leaves: &[], lifts: &[] };
        assert_eq!(apply(&house, not_mine).await, Err(Refused::NotMine));
        let mine = Step { run_id: one, base_run: 0, worker: "me", joins: &ids, leaves: &[], lifts: &[] };
        assert_eq!(apply(&house, mine).await, Ok(0));
        let two = claimed(&house).await;
        for (step, refused) in [
            (Step { run_id: two, base_run: 0, worker: "me", joins: &[], leaves: &ids[..1], lifts: &[] }, Refused::Moved),
            (Step { run_id: two, base_run: one, worker: "me", joins: &[], leaves: &[ids[0], 999], lifts: &[] }, Refused::Mismatch),
        ] {
            assert_eq!(apply(&house, step).await, Err(refused), "{}", test.name);
        }
        assert_eq!(membership::members(&test.db, house.group).await.unwrap(), set(&ids), "refused plans leave everything");
        let step = Step { run_id: two, base_run: one, worker: "me", joins: &[], leaves: &ids[..1], lifts: &[] };
        assert_eq!(apply(&house, step).await, Ok(0));
        assert_eq!(membership::members(&test.db, house.group).await.unwrap(), set(&ids[1..]));
        let group = groups::get(test.db.read(), house.group).await.unwrap().unwrap();
        assert_eq!((group.members, group.applied_run), (2, two));
        assert_eq!(membership::count(test.db.read(), house.group).await.unwrap(), 2);
        membership::drop_plan(&test.db, one).await.unwrap();
        assert!(membership::planned(&test.db, one, Op::Joins).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn only_those_whose_remote_says_yes_are_lifted() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = house
            .write(1, &[house.row("1-0", "a@mail.example", Flag::No, "Ulm"), house.row("2-0", "b@mail.example", Flag::No, "Ulm")], true)
            .await
            .ids;
        house.write(2, &[house.row("1-0", "a@mail.example", Flag::Yes, "Ulm")], true).await;
        let run = claimed(&house).await;
        let step = Step { run_id: run, base_run: 0, worker: "me", joins: &ids, leaves: &[], lifts: &ids };
        assert_eq!(apply(&house, step).await, Ok(1), "{}", test.name);
        let open: Vec<(i64,)> = test.db.read().all("SELECT id FROM subscriber WHERE remote_flag_run <> 0", vec![]).await.unwrap();
        assert_eq!(open, [(ids[1],)]);
    }
}

#[tokio::test]
async fn the_waterfall_counts_everybody_once() {
    for test in both().await {
        let house = house(&test.db).await;
        let rows = [
            house.row("1-0", "home@mail.example", Flag::No, "Ulm"),
            house.row("2-0", "HOME@mail.example", Flag::Yes, "Ulm"),
            house.row("3-0", "home@mail.example", Flag::Yes, "Ulm"),
            house.row("4-0", "", Flag::Yes, "Ulm"),
            house.row("5-0", "nonsense", Flag::No, "Ulm"),
            house.row("6-0", "no@mail.example", Flag::No, "Ulm"),
            house.row("7-0", "yes@mail.example", Flag::Yes, "Ulm"),
            house.row("8-0", "gone@mail.example", Flag::Yes, "Ulm"),
        ];
        let ids = house.write(1, &rows, true).await.ids;
        let grounds = rialto_store::consent::Grounds { source: "test", reason: "", evidence: "" };
        let mut tx = test.db.write().await.unwrap();
        rialto_store::consent::open(
            &mut tx,
            &rialto_testkit::vault(),
            ids[7],
            rialto_core::consent::Cause::OwnUnsubscribe,
            &grounds,
            &actor(),
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let run = claimed(&house).await;
        apply(&house, Step { run_id: run, base_run: 0, worker: "me", joins: &ids, leaves: &[], lifts: &[] }).await.unwrap();
        let counts = Counts { read: 10, duplicate: 1, rejected: 1, added: 8, ..Counts::default() };
        let w = waterfall::compute(&test.db, house.group, 8, counts).await.unwrap();
        assert!(w.balances(), "{w:?}");
        let lines = (w.no_address, w.malformed, w.same_address, w.unsubscribed_here, w.remote_flag, w.mailable, w.kept);
        // The shared address is mailed through 2-0, the mailable record with the lowest Remote ID.
        assert_eq!(lines, (1, 1, 2, 1, 1, 2, 0), "{}", test.name);
    }
}
