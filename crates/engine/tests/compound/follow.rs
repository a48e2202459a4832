//! When a group made of others follows its parts, and when it keeps what it has.

use rialto_core::compound::Mode;
use rialto_core::run::RunState;
use rialto_store::{groups, runs, views};

use crate::world::{compound_of, definition, set, worlds};

#[tokio::test]
async fn it_follows_every_applied_run_of_a_part_and_its_own_edits() {
    for w in worlds(30, 3).await {
        let [a, b, c] = w.remote[..] else { panic!() };
        for (group, people) in [(a, 1..=10), (b, 6..=20), (c, 8..=8)] {
            w.fill(group, people).await;
        }
        let id = w.make("Both", &definition((Mode::All, &[a, b]), Some((Mode::Any, &[c])))).await.unwrap();
        w.settle().await;
        assert_eq!(w.members(id).await, [6, 7, 9, 10].into(), "{}", w.name);
        w.honest(id).await;
        let first = w.runs(id).await;
        w.fill(a, 1..=7).await;
        w.settle().await;
        assert_eq!((w.members(id).await, w.runs(id).await), ([6, 7].into(), first + 1), "one run for one change");
        assert_eq!((w.last_run(id).await.run_trigger.as_str(), w.last_run(id).await.actor.as_str()), ("overnight", "rialto"));
        w.settle().await;
        assert_eq!(w.runs(id).await, first + 1, "nothing more to do");
        // Three changes before anybody looks: one run.
        for people in [1..=8, 1..=9, 1..=12] {
            w.fill(a, people).await;
        }
        w.settle().await;
        assert_eq!((w.members(id).await, w.runs(id).await), ([6, 7, 9, 10, 11, 12].into(), first + 2));
        w.redefine(id, &compound_of((Mode::Any, &[a, c]), None)).await.unwrap();
        w.settle().await;
        assert_eq!(w.members(id).await, (1..=12).collect(), "{}", w.name);
        w.honest(id).await;
        let plan = w.sync(id, true).await;
        assert_eq!((plan.state.as_str(), plan.counts().unchanged, plan.applied_at), ("succeeded", 12, None));
        // A change that came while its run was reading already: another one follows.
        let mut tx = w.db.write().await.unwrap();
        let asked = rialto_store::compound::ask(&mut tx, id, rialto_core::run::Trigger::Api, false, &w.who()).await.unwrap();
        runs::claim(&mut tx, "another worker", w.who().at, 600).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        w.redefine(id, &compound_of((Mode::Any, &[c]), None)).await.unwrap();
        let mut tx = w.db.write().await.unwrap();
        let joined = rialto_store::compound::ask(&mut tx, id, rialto_core::run::Trigger::Api, false, &w.who()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(joined.joined && joined.run_id == asked.run_id);
        w.settle().await;
        assert_eq!(w.members(id).await.len(), 12, "the run under way is another worker's");
        let mut tx = w.db.write().await.unwrap();
        tx.run("UPDATE sync_run SET lease_until = 1 WHERE id = $1", rialto_store::args![asked.run_id]).await.unwrap();
        tx.commit().await.unwrap();
        w.settle().await;
        assert_eq!(w.members(id).await, [8].into(), "{}", w.name);
    }
}

#[tokio::test]
async fn a_part_that_cannot_be_relied_on_keeps_the_members_and_is_told() {
    for w in worlds(30, 3).await {
        let [a, b, never] = w.remote[..] else { panic!() };
        w.fill(a, 1..=20).await;
        w.fill(b, 5..=9).await;
        let id = w.make("Without", &definition((Mode::Any, &[a]), Some((Mode::Any, &[b])))).await.unwrap();
        let above = w.make("Above", &definition((Mode::Any, &[id]), None)).await.unwrap();
        w.settle().await;
        let kept = w.members(id).await;
        assert_eq!(kept.len(), 15);
        // A held run let some in and withheld others.
        let held = w.set_members(b, &set(1..=9), RunState::Held).await;
        w.settle().await;
        let run = w.last_run(id).await;
        assert_eq!((run.state.as_str(), w.members(id).await), ("incomplete", kept.clone()), "{}", w.name);
        assert_eq!(run.reason, "List 1 waits for a decision on who leaves it. The members stay as they were.");
        run.counts().check().unwrap();
        let made = views::compound::made(&w.db, id).await.unwrap().unwrap();
        assert_eq!((made.blocked.as_str(), made.ready()), ("List 1 waits for a decision on who leaves it.", false));
        let outer = views::compound::made(&w.db, above).await.unwrap().unwrap();
        assert_eq!(outer.parts[0].state().name(), "blocked");
        let tried = w.runs(id).await;
        w.settle().await;
        assert_eq!(w.runs(id).await, tried, "it is not tried again and again");
        // The decision alone sets it going.
        let mut tx = w.db.write().await.unwrap();
        runs::decide(&mut tx, held, RunState::Discarded, &w.who()).await.unwrap();
        tx.commit().await.unwrap();
        w.settle().await;
        assert_eq!(w.members(id).await, (10..=20).collect(), "{}", w.name);
        assert_eq!(w.members(above).await, (10..=20).collect(), "{}", w.name);
        w.honest(id).await;
        // Its list vanishes.
        let mut tx = w.db.write().await.unwrap();
        groups::set_state(&mut tx, b, "gone").await.unwrap();
        tx.commit().await.unwrap();
        let run = w.sync(id, false).await;
        assert_eq!((run.state.as_str(), w.members(id).await.len()), ("incomplete", 11));
        assert_eq!(run.reason, "List 1 is no longer offered by its remote system. The members stay as they were.");
        w.redefine(id, &compound_of((Mode::Any, &[a]), Some((Mode::Any, &[never])))).await.unwrap();
        w.settle().await;
        let run = w.last_run(id).await;
        assert_eq!(run.reason, "List 2 was never synced completely. The members stay as they were.");
        w.fill(never, 2..=20).await;
        w.settle().await;
        assert_eq!(w.members(id).await, [1].into(), "{}", w.name);
        w.honest(id).await;
    }
}

#[tokio::test]
async fn what_stands_on_others_cannot_stand_on_itself_nor_lose_its_ground() {
    for w in worlds(10, 2).await {
        let [a, b] = w.remote[..] else { panic!() };
        let one = w.make("One", &definition((Mode::Any, &[a]), None)).await.unwrap();
        let two = w.make("Two", &definition((Mode::Any, &[one, b]), None)).await.unwrap();
        let circle = w.redefine(one, &compound_of((Mode::Any, &[a]), Some((Mode::Any, &[two])))).await.unwrap_err();
        assert_eq!(circle.to_string(), "The target group would be made of itself: One → Two → One.", "{}", w.name);
        let mut top = two;
        for n in 3..=5 {
            top = w.make(&format!("Floor {n}"), &definition((Mode::Any, &[top]), None)).await.unwrap();
        }
        assert!(w.make("Floor 6", &definition((Mode::Any, &[top]), None)).await.is_err(), "five stand one on another, not six");
        w.settle().await;
        let mut tx = w.db.write().await.unwrap();
        let refused = groups::delete(&mut tx, one, &w.who()).await.unwrap_err();
        assert_eq!(refused.to_string(), "These target groups are made of it: Two. Take it out of them first.");
        drop(tx);
        w.redefine(two, &compound_of((Mode::Any, &[b]), None)).await.unwrap();
        w.settle().await;
        let mut tx = w.db.write().await.unwrap();
        groups::delete(&mut tx, one, &w.who()).await.unwrap();
        tx.commit().await.unwrap();
        w.settle().await;
        assert!(groups::get(w.db.read(), one).await.unwrap().is_none());
        assert!(w.make("Late", &definition((Mode::Any, &[one]), None)).await.is_err(), "a deleted group is no part");
    }
}
