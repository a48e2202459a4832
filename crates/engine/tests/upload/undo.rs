//! An upload and its undo give back members and uploaded values; silenced addresses stay silent.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};
use rialto_core::run::{RunKind, Trigger};
use rialto_core::upload::UploadMode;
use rialto_store::runs::{self, NewRun, Run};
use rialto_store::uploads::For;
use rialto_store::{args, undo};

use crate::brought::LIST;
use crate::model::{address, files, text};
use crate::world::{World, worlds};

async fn take_back(w: &World, of: &Run) -> Run {
    let subject = undo::subject(of).unwrap();
    let new = NewRun { parent_run: Some(of.id), ..NewRun::of(RunKind::Undo, subject, Trigger::Api) };
    let id = runs::request_now(&w.db, new, &w.who()).await.unwrap().run_id;
    w.settle().await;
    runs::get(w.db.read(), id).await.unwrap().unwrap()
}

/// Uploaded values by record; a record without any is as one that was never brought.
async fn shirts(w: &World) -> BTreeMap<i64, String> {
    let all = "SELECT subscriber_id, COALESCE(f1, '') FROM profile_0";
    let rows: Vec<(i64, String)> = w.db.read().all(all, args![]).await.unwrap();
    rows.into_iter().filter(|(_, shirt)| !shirt.is_empty()).collect()
}

#[tokio::test]
async fn an_upload_and_its_undo_give_back_members_and_values() {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    for _ in 0..5 {
        let files = files().prop_filter("something came before", |f| f.len() > 1).new_tree(&mut runner).unwrap().current();
        for w in worlds(7, 1).await {
            let mut tx = w.db.write().await.unwrap();
            for (id, n) in (1i64..).zip([0u8, 1, 1, 2, 2, 2, 3]) {
                let set = "UPDATE subscriber SET address = $2, canonical = $2, address_state = 0 WHERE id = $1";
                tx.run(set, args![id, address(n)]).await.unwrap();
            }
            tx.commit().await.unwrap();
            let mut group = None;
            for (n, (replace, file)) in files.iter().enumerate() {
                let mode = if *replace { UploadMode::Replace } else { UploadMode::Add };
                let before = match group {
                    Some(id) => (w.members(id).await, shirts(&w).await),
                    None => Default::default(),
                };
                let highest = w.number("SELECT MAX(id) FROM subscriber").await;
                let (run, upload) = w.upload(group.map_or(LIST, For::Group), mode, text(file).as_bytes()).await;
                group = upload.group_id;
                if n == 0 {
                    continue;
                }
                let undone = take_back(&w, &run).await;
                let context = format!("{}: {files:?}: {}", w.name, undone.reason);
                assert_eq!(undone.state, "succeeded", "{context}");
                undone.counts().check().unwrap();
                // Records that the file made stay, without the group: they have no earlier values.
                let values: BTreeMap<i64, String> = shirts(&w).await.into_iter().filter(|(id, _)| *id <= highest).collect();
                assert_eq!((w.members(group.unwrap()).await, values), before, "{context}");
                assert!(!w.group(group.unwrap()).await.plan_only, "{context}: nothing syncs this group by itself");
                // The file is right after all: it is brought once more.
                w.upload(For::Group(group.unwrap()), mode, text(file).as_bytes()).await;
            }
        }
    }
}

#[tokio::test]
async fn an_upload_of_unsubscribers_is_not_undone() {
    for w in worlds(7, 1).await {
        let (run, _) = w.upload(For::Silence("A letter"), UploadMode::Add, b"gone@model.example\n").await;
        let (why, advice) = undo::refusal(&w.db, &run).await.unwrap().expect("a refusal");
        assert!(why.contains("makes nobody mailable") && advice.contains("Resubscribe"), "{}: {why} {advice}", w.name);
    }
}
