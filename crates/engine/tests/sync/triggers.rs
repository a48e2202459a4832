//! Triggers: which a kind has, and what each leaves alone.

use rialto_core::run::{RunKind, Trigger};
use rialto_store::runs::{self, NewRun, Subject};

use crate::support::{first, worlds};

#[tokio::test]
async fn a_refresh_never_touches_people_or_counts() {
    for w in worlds(300).await {
        let sandbox = &w.sandbox.sandbox;
        w.sync("NEWSLETTER").await;
        let before = (w.everything().await, w.group("NEWSLETTER").await);
        let gone = first(&w.members("NEWSLETTER").await, 5);
        sandbox.remove_from_list("NEWSLETTER", &rialto_sandbox::Who::Ids(gone));
        sandbox.rename_list("NEWSLETTER", "The new letter");
        let run = w.lists().await;
        assert_eq!(run.state, "succeeded");
        let after = w.group("NEWSLETTER").await;
        assert_eq!(after.name, "The new letter", "the lists were read");
        assert_ne!(after.remote_members, before.1.remote_members, "the remote's own figure follows");
        assert_eq!(w.everything().await, before.0, "{}", w.name);
        let kept =
            |g: &rialto_store::groups::Group| (g.members, g.applied_run, g.synced_run, g.synced_at, g.waterfall.clone(), g.waterfall_at);
        assert_eq!(kept(&after), kept(&before.1), "{}: counts stay as they were", w.name);
    }
}

#[tokio::test]
async fn a_trigger_that_the_kind_does_not_have_reads_nothing() {
    for w in worlds(300).await {
        w.sandbox.sandbox.clear_requests();
        let group = w.group("BOARD").await;
        let subject = Subject::Group { group_id: group.id, bridge_id: w.bridge };
        let mut tx = w.db.write().await.unwrap();
        let new = NewRun::of(RunKind::People, subject, Trigger::Info);
        let id = runs::request(&mut tx, new, &rialto_testkit::actor()).await.unwrap().run_id;
        tx.commit().await.unwrap();
        w.engine.run_until_idle().await.unwrap();
        let run = w.run(id).await;
        assert_eq!((run.state.as_str(), run.error_kind.as_str()), ("failed", "refused"), "{}", run.reason);
        assert!(run.reason.contains("no trigger info"), "{}", run.reason);
        assert_eq!(w.sandbox.sandbox.requests().total, 0, "{}: the remote was not asked", w.name);
    }
}

#[tokio::test]
async fn info_reads_the_people_of_a_kind_that_has_it() {
    let like = rialto_connectors::kind("personify360").unwrap();
    rialto_connectors::try_out(rialto_connectors::BridgeKind {
        kind: "answering",
        name: "Answering",
        list_name: "List",
        settings: like.settings,
        secrets: like.secrets,
        triggers: &[Trigger::Info],
        writebacks: &[],
        timing: rialto_connectors::catalogue::with_the_cycle,
        lists_interests: false,
        can_fetch: false,
        silence_is_interest: None,
        setup_script: None,
        no_mode: like.no_mode,
        check: like.check,
        open: like.open,
    });
    for w in worlds(300).await {
        let mut tx = w.db.write().await.unwrap();
        tx.run("UPDATE bridge SET kind = 'answering' WHERE id = $1", rialto_store::args![w.bridge]).await.unwrap();
        tx.commit().await.unwrap();
        let group = w.group("BOARD").await;
        let subject = Subject::Group { group_id: group.id, bridge_id: w.bridge };
        let ask = async |trigger| {
            let mut tx = w.db.write().await.unwrap();
            let asked = runs::request(&mut tx, NewRun::of(RunKind::People, subject, trigger), &rialto_testkit::actor()).await.unwrap();
            tx.commit().await.unwrap();
            w.engine.run_until_idle().await.unwrap();
            w.run(asked.run_id).await
        };
        let run = ask(Trigger::Info).await;
        assert_eq!((run.state.as_str(), run.run_trigger.as_str()), ("succeeded", "info"), "{}: {}", w.name, run.reason);
        let after = w.group("BOARD").await;
        assert!(after.members > 0 && after.waterfall().is_some_and(|f| f.members == after.members), "{}: the counts are fresh", w.name);
        let other = ask(Trigger::RefreshGroups).await;
        assert_eq!((other.state.as_str(), other.error_kind.as_str()), ("failed", "refused"), "it has that trigger alone");
    }
}

#[test]
fn personify360_has_all_triggers_of_bridges_but_info() {
    for trigger in Trigger::ALL {
        let expected = !matches!(trigger, Trigger::Info | Trigger::Upload);
        assert_eq!(rialto_connectors::has_trigger("personify360", *trigger), expected, "{trigger}");
        assert!(!rialto_connectors::has_trigger("no such kind", *trigger));
    }
}

#[tokio::test]
async fn every_trigger_is_on_the_run_with_who_pulled_it() {
    for w in worlds(300).await {
        let group = w.group("BOARD").await;
        let subject = Subject::Group { group_id: group.id, bridge_id: w.bridge };
        let pulled = [
            (Trigger::Overnight, "schedule"),
            (Trigger::Resync, "user:ann@rialto.example"),
            (Trigger::Send, "user:bob@rialto.example"),
            (Trigger::Api, "token:nightly"),
            (Trigger::Cli, "cli"),
        ];
        let mut ids = std::collections::BTreeSet::new();
        for (trigger, name) in pulled {
            let who = rialto_store::Actor { name: name.into(), ..rialto_testkit::actor() };
            let mut tx = w.db.write().await.unwrap();
            ids.insert(runs::request(&mut tx, NewRun::of(RunKind::People, subject, trigger), &who).await.unwrap().run_id);
            tx.commit().await.unwrap();
        }
        assert_eq!(ids.len(), 1, "{}: one group, one running sync", w.name);
        w.engine.run_until_idle().await.unwrap();
        let run = w.run(*ids.first().unwrap()).await;
        assert_eq!((run.run_trigger.as_str(), run.actor.as_str()), ("overnight", "schedule"));
        let told = runs::triggers(w.db.read(), run.id).await.unwrap();
        let told: Vec<(&str, &str)> = told.iter().map(|t| (t.run_trigger.as_str(), t.actor.as_str())).collect();
        assert_eq!(told, pulled.map(|(t, n)| (t.name(), n)), "{}", w.name);
    }
}
