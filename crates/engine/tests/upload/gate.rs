//! A file that takes the place of a list goes through the same gate as a sync.

use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::upload::UploadMode;
use rialto_store::runs::{self, NewRun, Subject};
use rialto_store::uploads::For;

use crate::brought::LIST;
use crate::world::worlds;

fn people(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let lines: String = numbers.map(|n| format!("u{n:03}@fair.example\n")).collect();
    format!("Email\n{lines}").into_bytes()
}

#[tokio::test]
async fn who_is_not_in_the_file_leaves_only_past_the_gate() {
    for w in worlds(5, 1).await {
        let (first, upload) = w.upload(LIST, UploadMode::Replace, &people(0..60)).await;
        assert_eq!((first.state.as_str(), first.counts().members_after), ("succeeded", 60), "{}: {}", w.name, first.reason);
        let (id, group) = (upload.group_id.unwrap(), For::Group(upload.group_id.unwrap()));
        // Ten may leave.
        let (run, _) = w.upload(group, UploadMode::Replace, &people(10..61)).await;
        assert_eq!((run.state.as_str(), run.counts().removed, run.counts().added), ("succeeded", 10, 1), "{}", w.name);
        // Adding removes nobody, however few come.
        let (run, _) = w.upload(group, UploadMode::Add, &people(10..11)).await;
        assert_eq!((run.state.as_str(), run.counts().removed, run.counts().members_after), ("succeeded", 0, 51), "{}", w.name);
        // A faulty line may be somebody: nobody leaves.
        let mut faulty = people(10..60);
        faulty.extend(b"nonsense\n");
        let (run, _) = w.upload(group, UploadMode::Replace, &faulty).await;
        assert_eq!((run.state.as_str(), run.counts().withheld), ("incomplete", 1), "{}: {}", w.name, run.reason);
        assert_eq!(w.members(id).await.len(), 51, "{}", w.name);

        let upload = w.bring(group, UploadMode::Replace, &people(10..30)).await;
        let plan = w.planned(&upload).await;
        assert!(plan.reason.starts_with("31 of 51 people are not in this file"), "{}: {}", w.name, plan.reason);
        let run = w.apply(&upload).await;
        assert_eq!((run.state.as_str(), run.counts().withheld), ("held", 31), "{}", w.name);
        assert_eq!(w.members(id).await.len(), 51, "{}", w.name);
        // The approval of somebody removes those, and no more.
        let mut tx = w.db.write().await.unwrap();
        runs::decide(&mut tx, run.id, RunState::Approved, &w.who()).await.unwrap();
        let new = NewRun { parent_run: Some(run.id), ..NewRun::of(RunKind::Approval, Subject::of_group(id, None), Trigger::Api) };
        let approval = runs::request(&mut tx, new, &w.who()).await.unwrap().run_id;
        tx.commit().await.unwrap();
        w.settle().await;
        let approval = runs::get(w.db.read(), approval).await.unwrap().unwrap();
        assert_eq!((approval.state.as_str(), approval.counts().removed), ("succeeded", 31), "{}: {}", w.name, approval.reason);
        assert_eq!(w.members(id).await.len(), 20, "{}", w.name);
    }
}
