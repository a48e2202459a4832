//! The night's clean-up (ID-05) is off unless it is switched on, and touches only records that no bridge knows.

use rialto_core::consent::Cause;
use rialto_core::upload::UploadMode;
use rialto_store::uploads::{self, CLEAN_SETTING};
use rialto_store::{args, consent, settings};

use crate::brought::LIST;
use crate::world::worlds;

#[tokio::test]
async fn doubles_are_silenced_only_where_somebody_wants_it() {
    for w in worlds(20, 1).await {
        // 2 and 3 share p1, so it stands alone; the other address nobody has.
        let (run, _) = w.upload(LIST, UploadMode::Add, b"E-mail\np1@home.example\nnew@home.example\n").await;
        let silent = || async {
            let text = "SELECT s.canonical FROM suppression x JOIN subscriber s ON s.id = x.subscriber_id ORDER BY x.id";
            w.db.read().all::<(String,)>(text, args![]).await.unwrap().into_iter().map(|(c,)| c).collect::<Vec<_>>()
        };
        let day = 86_400 * 1_000_000;
        w.later(2 * day).await;
        assert!(silent().await.is_empty(), "{}: off", w.name);
        let mut tx = w.db.write().await.unwrap();
        settings::set(&mut tx, CLEAN_SETTING, Some("1"), &w.who()).await.unwrap();
        tx.commit().await.unwrap();
        w.later(day / 48).await;
        assert!(silent().await.is_empty(), "{}: not before the next night", w.name);
        w.later(day).await;
        assert_eq!(silent().await, ["p1@home.example"], "{}", w.name);
        for id in [2, 3] {
            assert!(
                !consent::open_causes(w.db.read(), id).await.unwrap().contains(&Cause::Admin),
                "{}: a bridge's record is untouched",
                w.name
            );
        }
        w.later(day).await;
        assert_eq!(silent().await.len(), 1, "{}: once", w.name);
        assert_eq!(uploads::silence_doubles(&w.db, &w.who()).await.unwrap(), 0, "{}", w.name);
        let shown = w.group(run.group_id.unwrap()).await.waterfall().unwrap();
        assert_eq!((shown.admin_or_upload, shown.mailable), (1, 1), "{}: {shown:?}", w.name);
    }
}
