//! A process that is to stop does not wait for a remote system that says nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use rialto_connectors::http::Outbound;
use rialto_core::run::{RunKind, Trigger};
use rialto_engine::{Engine, Parts, Settings};
use rialto_store::Wake;
use rialto_store::bridges::{self, Entered};
use rialto_store::runs::{self, NewRun, Subject};
use rialto_testkit::{actor, clock, vault};
use tokio_util::sync::CancellationToken;

/// Takes connections and never answers.
async fn silent() -> (String, tokio::sync::mpsc::Receiver<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}/", listener.local_addr().unwrap());
    let (told, heard) = tokio::sync::mpsc::channel(100);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
            let _ = told.send(()).await;
        }
    });
    (root, heard)
}

#[tokio::test]
async fn a_silent_remote_does_not_hold_up_the_drain() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for kind in [RunKind::Test, RunKind::Lists] {
        let test = rialto_testkit::sqlite().await;
        let (root, mut heard) = silent().await;
        let entered = Entered {
            name: "Silent".into(),
            settings: BTreeMap::from([("base_url".into(), root)]),
            secrets: BTreeMap::from([("username".into(), "rialto".into()), ("password".into(), "sandbox".into())]),
            enabled: true,
        };
        let mut tx = test.db.write().await.unwrap();
        let bridge_id = bridges::create(&mut tx, &vault(), "personify360", &entered, &actor()).await.unwrap();
        let subject = if kind == RunKind::Test { Subject::Test { bridge_id } } else { Subject::Lists { bridge_id } };
        runs::request(&mut tx, NewRun::of(kind, subject, Trigger::Api), &actor()).await.unwrap();
        tx.commit().await.unwrap();
        let (clock, _) = clock();
        let outbound = Outbound::new(&["127.0.0.0/8".to_owned()], clock.clone()).unwrap();
        let parts = Parts { db: test.db.clone(), vault: vault(), clock, wake: Wake::default(), outbound, settings: Settings::default() };
        let (engine, stop) = (Engine::new(parts, "test"), CancellationToken::new());
        let work = tokio::spawn({
            let stop = stop.clone();
            async move { engine.run(stop).await }
        });
        tokio::time::timeout(Duration::from_secs(20), heard.recv()).await.expect("the remote system is asked");
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), work).await.unwrap_or_else(|_| panic!("{kind:?}: still waiting")).unwrap();
        // The run is given up, not judged: the next life takes it up.
        let states: Vec<(String,)> = test.db.read().all("SELECT state FROM sync_run", rialto_store::args![]).await.unwrap();
        assert_eq!(states, [("running".to_owned(),)], "{kind:?}");
    }
}
