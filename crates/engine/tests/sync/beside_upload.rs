//! Uploads with overlapping people, and a sync that brings the same addresses, all at the same time: nobody twice, and every book balances.

use std::collections::BTreeMap;

use rialto_connectors::upload::Sniffer;
use rialto_core::Address;
use rialto_core::run::{RunKind, Trigger};
use rialto_core::upload::{UploadMode, guess};
use rialto_engine::Engine;
use rialto_store::runs::{self, NewRun, Subject};
use rialto_store::uploads::{self, For, New, Writer};
use rialto_store::{args, membership};

use crate::support::{World, worlds};

/// Keeps a file of addresses and asks for its plan.
async fn bring(w: &World, group: &str, addresses: &[String]) -> i64 {
    let file = format!("Email\n{}\n", addresses.join("\n"));
    let new = New { file_name: "list.csv", whom: For::NewGroup(group), mode: UploadMode::Add };
    let mut tx = w.db.write().await.unwrap();
    let id = uploads::begin(&mut tx, new, &w.who()).await.unwrap();
    tx.commit().await.unwrap();
    let (mut writer, mut sniffer) = (Writer::new(id), Sniffer::default());
    sniffer.push(file.as_bytes()).unwrap();
    writer.push(&w.db, file.as_bytes()).await.unwrap();
    writer.finish(&w.db).await.unwrap();
    let found = sniffer.finish().unwrap();
    let mapping = guess(&found.columns, &found.samples, &[]);
    let text = serde_json::to_string(&found).unwrap();
    let mut tx = w.db.write().await.unwrap();
    uploads::received(&mut tx, id, (file.len() as i64, &text, "Email"), Some(&mapping), &w.who()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// Three workers that begin at once.
async fn at_once(w: &World) {
    let engines = ["one", "two", "three"].map(|name| Engine::new(w.engine.parts().clone(), name));
    let work = engines.map(|engine| tokio::spawn(async move { engine.run_until_idle().await }));
    for done in work {
        done.await.unwrap().unwrap();
    }
}

/// Asks for the apply of an upload; the run that will do it.
async fn apply(w: &World, upload: i64) -> i64 {
    let mut tx = w.db.write().await.unwrap();
    let run = uploads::apply(&mut tx, upload, Trigger::Upload, &w.who()).await.unwrap().run_id;
    tx.commit().await.unwrap();
    run
}

/// The members that a run tells are those who are there.
async fn balances(w: &World, run: i64, members: usize) {
    let run = w.run(run).await;
    let c = run.counts();
    assert_eq!((run.state.as_str(), c.members_after, c.added), ("succeeded", members as i64, members as i64), "{}: {}", w.name, run.reason);
    let group = run.group_id.unwrap();
    assert_eq!(membership::count(w.db.read(), group).await.unwrap(), members as i64, "{}", w.name);
}

async fn twice(w: &World, addresses: &[String]) -> Vec<String> {
    let text = "SELECT canonical FROM subscriber GROUP BY canonical HAVING COUNT(*) > 1";
    let rows: Vec<(String,)> = w.db.read().all(text, args![]).await.unwrap();
    rows.into_iter().map(|(a,)| a).filter(|a| addresses.contains(a)).collect()
}

fn new_people(numbers: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    numbers.map(|n| format!("new{n}@fair.example"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_uploads_with_overlapping_people_make_nobody_twice() {
    for w in worlds(100).await {
        for round in 0..4 {
            let from = round * 10_000;
            let (a, b): (Vec<_>, Vec<_>) = (new_people(from..from + 3_000).collect(), new_people(from + 1_000..from + 4_000).collect());
            let (first, second) = (bring(&w, &format!("Fair {round}"), &a).await, bring(&w, &format!("Desk {round}"), &b).await);
            at_once(&w).await;
            let asked = (apply(&w, first).await, apply(&w, second).await);
            at_once(&w).await;
            balances(&w, asked.0, 3_000).await;
            balances(&w, asked.1, 3_000).await;
            let created = w.run(asked.0).await.counts().created + w.run(asked.1).await.counts().created;
            assert_eq!(created, 4_000, "{}: each is made by one of the two", w.name);
            assert_eq!(twice(&w, &[a, b].concat()).await, Vec::<String>::new(), "{}", w.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uploads_beside_a_sync_of_the_same_addresses_make_nobody_twice() {
    for people in [900, 1_100, 1_300] {
        for w in worlds(people).await {
            let mut bearers: BTreeMap<String, usize> = BTreeMap::new();
            for person in w.sandbox.sandbox.list_members("NEWSLETTER") {
                let address = Address::read(person.email.as_deref());
                if address.state == rialto_core::AddressState::Usable {
                    *bearers.entry(address.canonical).or_default() += 1;
                }
            }
            // A household is nobody's to join: only those who bear their address alone.
            let alone: Vec<String> = bearers.into_iter().filter(|(_, n)| *n == 1).map(|(a, _)| a).collect();
            let third = alone.len() / 3;
            assert!(third > 50, "{third}");
            let a: Vec<String> = alone[..2 * third].iter().cloned().chain(new_people(0..300)).collect();
            let b: Vec<String> = alone[third..].iter().cloned().chain(new_people(100..400)).collect();
            let (first, second) = (bring(&w, "Fair", &a).await, bring(&w, "Desk", &b).await);
            at_once(&w).await;
            let asked = (apply(&w, first).await, apply(&w, second).await);
            let subject = Subject::Group { group_id: w.group("NEWSLETTER").await.id, bridge_id: w.bridge };
            let mut tx = w.db.write().await.unwrap();
            let sync = NewRun::of(RunKind::People, subject, Trigger::Resync);
            let sync = runs::request(&mut tx, sync, &w.who()).await.unwrap().run_id;
            tx.commit().await.unwrap();
            at_once(&w).await;
            balances(&w, asked.0, a.len()).await;
            balances(&w, asked.1, b.len()).await;
            let run = w.run(sync).await;
            assert_eq!(run.state, "succeeded", "{}: {} {}", w.name, run.reason, run.error_kind);
            assert_eq!(w.members("NEWSLETTER").await, w.remote("NEWSLETTER"), "{}", w.name);
            assert_eq!(twice(&w, &[a, b].concat()).await, Vec::<String>::new(), "{}", w.name);
            w.waterfall("NEWSLETTER").await;
        }
    }
}
