use rialto_sandbox::Who;
use std::collections::BTreeSet;

use crate::support::{first, worlds};

#[tokio::test]
async fn many_leaving_are_held_named_and_approved_or_kept() {
    for w in worlds(400).await {
        let sandbox = &w.sandbox.sandbox;
        w.sync("NEWSLETTER").await;
        let before = w.members("NEWSLETTER").await;
        let gone = first(&before, 60);
        sandbox.remove_from_list("NEWSLETTER", &Who::Ids(gone.clone()));
        let outsiders: BTreeSet<String> = w.remote("ALL_MEMBERS").difference(&before).cloned().collect();
        sandbox.add_to_list("NEWSLETTER", &Who::Ids(first(&outsiders, 5)));
        let no = w.remote_no("NEWSLETTER");
        let hushed = first(&w.remote("NEWSLETTER").difference(&no).cloned().collect(), 2);
        for (master, sub) in &hushed {
            sandbox.set_allow_email(master, *sub, false);
        }

        let held = w.sync("NEWSLETTER").await;
        let c = held.counts();
        assert_eq!((held.state.as_str(), c.leaving, c.withheld, c.removed, c.added), ("held", 60, 60, 0, 5), "{}", held.reason);
        assert!(c.suppressed >= 2, "opt-outs found in held data apply at once");
        assert!(w.flagged().await.is_superset(&w.remote_no("NEWSLETTER")));
        assert_eq!(w.members("NEWSLETTER").await, before.union(&w.remote("NEWSLETTER")).cloned().collect());
        w.waterfall("NEWSLETTER").await;

        let approval = w.approve(&held).await;
        assert_eq!((approval.state.as_str(), approval.counts().removed), ("succeeded", 60), "{}", approval.reason);
        assert_eq!(w.members("NEWSLETTER").await, w.remote("NEWSLETTER"), "{}", w.name);
        assert!(w.group("NEWSLETTER").await.applied_run == approval.id);
        w.waterfall("NEWSLETTER").await;
    }
}

#[tokio::test]
async fn a_later_complete_sync_supersedes_and_an_incomplete_one_takes_out_whom_it_saw() {
    use rialto_sandbox::{Fault, FaultRule};
    for w in worlds(400).await {
        let sandbox = &w.sandbox.sandbox;
        w.sync("NEWSLETTER").await;
        let before = w.members("NEWSLETTER").await;
        let gone = first(&before, 60);
        sandbox.remove_from_list("NEWSLETTER", &Who::Ids(gone.clone()));
        let held = w.sync("NEWSLETTER").await;
        assert_eq!(held.state, "held");
        // Twenty come back; a read that cannot prove itself sees them.
        sandbox.add_to_list("NEWSLETTER", &Who::Ids(gone[..20].to_vec()));
        sandbox.inject(FaultRule::always(Fault::WrongTotal { delta: 3 }).on("usr_Rialto_Lists"));
        assert_eq!(w.sync("NEWSLETTER").await.state, "incomplete");
        sandbox.clear_faults();
        let approval = w.approve(&held).await;
        assert_eq!(approval.counts().removed, 40, "{}: who was seen again is not removed", w.name);
        assert_eq!(w.members("NEWSLETTER").await, w.remote("NEWSLETTER"));

        let rest = w.members("NEWSLETTER").await;
        sandbox.remove_from_list("NEWSLETTER", &Who::Ids(first(&rest, 50)));
        let old = w.sync("NEWSLETTER").await;
        assert_eq!(old.state, "held");
        let new = w.sync("NEWSLETTER").await;
        assert_eq!(new.state, "held");
        assert_eq!(w.run(old.id).await.state, "superseded");
        let mut tx = w.db.write().await.unwrap();
        assert!(rialto_store::runs::decide(&mut tx, old.id, rialto_core::run::RunState::Approved, &rialto_testkit::actor()).await.is_err());
    }
}

#[tokio::test]
async fn many_lifts_are_held_too() {
    for w in worlds(600).await {
        let sandbox = &w.sandbox.sandbox;
        let board = first(&w.remote("BOARD"), 20);
        for (master, sub) in &board {
            sandbox.set_allow_solicitation(master, *sub, false);
        }
        w.sync("BOARD").await;
        for (master, sub) in &board {
            sandbox.set_allow_email(master, *sub, true);
        }
        let held = w.sync("BOARD").await;
        assert_eq!((held.state.as_str(), held.counts().lifted, held.counts().lifts_withheld), ("held", 0, 20), "{}", held.reason);
        assert!(w.flagged().await.len() >= 20);
        let approval = w.approve(&held).await;
        assert_eq!(approval.counts().lifted, 20, "{}", w.name);
        assert_eq!(w.flagged().await, w.remote_no("BOARD"));
    }
}

#[tokio::test]
async fn a_plan_shows_everything_and_writes_nothing() {
    for w in worlds(400).await {
        let first_plan = w.plan("NEWSLETTER").await;
        assert_eq!(first_plan.counts().added, w.remote("NEWSLETTER").len() as i64);
        assert!(w.members("NEWSLETTER").await.is_empty());
        w.sync("NEWSLETTER").await;
        let gone = first(&w.members("NEWSLETTER").await, 60);
        w.sandbox.sandbox.remove_from_list("NEWSLETTER", &Who::Ids(gone.clone()));
        let before = w.everything().await;
        let plan = w.plan("NEWSLETTER").await;
        assert_eq!((plan.state.as_str(), plan.counts().leaving), ("succeeded", 60));
        assert!(plan.reason.contains("held"), "{}", plan.reason);
        assert_eq!(w.everything().await, before, "{}", w.name);
        let names: Vec<(String,)> =
            w.db.read()
                .all("SELECT remote_id FROM sync_run_note WHERE run_id = $1 AND kind = 'plan_leave'", rialto_store::args![plan.id])
                .await
                .unwrap();
        let names: BTreeSet<String> = names.into_iter().map(|(n,)| n).collect();
        assert_eq!(names, gone.iter().map(|(m, s)| format!("{m}-{s}")).collect());
    }
}
