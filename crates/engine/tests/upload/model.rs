//! Uploads against a model that knows nothing of batches, bitmaps or SQL: random records, random files, one after another.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use rialto_core::upload::UploadMode;
use rialto_store::args;
use rialto_store::uploads::For;

use crate::brought::LIST;
use crate::world::worlds;

/// A file: rows of (address number, shirt), where a number above 11 is no address.
pub type File = Vec<(u8, u8)>;

pub fn files() -> impl Strategy<Value = Vec<(bool, File)>> {
    let row = (0u8..14, 0u8..3);
    prop::collection::vec((any::<bool>(), prop::collection::vec(row, 0..12)), 1..5)
}

pub fn address(n: u8) -> String {
    if n < 12 { format!("m{n}@model.example") } else { "nonsense".into() }
}

pub fn text(file: &File) -> String {
    let rows: String =
        file.iter().map(|(n, s)| format!("{},{}\n", address(*n), if *s == 0 { String::new() } else { format!("S{s}") })).collect();
    format!("E-mail,Shirt\nanchor@model.example,S9\n{rows}")
}

/// Who bears which address: a bridge's records by address, one address of a file one person.
#[derive(Default)]
struct Model {
    bridge: BTreeMap<String, Vec<i64>>,
    members: BTreeSet<String>,
    shirts: BTreeMap<String, String>,
}

impl Model {
    /// A person is called by the id of the one record that bears the address, else by the address.
    fn name(&self, address: &str) -> String {
        match self.bridge.get(address).map(Vec::as_slice) {
            Some([only]) => format!("#{only}"),
            _ => address.to_owned(),
        }
    }

    /// Answers how many people joined and left.
    fn take(&mut self, replace: bool, file: &File) -> (usize, usize) {
        let rows = std::iter::once(("anchor@model.example".to_owned(), "S9".to_owned()))
            .chain(file.iter().filter(|(n, _)| *n < 12).map(|(n, s)| (address(*n), if *s == 0 { String::new() } else { format!("S{s}") })));
        let (mut seen, mut joined) = (BTreeSet::new(), 0);
        for (address, shirt) in rows {
            let name = self.name(&address);
            if !seen.insert(name.clone()) {
                continue;
            }
            joined += usize::from(self.members.insert(name.clone()));
            if !shirt.is_empty() {
                self.shirts.insert(name, shirt);
            }
        }
        let whole = file.iter().all(|(n, _)| *n < 12);
        let absent: Vec<String> = self.members.difference(&seen).cloned().collect();
        // So few never close the gate.
        if !replace || !whole {
            return (joined, 0);
        }
        self.members.retain(|name| !absent.contains(name));
        (joined, absent.len())
    }
}

#[tokio::test]
async fn random_files_do_what_the_model_says() {
    let mut runner = TestRunner::new(Config { cases: 6, ..Config::default() });
    for _ in 0..6 {
        let files = files().new_tree(&mut runner).unwrap().current();
        // Records 1 to 7 bear m0, m1, m1, m2, m2, m2, m3.
        let bearers = [0u8, 1, 1, 2, 2, 2, 3];
        for w in worlds(7, 1).await {
            let mut model = Model::default();
            let mut tx = w.db.write().await.unwrap();
            for (id, n) in (1i64..).zip(bearers) {
                tx.run("UPDATE subscriber SET address = $2, canonical = $2, address_state = 0 WHERE id = $1", args![id, address(n)])
                    .await
                    .unwrap();
                model.bridge.entry(address(n)).or_default().push(id);
            }
            tx.commit().await.unwrap();
            let mut group = None;
            for (replace, file) in &files {
                let mode = if *replace { UploadMode::Replace } else { UploadMode::Add };
                let (run, upload) = w.upload(group.map_or(LIST, For::Group), mode, text(file).as_bytes()).await;
                group = upload.group_id;
                let (joined, left) = model.take(*replace, file);
                let c = run.counts();
                c.check().unwrap();
                assert_eq!((c.added, c.removed), (joined as i64, left as i64), "{}: {files:?}: {}", w.name, run.reason);
                let named = "SELECT CASE WHEN s.bridge_id = 0 THEN s.canonical ELSE '#' || CAST(s.id AS TEXT) END, COALESCE(p.f1, '')
                    FROM membership m JOIN subscriber s ON s.id = m.subscriber_id LEFT JOIN profile_0 p ON p.subscriber_id = s.id
                    WHERE m.group_id = $1";
                let found: BTreeMap<String, String> =
                    w.db.read().all::<(String, String)>(named, args![group.unwrap()]).await.unwrap().into_iter().collect();
                let wanted: BTreeMap<String, String> =
                    model.members.iter().map(|m| (m.clone(), model.shirts.get(m).cloned().unwrap_or_default())).collect();
                assert_eq!(found, wanted, "{}: {files:?}", w.name);
            }
        }
    }
}
