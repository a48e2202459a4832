//! What cannot be taken is kept with its reason, and taken after a fix.

use rialto_core::audience::FieldType;
use rialto_core::data_sync::Mode;
use rialto_engine::streams::{Replayed, replay};
use rialto_store::data_syncs::{self, Which};
use rialto_store::{audiences, streams};
use rialto_testkit::actor;
use serde_json::json;

use crate::world::{PAIRS, field, upsert, worlds};

#[tokio::test]
async fn a_value_that_does_not_fit_is_kept_and_replayed_after_the_field_became_longer() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
        world.switch(up, true).await.unwrap();
        let mut long = upsert("LOY-1", 1, 5);
        long["data"]["attributes"]["tier"] = json!("Platinum Plus");
        let mut odd = upsert("LOY-2", 1, 5);
        odd["data"]["metrics"]["points"] = json!("many");
        world.send(&[long, odd, upsert("LOY-3-with-a-name-beyond-the-key", 1, 5), upsert("LOY-4", 1, 5)]).await;
        world.apply().await;
        let rows = world.rows(world.extension).await;
        let short: Vec<_> = rows.iter().map(|r| (r[0].as_str(), r[1].as_str(), r[2].as_str())).collect();
        assert_eq!(short, [("LOY-1", "-", "5"), ("LOY-2", "T5", "-"), ("LOY-4", "T5", "5")], "{}", world.name);
        let (kept, open) = streams::of_sync(world.db.read(), up, i64::MAX, 10).await.unwrap();
        assert_eq!((open, kept[2].field.as_str(), kept[0].field.as_str()), (3, "Tier", ""), "{}", world.name);
        assert!(kept[1].reason.contains("metrics.points is not a whole number"), "{}", kept[1].reason);

        let mut tx = world.db.write().await.unwrap();
        audiences::rename(&mut tx, world.extension, 2, &field("Tier", FieldType::Text, Some(40)), &actor()).await.unwrap();
        tx.commit().await.unwrap();
        // A newer state of the other one has come meanwhile.
        world.send(&[upsert("LOY-2", 2, 8)]).await;
        world.apply().await;
        let said = replay(world.engine.parts(), &world.get(up).await).await.unwrap().unwrap();
        assert_eq!(said, Replayed { taken: 1, superseded: 1, rejected: 1 }, "{}", world.name);
        let rows = world.rows(world.extension).await;
        let short: Vec<_> = rows.iter().map(|r| (r[0].as_str(), r[1].as_str(), r[2].as_str())).collect();
        assert_eq!(short, [("LOY-1", "Platinum Plus", "5"), ("LOY-2", "T8", "8"), ("LOY-4", "T5", "5")], "{}", world.name);
        let (_, open) = streams::of_sync(world.db.read(), up, i64::MAX, 10).await.unwrap();
        assert_eq!(open, 1, "{}", world.name);
    }
}

#[tokio::test]
async fn only_those_that_were_chosen_are_taken_once_more() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
        world.switch(up, true).await.unwrap();
        let long = |subject: &str| {
            let mut event = upsert(subject, 1, 5);
            event["data"]["attributes"]["tier"] = json!("Platinum Plus");
            event
        };
        world.send(&[long("LOY-1"), long("LOY-2")]).await;
        world.apply().await;
        let (kept, _) = streams::of_sync(world.db.read(), up, i64::MAX, 10).await.unwrap();
        let mut tx = world.db.write().await.unwrap();
        audiences::rename(&mut tx, world.extension, 2, &field("Tier", FieldType::Text, Some(40)), &actor()).await.unwrap();
        data_syncs::ask_replay(&mut tx, up, Which::These(&[kept[0].id]), &actor()).await.unwrap();
        tx.commit().await.unwrap();
        world.apply().await;
        let rows = world.rows(world.extension).await;
        let short: Vec<_> = rows.iter().map(|r| (r[0].as_str(), r[1].as_str())).collect();
        let other = if kept[0].subject == "LOY-2" {
            [("LOY-1", "-"), ("LOY-2", "Platinum Plus")]
        } else {
            [("LOY-1", "Platinum Plus"), ("LOY-2", "-")]
        };
        assert_eq!(short, other, "{}", world.name);
        assert!(!world.get(up).await.replays(), "{}: it is done", world.name);
        let mut tx = world.db.write().await.unwrap();
        data_syncs::ask_replay(&mut tx, up, Which::All, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        world.apply().await;
        let (_, open) = streams::of_sync(world.db.read(), up, i64::MAX, 10).await.unwrap();
        assert_eq!((open, world.get(up).await.replays()), (0, false), "{}", world.name);
    }
}
