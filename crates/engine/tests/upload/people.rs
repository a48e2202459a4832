//! Rows meet records: joined, new, several; nothing of a bridge is overwritten; the same file again changes nothing.

use rialto_core::upload::{Mapping, UploadMode, Use};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::args;
use rialto_store::uploads::For;

use crate::brought::LIST;
use crate::world::{World, worlds};

/// Of 20 people, 1 alone bears `p0@…`, 2 and 3 share `p1@…`, 7 and 14 have no address; a field City is the bridge's own.
async fn filled() -> Vec<World> {
    let all = worlds(20, 1).await;
    for w in &all {
        let mut tx = w.db.write().await.unwrap();
        let text = "INSERT INTO bridge_field (bridge_id, number, position, name, label, kind) VALUES ($1, 1, 1, 'CITY', 'City', 'text')";
        tx.run(text, args![w.bridge]).await.unwrap();
        tx.commit().await.unwrap();
    }
    all
}

const FILE: &str = "E-mail,City,Shirt\nP0@home.example,Graz,M\np1@home.example,Linz,L\nnew@home.example,Wels,S\nnew@HOME.example,Enns,S\n\
    nobody\n,Steyr,M\n";

#[tokio::test]
async fn rows_join_the_one_record_or_stand_alone() {
    for w in filled().await {
        let upload = w.bring(LIST, UploadMode::Add, FILE.as_bytes()).await;
        let plan = w.planned(&upload).await;
        let c = plan.counts();
        assert_eq!(plan.state, "succeeded", "{}: {}", w.name, plan.reason);
        assert_eq!((c.read, c.added, c.created, c.duplicate, c.rejected), (6, 3, 2, 1, 2), "{}", w.name);
        assert_eq!(w.number("SELECT COUNT(*) FROM subscriber").await, 20, "a plan writes nobody");
        assert_eq!(w.number("SELECT COUNT(*) FROM target_group WHERE kind = 'upload'").await, 0, "and makes no group");

        let run = w.apply(&upload).await;
        assert_eq!((run.state.as_str(), run.counts().added, run.counts().created), ("succeeded", 3, 2), "{}: {}", w.name, run.reason);
        let group = run.group_id.unwrap();
        let members = w.members(group).await;
        assert!(members.contains(&1) && !members.contains(&2) && !members.contains(&3) && members.len() == 3, "{}: {members:?}", w.name);
        assert_eq!(
            w.notes(run.id, "several").await,
            ["Line 3: several people have this address, so none of them was joined."],
            "{}",
            w.name
        );
        assert_eq!(
            w.notes(run.id, "rejected").await,
            ["Line 6: nobody is no e-mail address.", "Line 7: It has no e-mail address."],
            "{}",
            w.name
        );
        let shown = w.group(group).await.waterfall().expect("a waterfall");
        assert!(shown.balances() && shown.members == 3, "{}: {shown:?}", w.name);

        // City is the bridge's for record 1 alone; Shirt is nobody's.
        let values: Vec<(i64, Option<String>, Option<String>)> =
            w.db.read().all("SELECT subscriber_id, f1, f2 FROM profile_0 ORDER BY subscriber_id", args![]).await.unwrap();
        let text = |t: &str| Some(t.to_owned());
        assert_eq!(
            values.iter().map(|(_, city, shirt)| (city.clone(), shirt.clone())).collect::<Vec<_>>(),
            [(None, text("M")), (text("Wels"), text("S")), (text("Linz"), text("L"))],
            "{}",
            w.name
        );
        assert_eq!(values[0].0, 1);
    }
}

#[tokio::test]
async fn the_same_file_again_changes_nothing() {
    for w in filled().await {
        let (first, upload) = w.upload(LIST, UploadMode::Add, FILE.as_bytes()).await;
        let group = For::Group(upload.group_id.unwrap());
        let before = (w.everybody().await, w.members(first.group_id.unwrap()).await);
        let (again, _) = w.upload(group, UploadMode::Replace, FILE.replace("nobody\n,Steyr,M\n", "").as_bytes()).await;
        let c = again.counts();
        assert_eq!((c.read, c.unchanged, c.duplicate, c.added, c.updated, c.removed, c.created), (4, 3, 1, 0, 0, 0, 0), "{}", w.name);
        assert_eq!((w.everybody().await, w.members(first.group_id.unwrap()).await), before, "{}", w.name);
        assert_eq!(w.number("SELECT COUNT(*) FROM person_change").await, 1, "{}: the joined record's new values, once", w.name);
        // One value differs: one is updated, and what stood there is kept.
        let (third, _) = w.upload(group, UploadMode::Add, b"E-mail,Shirt\nnew@home.example,XL\np0@home.example,\n").await;
        assert_eq!((third.counts().updated, third.counts().unchanged), (1, 1), "{}", w.name);
    }
}

#[tokio::test]
async fn empty_cells_leave_unless_they_are_to_clear() {
    for w in filled().await {
        let (_, upload) = w.upload(LIST, UploadMode::Add, b"E-mail,Shirt\nnew@home.example,XL\n").await;
        let group = For::Group(upload.group_id.unwrap());
        let file = b"E-mail,Shirt\nnew@home.example,\n";
        let (run, _) = w.upload(group, UploadMode::Add, file).await;
        assert_eq!(run.counts().unchanged, 1, "{}", w.name);
        let upload = w.bring(group, UploadMode::Add, file).await;
        let mapping = Mapping { columns: vec![Use::Address, Use::Field { name: "Shirt".into() }], empty_clears: true };
        assert_eq!(w.remap(&upload, &mapping).await.counts().updated, 1, "{}", w.name);
        assert_eq!(w.apply(&upload).await.counts().updated, 1, "{}", w.name);
        assert_eq!(w.number("SELECT COUNT(*) FROM profile_0 WHERE f1 IS NULL").await, 1, "{}", w.name);
    }
}

/// What an export names by id is that record, whatever its address is; nothing of it is changed.
#[tokio::test]
async fn an_id_names_its_record() {
    for w in filled().await {
        let at: Vec<(i64, i64)> =
            w.db.read().all("SELECT id, created_at FROM subscriber WHERE id IN (2, 3, 7) ORDER BY id", args![]).await.unwrap();
        let id = |n: usize| PublicId::new(Kind::Subscriber, Instant(at[n].1), at[n].0);
        let wrong = PublicId::new(Kind::Subscriber, Instant(at[0].1), 999);
        let file = format!(
            "Rialto ID,Address,Remote ID,City\n{},p1@home.example,R-2,X\n{},p1@home.example,R-3,X\n{},,R-7,\n{wrong},a@b.example,,\nx,a@b.example,,\n",
            id(0),
            id(1),
            id(2)
        );
        let before = w.everybody().await;
        let (run, _) = w.upload(LIST, UploadMode::Add, file.as_bytes()).await;
        let c = run.counts();
        assert_eq!((c.read, c.added, c.created, c.rejected), (5, 3, 0, 2), "{}: {}", w.name, run.reason);
        assert_eq!(w.everybody().await, before, "{}", w.name);
        assert_eq!(w.members(run.group_id.unwrap()).await.into_iter().collect::<Vec<_>>(), [2, 3, 7], "{}", w.name);
        assert_eq!(w.number("SELECT COUNT(*) FROM bridge_field WHERE bridge_id = 0").await, 0, "{}: no field is made of an export", w.name);
    }
}
