//! What events make of rows.

use rialto_core::audience::FieldType;
use rialto_core::data_sync::Mode;
use rialto_store::audiences::{New, Page};
use rialto_store::{StoreError, audiences, data_syncs, streams};
use rialto_testkit::actor;
use serde_json::json;

use crate::world::{NORTH, PAIRS, delete, field, upsert, worlds};

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
        world.person("p6@home.example").await;
        assert_eq!(audiences::count(world.db.read(), &audience).await.unwrap(), (2, 1), "{}", world.name);
        assert_eq!(audiences::count_of(world.db.read(), &audience, 1).await.unwrap().0, 1, "counted no further than asked for");
        let fields = audiences::fields(world.db.read(), audience.id).await.unwrap();
        let shown: Vec<&audiences::Field> = fields.iter().collect();
        for (search, keys) in [("", vec!["LOY-1", "LOY-2"]), (" P6@Home.example ", vec!["LOY-2"]), ("LOY-1", vec!["LOY-1"]), ("%", vec![])]
        {
            let page = audiences::Page { after: "", search, limit: 10 };
            let rows = audiences::page(world.db.read(), audience.id, &shown, page).await.unwrap();
            assert_eq!(rows.iter().map(|r| r.key.as_str()).collect::<Vec<_>>(), keys, "{}: {search}", world.name);
            let met = audiences::met(world.db.read(), &audience, &rows).await.unwrap();
            let whom: Vec<_> = rows.iter().filter_map(|r| met.get(r.link.as_deref()?)).map(|m| m.address.as_str()).collect();
            assert_eq!(whom, if keys.contains(&"LOY-2") { vec!["p6@home.example"] } else { vec![] }, "{}: {search}", world.name);
        }
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
async fn a_field_that_is_matched_later_is_filled_from_what_is_kept() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS[..2]).await;
        world.switch(up, true).await.unwrap();
        let mut long = upsert("LOY-3", 1, 3);
        long["data"]["attributes"]["tier"] = serde_json::json!("Platinum Plus");
        world.send(&[upsert("LOY-1", 1, 1), upsert("LOY-1", 2, 2), upsert("LOY-2", 7, 7), long]).await;
        world.apply().await;
        // An older state that came late is older also the second time.
        world.send(&[upsert("LOY-2", 6, 6)]).await;
        world.apply().await;
        world.switch(up, false).await.unwrap();
        let pairs: Vec<(String, i64)> = PAIRS[..3].iter().map(|(from, to)| ((*from).to_owned(), *to)).collect();
        let mut tx = world.db.write().await.unwrap();
        data_syncs::update(&mut tx, up, &world.entered("Up", world.extension, Mode::Upsert, &pairs), true, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        world.switch(up, true).await.unwrap();
        world.apply().await;
        let points: Vec<_> = world.rows(world.extension).await.into_iter().map(|r| (r[0].clone(), r[2].clone())).collect();
        let of = |key: &str, points: &str| (key.to_owned(), points.to_owned());
        assert_eq!(points, [of("LOY-1", "2"), of("LOY-2", "7"), of("LOY-3", "3")], "{}", world.name);
        let (_, open) = rialto_store::streams::of_sync(world.db.read(), up, i64::MAX, 10).await.unwrap();
        assert_eq!(open, 1, "{}: what is rejected again stands there once", world.name);
        let books = data_syncs::history(world.db.read(), up, i64::MAX, 10).await.unwrap();
        assert_eq!(books.iter().map(|m| m.read).sum::<i64>(), 10, "{}: read twice, and in the books twice", world.name);
        // From then on what is there already is a duplicate again.
        world.send(&[upsert("LOY-1", 2, 2)]).await;
        world.apply().await;
        let books = data_syncs::history(world.db.read(), up, i64::MAX, 10).await.unwrap();
        assert_eq!(books.iter().map(|m| m.duplicates).sum::<i64>(), 1, "{}", world.name);
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
    }
}

#[tokio::test]
async fn a_cleared_address_meets_nobody_any_more() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.list, Mode::Upsert, &PAIRS).await;
        let down = world.data_sync("Down", world.list, Mode::Delete, &PAIRS[..4]).await;
        world.switch(up, true).await.unwrap();
        world.switch(down, true).await.unwrap();
        world.send(&[upsert("LOY-1", 1, 5)]).await;
        world.apply().await;
        world.person("p5@home.example").await;
        let audience = world.audience(world.list).await;
        assert_eq!(audiences::count(world.db.read(), &audience).await.unwrap(), (1, 1), "{}", world.name);
        world.send(&[delete("LOY-1", 2)]).await;
        world.apply().await;
        assert_eq!(audiences::count(world.db.read(), &audience).await.unwrap(), (1, 0), "{}", world.name);
    }
}

#[tokio::test]
async fn keys_may_be_numbers() {
    for kind in [FieldType::Integer, FieldType::Long] {
        for world in worlds().await {
            let fields = [field("Number", kind, None), field("Tier", FieldType::Text, Some(10))];
            let new = New {
                name: "N",
                api_name: kind.name(),
                folder: "",
                description: "",
                extends: Some((world.list, kind.name())),
                fields: &fields,
            };
            let mut tx = world.db.write().await.unwrap();
            let id = audiences::create(&mut tx, &new, &actor()).await.unwrap();
            tx.commit().await.unwrap();
            let up = world.data_sync("Up", id, Mode::Upsert, &PAIRS[..2]).await;
            let down = world.data_sync("Down", id, Mode::Delete, &PAIRS[..1]).await;
            world.switch(up, true).await.unwrap();
            world.switch(down, true).await.unwrap();
            world.send(&[upsert("9", 1, 1), upsert("10", 1, 1), upsert("007", 1, 1), upsert("x", 1, 1), upsert("9", 2, 2)]).await;
            world.apply().await;
            let rows = world.rows(id).await;
            assert_eq!(rows, [["9", "T2"], ["10", "T1"]], "{}: sorted as numbers", world.name);
            let (_, open) = streams::of_sync(world.db.read(), up, i64::MAX, 10).await.unwrap();
            assert_eq!(open, 2, "{}: what is no number, or not spelled as one", world.name);
            let all = audiences::fields(world.db.read(), id).await.unwrap();
            let shown: Vec<_> = all.iter().collect();
            let page = Page { after: "9", search: "", limit: 10 };
            assert_eq!(audiences::page(world.db.read(), id, &shown, page).await.unwrap()[0].key, "10", "{}", world.name);
            let nine = audiences::values(world.db.read(), id, &shown, &["9".to_owned()]).await.unwrap();
            assert_eq!(nine[0].values[1].as_deref(), Some("T2"), "{}", world.name);
            world.send(&[delete("9", 2), delete("9", 3), upsert("9", 2, 7)]).await;
            world.apply().await;
            assert_eq!(world.rows(id).await, [["10", "T1"]], "{}", world.name);
        }
    }
}

#[tokio::test]
async fn what_was_changed_meanwhile_is_not_applied_as_it_was() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
        let before = world.get(up).await;
        let pairs: Vec<(String, i64)> = PAIRS[..2].iter().map(|(from, to)| ((*from).to_owned(), *to)).collect();
        let mut tx = world.db.write().await.unwrap();
        data_syncs::update(&mut tx, up, &world.entered("Up", world.extension, Mode::Upsert, &pairs), true, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        world.switch(up, true).await.unwrap();
        let mut tx = world.db.write().await.unwrap();
        let at = actor().at;
        assert!(!data_syncs::advance(&mut tx, &before, 1, at).await.unwrap(), "{}: it stands there, but is another one", world.name);
        assert!(!data_syncs::hold(&mut tx, &before).await.unwrap(), "{}", world.name);
        assert!(data_syncs::advance(&mut tx, &world.get(up).await, 1, at).await.unwrap(), "{}", world.name);
    }
}

#[tokio::test]
async fn a_list_whose_data_syncs_are_gone_can_be_deleted() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
        world.switch(up, true).await.unwrap();
        let mut odd = upsert("LOY-1", 1, 5);
        odd["data"]["attributes"]["tier"] = json!("far too long a tier");
        world.send(&[odd]).await;
        world.apply().await;
        world.switch(up, false).await.unwrap();
        let mut tx = world.db.write().await.unwrap();
        let used = audiences::remove(&mut tx, world.extension, &actor()).await.unwrap_err().to_string();
        assert!(used.starts_with("Up uses it"), "{used}");
        drop(tx);
        let mut tx = world.db.write().await.unwrap();
        data_syncs::remove(&mut tx, up, &actor()).await.unwrap();
        audiences::remove(&mut tx, world.extension, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(audiences::get(world.db.read(), world.extension).await.unwrap().is_none(), "{}", world.name);
    }
}

#[tokio::test]
async fn however_far_behind_it_reads_in_bounded_pieces() {
    for world in worlds().await {
        // Three rows of 5 MB: two would be more than a piece may hold.
        for sequence in 1..4 {
            let mut large = upsert("LOY-1", sequence, 5);
            large["data"]["attributes"]["unused"] = json!("x".repeat(5 << 20));
            world.send(&[large]).await;
        }
        for position in 0..3 {
            let rows = streams::chunk(world.db.read(), world.stream, position, 5_000).await.unwrap();
            assert_eq!((rows.len(), rows[0].position), (1, position), "{}", world.name);
        }
        for n in 0..4 {
            world.send(&[upsert("LOY-2", n + 1, 5), upsert("LOY-3", n + 1, 5)]).await;
        }
        let rows = streams::chunk(world.db.read(), world.stream, 6, 5).await.unwrap();
        assert_eq!(
            rows.iter().map(|r| r.position).collect::<Vec<_>>(),
            [5, 7],
            "{}: the row in which it stands, and as many as fit",
            world.name
        );
    }
}

#[tokio::test]
async fn one_connection_that_cannot_be_read_does_not_stop_the_others() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
        world.switch(up, true).await.unwrap();
        let mut tx = world.db.write().await.unwrap();
        let entered = streams::Entered { name: "Second".into(), enabled: true, sources: vec![NORTH.into()] };
        let second = streams::create(&mut tx, "http", &entered, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        let source_id = streams::sources(world.db.read(), second).await.unwrap()[0].id;
        let pairs: Vec<(String, i64)> = PAIRS[..2].iter().map(|(from, to)| ((*from).to_owned(), *to)).collect();
        let mut tx = world.db.write().await.unwrap();
        let entered = data_syncs::Entered { source_id, ..world.entered("Other", world.extension, Mode::Upsert, &pairs) };
        let other = data_syncs::create(&mut tx, &entered, &actor()).await.unwrap();
        let body = json!([upsert("LOY-7", 1, 7)]).to_string();
        streams::append(&mut tx, second, 1, &body, actor().at).await.unwrap();
        tx.commit().await.unwrap();
        world.switch(other, true).await.unwrap();
        world.send(&[json!({"nothing": "that Rialto would take"})]).await;
        world.apply().await;
        assert_eq!(world.rows(world.extension).await[0][1], "T7", "{}: the other goes on", world.name);
        let stream = streams::get(world.db.read(), world.stream).await.unwrap().unwrap();
        assert!(stream.trouble.starts_with("Rialto could not read its log."), "{}: {}", world.name, stream.trouble);
        assert_eq!(world.get(up).await.position, 0, "{}: it stands before it", world.name);
    }
}

#[tokio::test]
async fn whoever_writes_to_a_destination_waits_for_the_one_before() {
    for world in worlds().await {
        let up = world.data_sync("Up", world.extension, Mode::Upsert, &PAIRS).await;
        world.switch(up, true).await.unwrap();
        world.send(&[upsert("LOY-1", 1, 5)]).await;
        let mut before = world.db.write().await.unwrap();
        audiences::lock(&mut before, world.extension).await.unwrap();
        let mut applying = std::pin::pin!(world.engine.apply_events());
        let early = tokio::time::timeout(std::time::Duration::from_millis(500), &mut applying).await;
        assert!(early.is_err(), "{}: an upsert and a delete judge by each other's versions", world.name);
        before.commit().await.unwrap();
        applying.await.unwrap();
        assert_eq!(world.rows(world.extension).await.len(), 1, "{}", world.name);
    }
}
