//! What the measurements share.

use std::fmt::Write;

use anyhow::Result;
use rialto_core::audience::{FieldType, api_name};
use rialto_core::data_sync::Mode;
use rialto_store::audiences::{self, New, NewField};
use rialto_store::data_syncs::{self, Entered as Sync};
use rialto_store::streams::{self, Entered};
use rialto_store::{Actor, Db, args};

use crate::load::{actor, clock};

/// Fields of the destination and where they come from, without the key.
const FIELDS: [(&str, &str, FieldType); 9] = [
    ("Tier", "attributes.tier", FieldType::Text),
    ("Email", "attributes.email", FieldType::Text),
    ("Since", "attributes.since", FieldType::Date),
    ("Language", "preferences.language", FieldType::Text),
    ("Category", "preferences.category", FieldType::Text),
    ("Points", "metrics.points", FieldType::Integer),
    ("Lifetime", "metrics.lifetime", FieldType::Long),
    ("Basket", "metrics.basket", FieldType::Float),
    ("Seen", "metrics.seen", FieldType::DateTime),
];

/// A connection whose business units have a list and an enabled data sync each.
pub struct World {
    pub db: Db,
    pub stream: i64,
    pub lists: Vec<i64>,
    pub syncs: Vec<i64>,
}

pub fn unit(number: usize) -> String {
    format!("/loyalty/{number}")
}

impl World {
    /// `kind`: `http` or `nats`; a broker's feed is the caller's.
    pub async fn new(db: Db, kind: &str, name: &str, units: usize) -> Result<Self> {
        let who = actor();
        let mut tx = db.write().await?;
        let named = Entered { name: name.into(), enabled: true, sources: (0..units).map(unit).collect() };
        let stream = streams::create(&mut tx, kind, &named, &who).await?;
        tx.commit().await?;
        let mut world = Self { db, stream, lists: Vec::new(), syncs: Vec::new() };
        for source in streams::sources(world.db.read(), stream).await? {
            let list = list(&world.db, &format!("{name} {}", source.id), &who).await?;
            let sync = data_sync(&world.db, list, source.id, &who).await?;
            world.lists.push(list);
            world.syncs.push(sync);
        }
        Ok(world)
    }

    /// Rows of all lists.
    pub async fn rows(&self) -> Result<i64> {
        let mut rows = 0;
        for list in &self.lists {
            let counted: Vec<(i64,)> = self.db.read().all_built(format!("SELECT COUNT(*) FROM audience_{list}"), args![]).await?;
            rows += counted.first().map_or(0, |(n,)| *n);
        }
        Ok(rows)
    }
}

async fn list(db: &Db, name: &str, who: &Actor) -> Result<i64> {
    let field = |name: &str, kind: FieldType| NewField {
        name: name.into(),
        api_name: api_name(name),
        kind,
        length: (kind == FieldType::Text).then_some(100),
        description: String::new(),
        default_value: String::new(),
    };
    let fields: Vec<NewField> =
        [field("Loyalty id", FieldType::Text)].into_iter().chain(FIELDS.iter().map(|(name, _, kind)| field(name, *kind))).collect();
    let mut tx = db.write().await?;
    let new = New { name, api_name: &api_name(&format!("l {name}")), folder: "", description: "", extends: None, fields: &fields };
    let id = audiences::create(&mut tx, &new, who).await?;
    tx.commit().await?;
    Ok(id)
}

async fn data_sync(db: &Db, audience_id: i64, source_id: i64, who: &Actor) -> Result<i64> {
    let mut pairs = vec![("profileAltId".to_owned(), 1)];
    pairs.extend(FIELDS.iter().zip(2..).map(|((_, from, _), to)| ((*from).to_owned(), to)));
    let entered = Sync {
        name: &format!("Sync {source_id}"),
        folder: "",
        description: "",
        labels: &[],
        audience_id,
        source_id,
        mode: Mode::Upsert,
        matched: None,
        pairs: &pairs,
    };
    let mut tx = db.write().await?;
    let id = data_syncs::create(&mut tx, &entered, who).await?;
    data_syncs::switch(&mut tx, id, true, who).await?;
    tx.commit().await?;
    Ok(id)
}

/// An event of a profile, about 420 bytes, as JSON.
pub fn event(unit: &str, profile: u64, version: u64) -> String {
    let mut text = String::with_capacity(480);
    let points = (profile * 7 + version) % 100_000;
    let _ = write!(
        text,
        r#"{{"specversion":"1.0","type":"profile.upserted","source":"{unit}","subject":"LOY-{profile:07}","id":"{profile}-{version}","sequence":"{version}","data":{{"profileAltId":"LOY-{profile:07}","attributes":{{"tier":"Gold","email":"member{profile}@mail.example","since":"2024-02-29"}},"preferences":{{"language":"en","category":"Tea & Coffee"}},"metrics":{{"points":{points},"lifetime":{},"basket":{}.5,"seen":"2026-03-02T08:00:00Z"}}}}}}"#,
        points * 3,
        points % 90
    );
    text
}

/// Events as the log has them: `total` in arrays of 5,000, of so many profiles and business units in turn.
pub async fn fill(world: &World, total: u64, profiles: u64) -> Result<()> {
    const ROW: u64 = 5_000;
    let units = world.lists.len() as u64;
    for first in (0..total).step_by(ROW as usize) {
        let events: Vec<String> = (first..(first + ROW).min(total))
            .map(|n| event(&unit((n % units) as usize), (n / units) % profiles, n / units / profiles + 1))
            .collect();
        let mut tx = world.db.write().await?;
        streams::append(&mut tx, world.stream, events.len() as i64, &format!("[{}]", events.join(",")), clock().now()).await?;
        tx.commit().await?;
    }
    Ok(())
}
