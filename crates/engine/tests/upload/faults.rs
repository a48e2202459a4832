//! Faulty files: told by line, the good lines beside them go through, and a file that cannot be read to its end changes nothing.

use rialto_core::upload::UploadMode;
use rialto_store::args;

use crate::brought::LIST;
use crate::world::worlds;

#[tokio::test]
async fn good_lines_go_through_beside_bad_ones() {
    for w in worlds(5, 1).await {
        let mut file = b"E-mail;Name\nann@x.example;Ann\nbob@x.example;B\xff\xf6b\n".to_vec();
        file.extend("\u{e4}\u{f6}\u{fc}@x.example;\u{c4}nne \u{1f600}\nce\0e@x.example;Cee\ndan@x.example;\"Dan\neve@x.example;=1+1\nfay@x.example;Fay;more\n".as_bytes());
        let (run, upload) = w.upload(LIST, UploadMode::Add, &file).await;
        assert!(upload.found.contains("UTF-8") && upload.found.contains("no UTF-8"), "{}", upload.found);
        let c = run.counts();
        assert_eq!((c.read, c.added, c.rejected), (7, 3, 4), "{}: {:?}", w.name, w.notes(run.id, "rejected").await);
        let lines: Vec<String> = w.notes(run.id, "rejected").await.iter().map(|n| n.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(lines, ["Line 3", "Line 5", "Line 6", "Line 8"], "{}", w.name);
        let kept: Vec<(Option<String>,)> = w.db.read().all("SELECT f1 FROM profile_0 WHERE f1 LIKE '=%'", args![]).await.unwrap();
        assert_eq!(kept, [(Some("=1+1".to_owned()),)], "{}: a formula is text", w.name);
    }
}

#[tokio::test]
async fn a_file_of_which_a_part_is_gone_is_not_applied() {
    for w in worlds(5, 1).await {
        let upload = w.bring(LIST, UploadMode::Add, b"E-mail\nann@x.example\n").await;
        assert_eq!(w.planned(&upload).await.state, "succeeded");
        let mut tx = w.db.write().await.unwrap();
        tx.run("UPDATE upload SET dropped = TRUE", args![]).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = w.db.write().await.unwrap();
        let refused = rialto_store::uploads::apply(&mut tx, upload.id, rialto_core::run::Trigger::Upload, &w.who()).await.unwrap_err();
        assert!(refused.to_string().contains("Upload it again"), "{refused}");
    }
}
