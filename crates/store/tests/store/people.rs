use rialto_core::consent::{Cause, Flag, Lifter};
use rialto_core::fields::Cell;
use rialto_core::person::{RemotePerson, map};
use rialto_store::consent::{self, Grounds};
use rialto_store::people;
use rialto_testkit::{actor, both, vault};

use crate::support::house;

type Stored = (String, String, i16, Option<String>, Option<i64>, Option<f64>, Option<bool>);

async fn stored(house: &crate::support::House, id: i64) -> Stored {
    let text = format!(
        "SELECT s.address, s.canonical, s.remote_flag_seen, p.f1, p.f2, p.f3, p.f5 FROM subscriber s JOIN profile_{} p ON p.subscriber_id = s.id WHERE s.id = $1",
        house.bridge
    );
    house.db.read().all_built::<Stored>(text, rialto_store::args![id]).await.unwrap().remove(0)
}

#[tokio::test]
async fn people_are_written_typed_updated_in_place_and_their_past_is_kept() {
    for test in both().await {
        let house = house(&test.db).await;
        let rows =
            vec![house.row("1-0", "Ann@Mail.example", Flag::Yes, "Ulm"), house.row("2-0", "bob@mail.example", Flag::Yes, "B\tern\\n\"'é")];
        let first = house.write(1, &rows, true).await;
        assert_eq!((first.created, first.suppressed), (2, 0), "{}", test.name);
        assert_eq!(
            stored(&house, first.ids[1]).await,
            ("bob@mail.example".into(), "bob@mail.example".into(), 1, Some("B\tern\\n\"'é".into()), Some(7), Some(12.5), Some(true))
        );

        let known = people::lookup(&test.db, house.bridge, &["1-0", "9-9"]).await.unwrap();
        assert!(!known.contains_key("9-9"));
        assert_eq!(known["1-0"].hash, rows[0].hash);

        let moved = house.row("1-0", "ann@new.example", Flag::Yes, "Köln");
        let second = house.write(2, &[moved], true).await;
        assert_eq!((second.created, &second.ids[..]), (0, &first.ids[..1]));
        assert_eq!(stored(&house, first.ids[0]).await.1, "ann@new.example");
        let before: Vec<(String,)> = test.db.read().all("SELECT before_values FROM person_change WHERE run_id = 2", vec![]).await.unwrap();
        let before: serde_json::Value = serde_json::from_str(&before[0].0).unwrap();
        assert_eq!(before["address"], "Ann@Mail.example");
        assert_eq!(before["profile"]["f1"], "Ulm");
    }
}

#[tokio::test]
async fn absent_leaves_and_null_clears() {
    for test in both().await {
        let house = house(&test.db).await;
        let first = house.write(1, &[house.row("1-0", "a@mail.example", Flag::Yes, "Ulm")], true).await;
        let row = RemotePerson {
            remote_id: Some("1-0".into()),
            address: Some("a@mail.example".into()),
            flag: Flag::Yes,
            cells: vec![Cell::Absent, Cell::Null, Cell::Text("not a number".into()), Cell::Absent, Cell::Text("N".into())],
        };
        house.write(2, &[map(row, &house.specs).unwrap()], true).await;
        let now = stored(&house, first.ids[0]).await;
        assert_eq!((now.3.as_deref(), now.4, now.5, now.6), (Some("Ulm"), None, Some(12.5), Some(false)), "{}", test.name);
    }
}

#[tokio::test]
async fn a_remote_no_opens_its_cause_once_with_a_ledger_entry() {
    for test in both().await {
        let house = house(&test.db).await;
        let written = house
            .write(1, &[house.row("1-0", "a@mail.example", Flag::No, "Ulm"), house.row("2-0", "b@mail.example", Flag::Yes, "Ulm")], true)
            .await;
        assert_eq!(written.suppressed, 1);
        assert_eq!(consent::open_causes(test.db.read(), written.ids[0]).await.unwrap(), [Cause::RemoteFlag]);
        assert!(consent::open_causes(test.db.read(), written.ids[1]).await.unwrap().is_empty());
        let ledger: Vec<(String, String, i64)> =
            test.db.read().all("SELECT act, cause, subscriber_id FROM consent_ledger", vec![]).await.unwrap();
        assert_eq!(ledger, [("open".into(), "remote_flag".into(), written.ids[0])], "{}", test.name);
    }
}

#[tokio::test]
async fn an_own_unsubscribe_binds_record_and_address_and_only_the_right_one_lifts_it() {
    for test in both().await {
        let house = house(&test.db).await;
        let ids = house
            .write(
                1,
                &[house.row("1-0", "home@mail.example", Flag::Yes, "Ulm"), house.row("2-0", "Home@mail.example", Flag::Yes, "Ulm")],
                true,
            )
            .await
            .ids;
        let grounds = Grounds { source: "test", reason: "asked", evidence: "letter 7" };
        let mut tx = test.db.write().await.unwrap();
        consent::open(&mut tx, &vault(), ids[0], Cause::OwnUnsubscribe, &grounds, &actor()).await.unwrap();
        consent::open(&mut tx, &vault(), ids[0], Cause::OwnUnsubscribe, &grounds, &actor()).await.unwrap();
        assert!(consent::open(&mut tx, &vault(), ids[0], Cause::RemoteFlag, &grounds, &actor()).await.is_err());
        tx.commit().await.unwrap();
        // The household shares the address, so the other record is silent too.
        for id in &ids {
            assert_eq!(consent::open_causes(test.db.read(), *id).await.unwrap(), [Cause::OwnUnsubscribe], "{}", test.name);
        }
        let mut tx = test.db.write().await.unwrap();
        assert!(consent::lift(&mut tx, &vault(), ids[0], Lifter::SameRemote, &grounds, &actor()).await.unwrap().is_empty());
        assert!(
            consent::lift(&mut tx, &vault(), ids[0], Lifter::Admin { with_evidence: false }, &grounds, &actor()).await.unwrap().is_empty()
        );
        assert_eq!(consent::lift(&mut tx, &vault(), ids[0], Lifter::Person, &grounds, &actor()).await.unwrap(), [Cause::OwnUnsubscribe]);
        tx.commit().await.unwrap();
        assert!(consent::open_causes(test.db.read(), ids[1]).await.unwrap().is_empty());
        let keys: Vec<(Option<String>,)> = test.db.read().all("SELECT address_key FROM consent_ledger ORDER BY id", vec![]).await.unwrap();
        assert_eq!(keys.len(), 2);
        assert!(keys.iter().all(|(k,)| k.as_deref().is_some_and(|k| k.len() == 64 && !k.contains('@'))));
    }
}

/// A bridge brings the address of somebody whom only an upload knew: the record stays the same one, and gets the Remote ID.
#[tokio::test]
async fn an_uploaded_record_is_taken_over_once() {
    for test in both().await {
        let house = house(&test.db).await;
        let run = "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen, hash)
            VALUES (900, 1, 1, 0, 'ann@x.example', 'Ann@x.example', 'ann@x.example', 0, 1, 5)";
        let mut tx = test.db.write().await.unwrap();
        tx.run(run, rialto_store::args![]).await.unwrap();
        tx.commit().await.unwrap();
        let row = house.row("7-0", "ANN@x.example", Flag::Yes, "Ulm");
        let known = people::adoptable(&test.db, &["ann@x.example"]).await.unwrap().remove("ann@x.example");
        assert_eq!(known.map(|k| k.id), Some(900), "{}", test.name);
        let slice =
            people::Slice { bridge_id: house.bridge, run_id: 4, worker: None, source: "Members", fields: &house.specs, now: actor().at };
        let dirty = [people::Dirty { row: &row, known, suppress: false, adopt: true }];
        let written = people::write_slice(&test.db, slice, &dirty, &mut Default::default()).await.unwrap();
        assert_eq!((written.ids, written.created), (vec![900], 0), "{}", test.name);
        let kept: (i64, String, String) =
            test.db.read().one("SELECT bridge_id, remote_id, address FROM subscriber WHERE id = 900", rialto_store::args![]).await.unwrap();
        assert_eq!(kept, (house.bridge, "7-0".to_owned(), "ANN@x.example".to_owned()), "{}", test.name);
        let (before,): (String,) =
            test.db.read().one("SELECT before_values FROM person_change WHERE subscriber_id = 900", rialto_store::args![]).await.unwrap();
        assert!(before.contains("adopted") && before.contains("Ann@x.example"), "{}: {before}", test.name);
        // Another run that had looked before is told to look again.
        let late = people::write_slice(&test.db, people::Slice { run_id: 5, ..slice }, &dirty, &mut Default::default()).await;
        assert!(matches!(late, Err(rialto_store::StoreError::Conflict(_))), "{}: {late:?}", test.name);
    }
}
