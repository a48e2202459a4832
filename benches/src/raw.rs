//! The raw limits: what the remote can give, what the database can take.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures::StreamExt;
use rialto_connectors::Connector;
use rialto_core::person::{FieldSpec, Mapped, map};
use rialto_store::people::{self, Bound, insert_rows};
use rialto_store::{Db, fields, ids};
use tokio::time::Instant;

use crate::child::peak_mib;
use crate::load::{self, LIST};
use crate::table::Measured;

/// For how long commits are counted.
const COMMITTING: Duration = Duration::from_secs(3);

/// Durable commits of one row, one after another, in a second.
pub async fn commits(db: &Db) -> Result<f64> {
    let (began, mut commits) = (Instant::now(), 0_u32);
    while began.elapsed() < COMMITTING {
        let mut tx = db.write().await?;
        ids::next(&mut tx, "bench").await?;
        tx.commit().await?;
        commits += 1;
    }
    Ok(f64::from(commits) / began.elapsed().as_secs_f64())
}

pub async fn fetch(base: &str) -> Result<Measured> {
    let connector = load::connector(base)?;
    let names: Vec<String> = connector.fields().await?.into_iter().map(|f| f.name).collect();
    let began = Instant::now();
    let mut rows = 0;
    let mut pages = connector.people(LIST, &names);
    while let Some(page) = pages.next().await {
        rows += page?.rows.len() as u64;
    }
    Ok(Measured { rows, seconds: began.elapsed().as_secs_f64(), peak_mib: peak_mib(), ..Measured::default() })
}

pub async fn insert(base: &str, url: &str) -> Result<Measured> {
    let db = Db::open(url).await?;
    let (bridge, _) = load::add_bridge(&db, base).await?;
    let connector = load::connector(base)?;
    let (specs, rows) = read_all(&db, &connector, bridge).await?;
    let columns = people::COLUMNS.map(str::to_owned);
    let profile = people::profile_columns(&specs);
    let began = Instant::now();
    let mut tx = db.write().await?;
    let mut id = 0;
    for some in rows.chunks(20_000) {
        let first = id + 1;
        let mut cells = Vec::with_capacity(some.len() * columns.len());
        let mut profiles = Vec::with_capacity(some.len() * profile.len());
        for row in some {
            id += 1;
            cells.extend(people::person_cells(id, row, bridge, 1, false, rialto_core::Instant(1)));
            profiles.extend(people::profile_cells(id, row));
        }
        insert_rows(&mut tx, "subscriber", &columns, &cells).await?;
        insert_rows(&mut tx, &fields::table(bridge), &profile, &profiles).await?;
        let members: Vec<Bound<'_>> = (first..=id).flat_map(|n| [Bound::Int(1), Bound::Int(n)]).collect();
        insert_rows(&mut tx, "membership", &["group_id".to_owned(), "subscriber_id".to_owned()], &members).await?;
        let changes: Vec<Bound<'_>> = (first..=id).flat_map(|n| [Bound::Int(1), Bound::Int(n), Bound::Int(1)]).collect();
        insert_rows(&mut tx, "membership_change", &["run_id".to_owned(), "subscriber_id".to_owned(), "op".to_owned()], &changes).await?;
    }
    tx.commit().await?;
    let measured =
        Measured { rows: rows.len() as u64, seconds: began.elapsed().as_secs_f64(), peak_mib: peak_mib(), ..Measured::default() };
    db.close().await;
    Ok(measured)
}

async fn read_all(db: &Db, connector: &Arc<dyn Connector>, bridge: i64) -> Result<(Vec<FieldSpec>, Vec<Mapped>)> {
    let offered: Vec<fields::Offered> = connector
        .fields()
        .await?
        .into_iter()
        .map(|f| fields::Offered { name: f.name, label: f.label, kind: f.kind, length: f.length })
        .collect();
    let mut tx = db.write().await?;
    let specs = fields::mirror(&mut tx, bridge, &offered, rialto_core::Instant(1)).await?;
    tx.commit().await?;
    let names: Vec<String> = specs.iter().map(|s| s.name.clone()).collect();
    let mut rows = Vec::new();
    let mut pages = connector.people(LIST, &names);
    while let Some(page) = pages.next().await {
        for row in page?.rows {
            rows.push(map(row, &specs).map_err(|e| anyhow!("{e}"))?);
        }
    }
    Ok((specs, rows))
}
