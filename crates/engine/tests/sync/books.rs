use std::collections::BTreeSet;

use rialto_core::consent::Cause;
use rialto_store::consent::{self, Grounds};

use crate::support::{first, worlds};

#[tokio::test]
async fn a_sync_brings_exactly_what_the_remote_holds_and_its_numbers_add_up() {
    for w in worlds(900).await {
        let run = w.sync("NEWSLETTER").await;
        assert_eq!(run.state, "succeeded", "{}: {}", w.name, run.reason);
        let truth = w.sandbox.sandbox.list_members("NEWSLETTER");
        assert_eq!(w.members("NEWSLETTER").await, w.remote("NEWSLETTER"));
        assert_eq!(w.flagged().await, w.remote_no("NEWSLETTER"));
        let c = run.counts();
        assert_eq!(
            (c.read, c.added, c.created, c.members_after),
            (truth.len() as i64, truth.len() as i64, truth.len() as i64, truth.len() as i64)
        );

        // The waterfall, counted anew from the sandbox's own people.
        let fall = w.waterfall("NEWSLETTER").await;
        let written = |p: &rialto_sandbox::Person| p.email.as_deref().map(|e| e.trim().to_lowercase()).unwrap_or_default();
        let no_address = truth.iter().filter(|p| written(p).is_empty()).count() as i64;
        let mailable: BTreeSet<String> = truth
            .iter()
            .filter(|p| {
                p.allow_email
                    && p.allow_solicitation
                    && rialto_core::Address::read(p.email.as_deref()).state == rialto_core::AddressState::Usable
            })
            .map(written)
            .collect();
        assert_eq!((fall.no_address, fall.mailable), (no_address, mailable.len() as i64), "{}", w.name);
        assert!(fall.malformed > 0 && fall.remote_flag > 0 && fall.same_address > 0, "{fall:?}");
    }
}

#[tokio::test]
async fn a_second_sync_over_unchanged_data_writes_nothing() {
    for w in worlds(500).await {
        w.sync("NEWSLETTER").await;
        let before = w.everything().await;
        let run = w.sync("NEWSLETTER").await;
        assert_eq!(run.state, "succeeded");
        assert_eq!(run.counts().unchanged, run.counts().read);
        assert_eq!(w.everything().await, before, "{}", w.name);
    }
}

#[tokio::test]
async fn changes_of_the_remote_arrive_a_no_at_once_and_a_yes_only_for_the_remotes_own_no() {
    for w in worlds(500).await {
        let sandbox = &w.sandbox.sandbox;
        w.sync("NEWSLETTER").await;
        let people = w.remote("NEWSLETTER");
        let no = w.remote_no("NEWSLETTER");
        let yes: BTreeSet<String> = people.difference(&no).cloned().collect();
        let (hushed, freed) = (&first(&yes, 3), &first(&no, 2));
        for (master, sub) in hushed {
            sandbox.set_allow_solicitation(master, *sub, false);
        }
        for (master, sub) in freed {
            sandbox.set_allow_email(master, *sub, true);
        }
        let moved = yes.iter().nth(10).unwrap();
        let (master, sub) = rialto_sandbox::Sandbox::split_remote_id(moved).unwrap();
        sandbox.set_email(&master, sub, Some("moved@elsewhere.example"));
        // Somebody the remote frees has said no here as well: that stays.
        let own = format!("{}-{}", freed[0].0, freed[0].1);
        let (id,): (i64,) =
            w.db.read().one("SELECT id FROM subscriber WHERE remote_id = $1", rialto_store::args![own.as_str()]).await.unwrap();
        let mut tx = w.db.write().await.unwrap();
        let grounds = Grounds { source: "test", reason: "asked", evidence: "" };
        consent::open(&mut tx, &rialto_testkit::vault(), id, Cause::OwnUnsubscribe, &grounds, &rialto_testkit::actor()).await.unwrap();
        tx.commit().await.unwrap();

        let run = w.sync("NEWSLETTER").await;
        let c = run.counts();
        assert_eq!((run.state.as_str(), c.updated, c.suppressed, c.lifted), ("succeeded", 6, 3, 2), "{}: {}", w.name, run.reason);
        assert_eq!(w.flagged().await, w.remote_no("NEWSLETTER"));
        assert_eq!(consent::open_causes(w.db.read(), id).await.unwrap(), [Cause::OwnUnsubscribe]);
        let (address,): (String,) =
            w.db.read().one("SELECT address FROM subscriber WHERE remote_id = $1", rialto_store::args![moved.as_str()]).await.unwrap();
        assert_eq!(address, "moved@elsewhere.example");
    }
}

#[tokio::test]
async fn two_groups_share_people_and_each_keeps_its_own_members() {
    for w in worlds(400).await {
        w.sync("NEWSLETTER").await;
        let run = w.sync("ALL_MEMBERS").await;
        let c = run.counts();
        assert_eq!(c.added, c.read, "all join this group, known or not");
        assert_eq!(c.created, c.read - w.remote("NEWSLETTER").len() as i64, "{}", w.name);
        assert_eq!(w.members("ALL_MEMBERS").await, w.remote("ALL_MEMBERS"));
        assert_eq!(w.members("NEWSLETTER").await, w.remote("NEWSLETTER"));
    }
}

/// An unchanged sync keeps the last count, but never one that something else has overtaken.
#[tokio::test]
async fn the_waterfall_follows_what_happens_between_two_unchanged_syncs() {
    for w in worlds(400).await {
        w.sync("NEWSLETTER").await;
        let first = w.waterfall("NEWSLETTER").await;
        w.sync("NEWSLETTER").await;
        assert_eq!(w.waterfall("NEWSLETTER").await, first, "{}", w.name);

        let no = w.remote_no("NEWSLETTER");
        let someone =
            w.sandbox.sandbox.list_members("NEWSLETTER").into_iter().find(|p| {
                !no.contains(&p.remote_id()) && p.email.as_deref().is_some_and(|e| e.starts_with(|c: char| c.is_ascii_lowercase()))
            });
        let id = someone.unwrap().remote_id();
        let (row,): (i64,) =
            w.db.read().one("SELECT id FROM subscriber WHERE remote_id = $1", rialto_store::args![id.as_str()]).await.unwrap();
        let mut tx = w.db.write().await.unwrap();
        let grounds = Grounds { source: "test", reason: "asked", evidence: "" };
        consent::open(&mut tx, &rialto_testkit::vault(), row, Cause::OwnUnsubscribe, &grounds, &rialto_testkit::actor()).await.unwrap();
        tx.commit().await.unwrap();
        w.sync("NEWSLETTER").await;
        assert_eq!(w.waterfall("NEWSLETTER").await.unsubscribed_here, 1, "{}", w.name);

        // The sync of another group brings a new address of one of its people.
        let (master, sub) = rialto_sandbox::Sandbox::split_remote_id(&id).unwrap();
        w.sandbox.sandbox.set_email(&master, sub, None);
        w.sync("ALL_MEMBERS").await;
        let before = w.group("NEWSLETTER").await.waterfall().unwrap().no_address;
        w.sync("NEWSLETTER").await;
        assert_eq!(w.waterfall("NEWSLETTER").await.no_address, before + 1, "{}", w.name);
    }
}
