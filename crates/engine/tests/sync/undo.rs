//! The undo of a run: exact where nothing came later, never over what came later, and never in favour of mail.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use rialto_sandbox::Who;
use rialto_store::args;
use rialto_store::runs::Run;

use crate::support::{World, first, worlds};

const LIST: &str = "NEWSLETTER";

/// What stands of everybody whom the bridge knows: by Remote ID the values by field, with the address among them.
type People = BTreeMap<String, serde_json::Map<String, serde_json::Value>>;

const ADDRESS: &str = "address";

async fn people(w: &World) -> People {
    let object = if w.db.is_sqlite() {
        let fields = rialto_store::fields::list(w.db.read(), w.bridge).await.unwrap();
        let fields: Vec<String> = fields.iter().map(|f| format!("'f{0}', p.f{0}", f.number)).collect();
        format!("json_object({})", fields.join(", "))
    } else {
        "row_to_json(p)".to_owned()
    };
    let text = format!(
        "SELECT s.remote_id, s.address || ' ' || s.canonical || ' ' || CAST(s.address_state AS TEXT), CAST({object} AS TEXT) FROM subscriber s
         JOIN profile_{} p ON p.subscriber_id = s.id",
        w.bridge
    );
    let rows: Vec<(String, String, String)> = w.db.read().all_built(text, args![]).await.unwrap();
    let values = |(id, address, profile): (String, String, String)| {
        let mut values: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&profile).unwrap();
        values.insert(ADDRESS.into(), address.into());
        (id, values)
    };
    rows.into_iter().map(values).collect()
}

/// Whether a value is what an undo is to leave: the earlier one where today's is the run's, else today's. `kept`: the person is named.
fn rightly([was, ran, now, back]: [&serde_json::Value; 4], key: &str, kept: bool) -> bool {
    match (was == ran || now == was, now == ran) {
        (true, _) => back == now,
        // An address may stay away that would make them mailable.
        (false, true) => back == was || (key == ADDRESS && kept && back == now),
        (false, false) => back == now && kept,
    }
}

/// Everybody who may be mailed by consent and address.
async fn mailable(w: &World) -> BTreeSet<String> {
    let text = "SELECT s.remote_id FROM subscriber s WHERE s.address_state = 0 AND s.remote_flag_run = 0 AND NOT EXISTS (SELECT 1 FROM suppression x
        WHERE x.subscriber_id = s.id OR (x.canonical <> '' AND x.canonical = s.canonical))";
    w.db.read().all::<(String,)>(text, args![]).await.unwrap().into_iter().map(|(id,)| id).collect()
}

/// Remote IDs of those whom an undo names because something of them stays.
async fn kept(w: &World, run: &Run) -> BTreeSet<String> {
    let text = "SELECT remote_id FROM sync_run_note WHERE run_id = $1 AND kind = 'kept'";
    w.db.read().all::<(String,)>(text, args![run.id]).await.unwrap().into_iter().map(|(id,)| id).collect()
}

fn edit(w: &World, (what, whom): (u8, u8)) {
    let sandbox = &w.sandbox.sandbox;
    let list = w.remote(LIST);
    let one = || first(&list.iter().skip(usize::from(whom) % list.len().max(1)).cloned().collect(), 1).first().cloned();
    let Some((m, s)) = one() else { return };
    match what {
        0 => {
            sandbox.remove_from_list(LIST, &Who::Ids(vec![(m, s)]));
        }
        1 => {
            let outside: BTreeSet<String> = w.remote("ALL_MEMBERS").difference(&list).cloned().collect();
            let ids = first(&outside.iter().skip(usize::from(whom) % outside.len().max(1)).cloned().collect(), 2);
            sandbox.add_to_list(LIST, &Who::Ids(ids));
        }
        2 => drop(sandbox.set_email(&m, s, Some(&format!("moved{whom}@new.example")))),
        3 => drop(sandbox.set_email(&m, s, Some("not an address"))),
        4 => drop(sandbox.rename_person(&m, s, &format!("Ann{whom}"), "O'Hara \"Ü\"")),
        5 => drop(sandbox.set_allow_email(&m, s, whom.is_multiple_of(2))),
        6 => drop(sandbox.set_email(&m, s, None)),
        _ => drop(sandbox.set_allow_solicitation(&m, s, !whom.is_multiple_of(3))),
    }
}

/// Random rounds a database; more with RIALTO_TEST_UNDO_ROUNDS.
fn rounds() -> usize {
    std::env::var("RIALTO_TEST_UNDO_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6)
}

#[tokio::test]
async fn a_sync_and_its_undo_give_back_members_and_fields_exactly_but_for_what_is_named() {
    let strategy = (prop::collection::vec((0u8..8, any::<u8>()), 1..9), prop::collection::vec((0u8..8, any::<u8>()), 0..5));
    for w in worlds(120).await {
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
        w.sync(LIST).await;
        for round in 0..rounds() {
            let (edits, later) = strategy.new_tree(&mut runner).unwrap().current();
            let context = format!("{} round {round}: {edits:?} then {later:?}", w.name);
            let (members, stood) = (w.members(LIST).await, people(&w).await);
            edits.iter().for_each(|e| edit(&w, *e));
            let run = w.sync(LIST).await;
            assert!(run.applied_at.is_some(), "{context}: {}", run.reason);
            let ran = people(&w).await;
            let middle = w.members(LIST).await;
            later.iter().for_each(|e| edit(&w, *e));
            if !later.is_empty() {
                w.sync(LIST).await;
            }
            let (now, now_members, open) = (people(&w).await, w.members(LIST).await, mailable(&w).await);

            let before_plan = w.everything().await;
            let plan = w.plan_undo(&run).await;
            assert_eq!(before_plan, w.everything().await, "{context}: a plan writes nothing");
            let undo = w.undo(&run).await;
            assert_eq!(undo.state, "succeeded", "{context}: {}", undo.reason);
            let (p, u) = (plan.counts(), undo.counts());
            assert_eq!((p.added, p.removed, p.updated, p.unchanged), (u.added, u.removed, u.updated, u.unchanged), "{context}");

            let (back, kept) = (people(&w).await, kept(&w, &undo).await);
            let ended = w.members(LIST).await;
            for (id, was) in &stood {
                let (ran, now, back) = (&ran[id], &now[id], &back[id]);
                for (key, was) in was {
                    let four = [was, &ran[key], &now[key], &back[key]];
                    assert!(rightly(four, key, kept.contains(id)), "{context}: {id} {key}: was, ran, now, back {four:?}");
                }
            }
            for id in members.union(&middle).filter(|id| !kept.contains(*id)) {
                // What the run did not move is as the later run left it.
                let moved = members.contains(id) != middle.contains(id);
                let expected = if moved { &members } else { &now_members };
                assert_eq!(ended.contains(id), expected.contains(id), "{context}: membership of {id}");
            }
            if later.is_empty() {
                assert_eq!(ended, members, "{context}");
            }
            let opened: Vec<_> = mailable(&w).await.difference(&open).cloned().collect();
            assert!(opened.is_empty(), "{context}: an undo made {opened:?} mailable");
            w.waterfall(LIST).await;

            // Until somebody says so, syncs only plan; then the remote's word stands again.
            let still = w.everything().await;
            assert!(w.sync(LIST).await.plan_only, "{context}");
            assert_eq!(still, w.everything().await, "{context}: a paused sync writes nothing");
            w.resume(LIST).await;
            assert_eq!(w.sync(LIST).await.state, "succeeded", "{context}");
            let (last, listed) = (people(&w).await, w.remote(LIST));
            assert_eq!(w.members(LIST).await, listed, "{context}");
            // Of those who have left the list meanwhile, no sync of it tells anything.
            for id in &listed {
                assert_eq!(last[id], now[id], "{context}: the next sync brings the values of {id} again");
            }
        }
    }
}

#[tokio::test]
async fn an_undo_can_be_undone_and_a_second_undo_finds_nothing_left() {
    for w in worlds(60).await {
        w.sync(LIST).await;
        let before = (w.members(LIST).await, people(&w).await);
        let some = first(&before.0, 3);
        w.sandbox.sandbox.remove_from_list(LIST, &Who::Ids(vec![some[0].clone()]));
        w.sandbox.sandbox.rename_person(&some[1].0, some[1].1, "Zoe", "Renamed");
        let run = w.sync(LIST).await;
        let after = (w.members(LIST).await, people(&w).await);
        let undo = w.undo(&run).await;
        assert_eq!((w.members(LIST).await, people(&w).await), before, "{}", w.name);
        assert!(undo.advice.contains("Resume"), "{}: {}", w.name, undo.advice);
        let again = w.undo(&run).await;
        assert_eq!((again.counts().added, again.counts().removed, again.counts().updated), (0, 0, 0), "{}: {}", w.name, again.reason);
        assert_eq!((w.members(LIST).await, people(&w).await), before, "{}", w.name);
        let redone = w.undo(&undo).await;
        assert_eq!(redone.state, "succeeded", "{}: {}", w.name, redone.reason);
        assert_eq!((w.members(LIST).await, people(&w).await), after, "{}", w.name);
    }
}

#[tokio::test]
async fn whom_the_run_made_mailable_is_silent_again_unless_somebody_decided_since() {
    for w in worlds(60).await {
        let list = w.remote(LIST);
        let silent: Vec<(String, i64)> = first(&list.difference(&w.remote_no(LIST)).cloned().collect(), 2);
        let set = |yes: bool| silent.iter().for_each(|(m, s)| drop(w.sandbox.sandbox.set_allow_email(m, *s, yes)));
        set(false);
        w.sync(LIST).await;
        let flagged = w.flagged().await;
        set(true);
        let run = w.sync(LIST).await;
        assert_eq!(run.counts().lifted, 2, "{}", w.name);
        // One of them decides by themselves meanwhile: nothing of that is touched.
        w.unsubscribe(&format!("{}-{}", silent[0].0, silent[0].1)).await;
        let undo = w.undo(&run).await;
        assert_eq!(undo.counts().suppressed, 1, "{}: {}", w.name, undo.reason);
        let now = w.flagged().await;
        assert!(now.contains(&format!("{}-{}", silent[1].0, silent[1].1)) && now.len() == flagged.len() - 1, "{}", w.name);
        w.resume(LIST).await;
        assert_eq!(w.sync(LIST).await.counts().lifted, 1, "{}: the remote's yes, read anew, counts again", w.name);
    }
}

#[tokio::test]
async fn what_cannot_be_undone_says_why() {
    for w in worlds(60).await {
        let plan = w.plan(LIST).await;
        let lists = w.lists().await;
        for (run, why) in [(&plan, "A plan changed nothing"), (&lists, "Only runs that change people")] {
            let (reason, _) = rialto_store::undo::refusal(&w.db, run).await.unwrap().expect("a refusal");
            assert!(reason.starts_with(why), "{}: {reason}", w.name);
        }
        let run = w.sync(LIST).await;
        assert_eq!(rialto_store::undo::refusal(&w.db, &run).await.unwrap(), None, "{}", w.name);
    }
}
