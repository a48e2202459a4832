//! Uploads of unsubscribers: known addresses are silenced, unknown ones come as silent; the plan writes nothing.

use rialto_core::consent::Cause;
use rialto_core::upload::UploadMode;
use rialto_store::uploads::For;
use rialto_store::{args, consent};

use crate::world::worlds;

const WHOM: For<'static> = For::Silence("Letter of the chamber, 5 January");

#[tokio::test]
async fn known_and_unknown_addresses_are_silent_afterwards() {
    for w in worlds(20, 1).await {
        let file = b"P0@home.example\np1@home.example\nnew@home.example\nnew@home.example\nnonsense\n";
        let upload = w.bring(WHOM, UploadMode::Add, file).await;
        let plan = w.planned(&upload).await;
        let c = plan.counts();
        assert_eq!((c.read, c.suppressed, c.created, c.duplicate, c.rejected), (5, 3, 2, 1, 1), "{}: {}", w.name, plan.reason);
        assert_eq!(w.number("SELECT COUNT(*) FROM suppression").await, 0, "{}", w.name);

        let run = w.apply(&upload).await;
        let c = run.counts();
        assert_eq!((run.state.as_str(), c.suppressed, c.created, c.updated), ("succeeded", 3, 2, 3), "{}: {}", w.name, run.reason);
        // 2 and 3 share an address, so the household is silent and listed, and nobody of it is told.
        for id in [1, 2, 3] {
            assert!(consent::open_causes(w.db.read(), id).await.unwrap().contains(&Cause::Upload), "{}: {id}", w.name);
        }
        let told: Vec<(i64, String)> = w.db.read().all("SELECT subscriber_id, kind FROM writeback ORDER BY id", args![]).await.unwrap();
        assert_eq!(told, [(1, "unsubscribe".to_owned())], "{}", w.name);
        assert_eq!(w.number("SELECT COUNT(*) FROM household").await, 1, "{}", w.name);
        assert_eq!(w.number("SELECT COUNT(*) FROM subscriber WHERE bridge_id = 0").await, 2, "{}", w.name);
        let kept: Vec<(String, String)> =
            w.db.read().all("SELECT DISTINCT source, evidence FROM consent_ledger WHERE cause = 'upload'", args![]).await.unwrap();
        assert_eq!(kept, [("upload".to_owned(), "Letter of the chamber, 5 January".to_owned())], "{}", w.name);

        let again = w.upload(WHOM, UploadMode::Add, file).await.0.counts();
        assert_eq!((again.unchanged, again.suppressed, again.created), (3, 0, 0), "{}", w.name);
        assert_eq!(w.number("SELECT COUNT(*) FROM writeback").await, 1, "{}", w.name);
    }
}

/// More than a slice, and the group counts of those whom it silences follow.
#[tokio::test]
async fn a_long_list_goes_in_slices() {
    for w in worlds(20, 1).await {
        let lines: String = (0..1_300).map(|n| format!("s{n}@far.example\n")).collect();
        let (run, _) = w.upload(WHOM, UploadMode::Add, lines.as_bytes()).await;
        assert_eq!((run.counts().suppressed, run.counts().created), (1_300, 1_300), "{}: {}", w.name, run.reason);
        assert_eq!(w.number("SELECT COUNT(*) FROM suppression").await, 1_300, "{}", w.name);
        assert_eq!(w.number("SELECT COUNT(*) FROM consent_ledger").await, 1_300, "{}", w.name);
    }
}
