//! What events make of rows.

use rialto_core::data_sync::Mode;
use rialto_store::{StoreError, args, audiences, data_syncs, streams};
use rialto_testkit::actor;
use serde_json::json;

use crate::world::{NORTH, PAIRS, delete, upsert, worlds};

#[tokio::test]
async fn an_upsert_fills_every_type_and_a_delete_takes_the_row_of_an_extension() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
        let down = world.data_sync("Down", world.extension, Mode::Delete, &PAIRS[..1]).await;
        world.switch(up, true).await.unwrap();
        world.switch(down, true).await.unwrap();
        world.send(&[upsert("LOY-1", 1, 5), upsert("LOY-2", 1, 6)]).await;
        world.apply().await;
        let rows = world.rows(world.extension).await;
        let one = ["LOY-1", "T5", "5", "P5@home.example", "2020-02-03", "2026-01-02 03:04:05", "1.25", "false", "42949672960"];
        assert_eq!((rows.len(), &rows[0][..]), (2, &one.map(str::to_owned)[..]), "{}", world.name);
        world.send(&[delete("LOY-1", 2), upsert("LOY-1", 1, 9)]).await;
        world.apply().await;
        assert_eq!(world.rows(world.extension).await.len(), 1, "{}: a late one of before does not bring it back", world.name);
        world.send(&[upsert("LOY-1", 3, 7)]).await;
        world.apply().await;
        assert_eq!(world.rows(world.extension).await[0][1], "T7", "{}", world.name);
        let history = data_syncs::history(world.db.read(), up, i64::MAX, 10).await.unwrap();
        let m = history[0];
        assert_eq!((m.read, m.applied, m.older + m.duplicates, m.other, m.rejected), (5, 3, 1, 1, 0), "{}", world.name);
        assert_eq!(world.get(up).await.position, 5);
    }
}

#[tokio::test]
async fn on_a_list_a_delete_clears_the_matched_fields_and_keeps_the_contact() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.list, Mode::Upsert, &PAIRS).await;
        let down = world.data_sync("Down", world.list, Mode::Delete, &PAIRS[..3]).await;
        world.switch(up, true).await.unwrap();
        world.switch(down, true).await.unwrap();
        world.send(&[upsert("LOY-1", 1, 5), delete("LOY-1", 2)]).await;
        world.apply().await;
        let rows = world.rows(world.list).await;
        assert_eq!((rows.len(), &rows[0][..4]), (1, &["LOY-1", "-", "-", "P5@home.example"].map(str::to_owned)[..]), "{}", world.name);
    }
}

#[tokio::test]
async fn rows_meet_subscribers_whenever_they_appear() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
        world.switch(up, true).await.unwrap();
        world.send(&[upsert("LOY-1", 1, 5), upsert("LOY-2", 1, 6)]).await;
        world.apply().await;
        let audience = world.audience(world.extension).await;
        assert_eq!(audiences::count(world.db.read(), &audience).await.unwrap(), (2, 0), "{}", world.name);
        let mut tx = world.db.write().await.unwrap();
        tx.run(
            "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen, hash)
            VALUES (1, 1, 1, 1, 'R', 'p6@HOME.example', 'p6@home.example', 0, 1, 1)",
            args![],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(audiences::count(world.db.read(), &audience).await.unwrap(), (2, 1), "{}", world.name);
    }
}

#[tokio::test]
async fn it_is_changed_only_while_disabled_and_catches_up() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
        world.send(&[upsert("LOY-1", 1, 5)]).await;
        world.apply().await;
        assert_eq!(world.rows(world.extension).await.len(), 0, "{}: disabled", world.name);
        world.switch(up, true).await.unwrap();
        world.apply().await;
        assert_eq!(world.rows(world.extension).await.len(), 1, "{}: it catches up", world.name);
        let pairs: Vec<(String, i64)> = PAIRS.iter().map(|(from, to)| ((*from).to_owned(), *to)).collect();
        let change = async |audience, reviewed| {
            let mut tx = world.db.write().await.unwrap();
            let entered = world.entered("Up", audience, Mode::Upsert, &pairs);
            data_syncs::update(&mut tx, up, &entered, reviewed, &actor()).await?;
            tx.commit().await
        };
        assert!(matches!(change(world.extension, true).await, Err(StoreError::Conflict(_))), "{}: enabled", world.name);
        world.switch(up, false).await.unwrap();
        change(world.list, false).await.unwrap();
        let refused = world.switch(up, true).await.unwrap_err().to_string();
        assert!(refused.contains("Review the field matching"), "{}: {refused}", world.name);
        change(world.list, true).await.unwrap();
        world.switch(up, true).await.unwrap();
        world.apply().await;
        assert_eq!(world.rows(world.list).await.len(), 1, "{}: from the beginning, for another destination", world.name);
        assert_eq!(world.rows(world.extension).await.len(), 1, "{}: what was written stays", world.name);
        let mut tx = world.db.write().await.unwrap();
        let used = audiences::remove(&mut tx, world.list, &actor()).await.unwrap_err().to_string();
        assert!(used.contains("extensions"), "{used}");
    }
}

#[tokio::test]
async fn only_the_events_of_its_business_unit_are_applied_and_others_do_not_hold_it_up() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
        world.switch(up, true).await.unwrap();
        let mut south = upsert("LOY-9", 1, 5);
        south["source"] = json!("/loyalty/south");
        world.send(&[south.clone()]).await;
        world.apply().await;
        assert_eq!((world.get(up).await.position, world.rows(world.extension).await.len()), (1, 0), "{}", world.name);
        world.send(&[south, upsert("LOY-1", 1, 1)]).await;
        world.apply().await;
        assert_eq!((world.get(up).await.position, world.rows(world.extension).await.len()), (3, 1), "{}", world.name);
        let seen = streams::seen_of_source(world.db.read(), world.north.id).await.unwrap();
        let tier = seen.iter().find(|f| f.name == "attributes.tier").unwrap();
        assert_eq!((tier.seen().words().as_str(), tier.sample.as_str()), ("text", "T1"), "{}", world.name);
    }
}

#[tokio::test]
async fn what_is_too_old_is_thrown_away_with_an_alarm_for_whoever_had_not_read_it() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
        world.send(&[upsert("LOY-1", 1, 5), upsert("LOY-2", 1, 5)]).await;
        world.later(31 * 86_400);
        world.send(&[upsert("LOY-3", 1, 5)]).await;
        world.apply().await;
        let alarms = streams::alarms(world.db.read(), world.stream).await.unwrap();
        assert_eq!((alarms.len(), alarms[0].kind.as_str()), (1, "retention"), "{}", world.name);
        assert!(alarms[0].detail.starts_with("2 events are older than 30 days"), "{}", alarms[0].detail);
        world.switch(up, true).await.unwrap();
        world.apply().await;
        assert_eq!((world.rows(world.extension).await.len(), world.get(up).await.position), (1, 3), "{}", world.name);
        assert_eq!(NORTH, world.get(up).await.source);
    }
}
