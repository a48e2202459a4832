//! A loyalty extension beside a list of members, a stream connection, and data syncs that a test makes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rialto_connectors::http::Outbound;
use rialto_core::audience::FieldType;
use rialto_core::data_sync::{MatchBy, Mode};
use rialto_engine::{Engine, Parts, Settings};
use rialto_store::audiences::{self, Audience, New, NewField, Page};
use rialto_store::data_syncs::{self, DataSync, Entered, Match};
use rialto_store::streams::{self, Source};
use rialto_store::{Db, StoreError, Wake, args};
use rialto_testkit::{actor, both, clock, vault};
use serde_json::{Value, json};

pub const NORTH: &str = "/loyalty/north";

pub struct World {
    pub db: Db,
    pub name: &'static str,
    pub engine: Engine,
    /// A second process that takes itself for the first, as after a lease that was over while its owner slept.
    twin: Engine,
    pub list: i64,
    pub extension: i64,
    pub stream: i64,
    pub north: Source,
    time: Arc<AtomicI64>,
    sent: AtomicI64,
    _test: rialto_testkit::TestDb,
}

pub fn field(name: &str, kind: FieldType, length: Option<u32>) -> NewField {
    NewField {
        name: name.into(),
        api_name: rialto_core::audience::api_name(name),
        kind,
        length,
        description: String::new(),
        default_value: String::new(),
    }
}

pub async fn worlds() -> Vec<World> {
    let mut all = Vec::new();
    for test in both().await {
        all.push(world(test).await);
    }
    all
}

async fn world(test: rialto_testkit::TestDb) -> World {
    let (clock, time) = clock();
    let mut tx = test.db.write().await.unwrap();
    let fields = [
        field("Loyalty ID", FieldType::Text, Some(20)),
        field("Tier", FieldType::Text, Some(10)),
        field("Points", FieldType::Integer, None),
        field("Email", FieldType::Text, Some(100)),
        field("Since", FieldType::Date, None),
        field("Seen", FieldType::DateTime, None),
        field("Basket", FieldType::Float, None),
        field("SMS", FieldType::Boolean, None),
        field("Lifetime", FieldType::Long, None),
    ];
    let new = New { name: "Members", api_name: "members", folder: "", description: "", extends: None, fields: &fields };
    let list = audiences::create(&mut tx, &new, &actor()).await.unwrap();
    let new = New { name: "Loyalty", api_name: "loyalty", extends: Some((list, "LOYALTY")), ..new };
    let extension = audiences::create(&mut tx, &new, &actor()).await.unwrap();
    let entered = streams::Entered { name: "Loyalty".into(), enabled: true, sources: vec![NORTH.into()] };
    let stream = streams::create(&mut tx, "http", &entered, &actor()).await.unwrap();
    tx.commit().await.unwrap();
    let north = streams::sources(test.db.read(), stream).await.unwrap().remove(0);
    let parts = Parts {
        db: test.db.clone(),
        vault: vault(),
        outbound: Outbound::new(&["127.0.0.0/8".into()], clock.clone()).unwrap(),
        clock,
        wake: Wake::default(),
        settings: Settings::default(),
    };
    let (db, name) = (test.db.clone(), test.name);
    let twin = Engine::new(parts.clone(), "test");
    World { db, name, engine: Engine::new(parts, "test"), twin, list, extension, stream, north, time, sent: AtomicI64::new(0), _test: test }
}

/// An upsert in which every field has a value made of `n`.
pub fn upsert(subject: &str, sequence: u64, n: i64) -> Value {
    json!({
        "specversion": "1.0", "type": "profile.upserted", "source": NORTH, "subject": subject, "id": format!("{subject}-{sequence}"),
        "sequence": sequence.to_string(),
        "data": {"profileAltId": subject,
            "attributes": {"tier": format!("T{n}"), "email": format!("P{n}@home.example"), "since": "2020-02-03"},
            "preferences": {"sms": n % 2 == 0},
            "metrics": {"points": n, "lifetime": n << 33, "basket": n as f64 / 4.0, "seen": "2026-01-02T03:04:05Z"}},
    })
}

pub fn delete(subject: &str, sequence: u64) -> Value {
    json!({
        "specversion": "1.0", "type": "profile.deleted", "source": NORTH, "subject": subject, "id": format!("{subject}-d{sequence}"),
        "sequence": sequence, "data": {"profileAltId": subject},
    })
}

pub const PAIRS: [(&str, i64); 9] = [
    ("profileAltId", 1),
    ("attributes.tier", 2),
    ("metrics.points", 3),
    ("attributes.email", 4),
    ("attributes.since", 5),
    ("metrics.seen", 6),
    ("metrics.basket", 7),
    ("preferences.sms", 8),
    ("metrics.lifetime", 9),
];

impl World {
    pub fn later(&self, seconds: i64) {
        self.time.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Makes a data sync and answers its id; it is disabled.
    pub async fn data_sync(&self, name: &str, audience_id: i64, mode: Mode, pairs: &[(&str, i64)]) -> i64 {
        self.data_sync_of(self.north.id, name, audience_id, mode, pairs).await
    }

    /// The same for a business unit of another connection.
    pub async fn data_sync_of(&self, source_id: i64, name: &str, audience_id: i64, mode: Mode, pairs: &[(&str, i64)]) -> i64 {
        let pairs: Vec<(String, i64)> = pairs.iter().map(|(from, to)| ((*from).to_owned(), *to)).collect();
        let mut tx = self.db.write().await.unwrap();
        let entered = Entered { source_id, ..self.entered(name, audience_id, mode, &pairs) };
        let id = data_syncs::create(&mut tx, &entered, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub fn entered<'a>(&self, name: &'a str, audience_id: i64, mode: Mode, pairs: &'a [(String, i64)]) -> Entered<'a> {
        let matched =
            (mode == Mode::Upsert && pairs.iter().any(|(_, to)| *to == 4)).then_some(Match { by: MatchBy::Email, bridge: None, field: 4 });
        Entered { name, folder: "", description: "", labels: &[], audience_id, source_id: self.north.id, mode, matched, pairs }
    }

    pub async fn switch(&self, id: i64, enabled: bool) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        data_syncs::switch(&mut tx, id, enabled, &actor()).await?;
        tx.commit().await
    }

    pub async fn get(&self, id: i64) -> DataSync {
        data_syncs::get(self.db.read(), id).await.unwrap().unwrap()
    }

    /// Puts events into the log, as one message.
    pub async fn send(&self, events: &[Value]) {
        let mut tx = self.db.write().await.unwrap();
        let now = self.engine.parts().clock.now();
        let body = serde_json::to_string(events).unwrap();
        streams::append(&mut tx, self.stream, events.len() as i64, &body, now).await.unwrap();
        tx.commit().await.unwrap();
        self.sent.fetch_add(events.len() as i64, Ordering::SeqCst);
    }

    /// Somebody with this address appears.
    pub async fn person(&self, canonical: &str) {
        let mut tx = self.db.write().await.unwrap();
        tx.run(
            "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen, hash)
            VALUES (1, 1, 1, 1, 'R', $1, $1, 0, 1, 1)",
            args![canonical],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn apply(&self) {
        self.engine.apply_events().await.unwrap();
    }

    /// As `apply`, by two at the same time.
    pub async fn apply_twice_over(&self) {
        let until_idle = async |engine: &Engine| {
            while let Err(e) = engine.apply_events().await {
                assert!(e.is_race(), "{}: {e}", self.name);
            }
        };
        tokio::join!(until_idle(&self.engine), until_idle(&self.twin));
        self.apply().await;
    }

    pub async fn audience(&self, id: i64) -> Audience {
        audiences::get(self.db.read(), id).await.unwrap().unwrap()
    }

    /// Rows by their key, each field as text, `-` where empty.
    pub async fn rows(&self, audience_id: i64) -> Vec<Vec<String>> {
        let fields = audiences::fields(self.db.read(), audience_id).await.unwrap();
        let page = Page { after: "", search: "", limit: 10_000 };
        let rows = audiences::page(self.db.read(), audience_id, &fields.iter().collect::<Vec<_>>(), page).await.unwrap();
        rows.into_iter().map(|row| row.values.into_iter().map(|v| v.unwrap_or_else(|| "-".into())).collect()).collect()
    }
}
