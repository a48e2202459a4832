//! `rialto writebacks`: the queue of what is told to the remote systems.

use std::process::ExitCode;

use anyhow::{Context, bail};
use rialto_core::writeback::{WritebackKind, WritebackState};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::views::Way;
use rialto_store::views::writebacks::{self as views, Filter, WritebackRow};
use rialto_store::writebacks;
use serde_json::json;

use super::{bridge, print_json};
use crate::cli::Configured;
use crate::parts::Parts;

fn public(row: &WritebackRow) -> String {
    PublicId::new(Kind::Writeback, Instant(row.writeback.created_at), row.writeback.id).to_string()
}

fn as_json(row: &WritebackRow) -> serde_json::Value {
    let w = &row.writeback;
    json!({
        "id": public(row), "kind": w.kind, "state": w.state, "bridge": row.bridge_name, "remote_id": row.remote_id, "tries": w.tries,
        "reason": w.reason, "created_at": Instant(w.created_at).to_string(), "ended_at": w.ended_at.map(|at| Instant(at).to_string()),
    })
}

/// The newest `limit`, newest first.
pub async fn list(
    configured: &Configured,
    bridge: Option<&str>,
    state: &str,
    kind: &str,
    limit: i64,
    json: bool,
) -> anyhow::Result<ExitCode> {
    if !state.is_empty() && WritebackState::from_name(state).is_none() {
        bail!("--state: known are {}", WritebackState::ALL.iter().map(|s| s.name()).collect::<Vec<_>>().join(", "));
    }
    known_kind(kind)?;
    let parts = Parts::open(configured).await?;
    let bridge_id = match bridge {
        Some(name) => bridge::find(&parts, name).await?.id,
        None => 0,
    };
    let filter = Filter { bridge_id, state: state.into(), kind: kind.into(), ..Filter::default() };
    let rows = views::turn(parts.db.read(), &filter, Way::Onward, i64::MAX, limit).await?;
    if json {
        let counts = writebacks::counts(parts.db.read(), bridge_id).await?;
        let mut by_state = serde_json::Map::new();
        for (_, state, n) in counts {
            let sum = by_state.get(&state).and_then(serde_json::Value::as_i64).unwrap_or(0) + n;
            by_state.insert(state, sum.into());
        }
        print_json(&json!({"counts": by_state, "items": rows.iter().map(as_json).collect::<Vec<_>>()}));
    } else if rows.is_empty() {
        println!("No writeback fits.");
    }
    for row in rows.iter().filter(|_| !json) {
        let w = &row.writeback;
        println!("{}  {:20} {:16} {:20} {} {}", public(row), w.state, w.kind, row.remote_id, row.bridge_name, w.reason);
    }
    parts.db.close().await;
    Ok(ExitCode::SUCCESS)
}

fn known_kind(kind: &str) -> anyhow::Result<()> {
    if !kind.is_empty() && WritebackKind::from_name(kind).is_none() {
        bail!("--kind: known are {}", WritebackKind::ALL.iter().map(|k| k.name()).collect::<Vec<_>>().join(", "));
    }
    Ok(())
}

async fn find(parts: &Parts, id: &str) -> anyhow::Result<i64> {
    let public = PublicId::parse(id, Kind::Writeback).context("this is no id of a writeback")?;
    let row = writebacks::get(parts.db.read(), public.id).await?;
    row.filter(|w| public.fits(Instant(w.created_at))).map(|w| w.id).context("there is no such writeback")
}

/// Asks for one more try of one; a running `rialto serve` sends it.
pub async fn retry(configured: &Configured, id: &str) -> anyhow::Result<ExitCode> {
    let parts = Parts::open(configured).await?;
    let id = find(&parts, id).await?;
    let mut tx = parts.db.write().await?;
    if !writebacks::retry(&mut tx, id, &parts.actor()).await? {
        bail!("only a writeback in Error can be tried again");
    }
    tx.commit().await?;
    println!("It is tried once more as soon as Rialto serves.");
    parts.db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The same for everything in Error of a bridge.
pub async fn retry_all(configured: &Configured, bridge: &str, kind: &str) -> anyhow::Result<ExitCode> {
    known_kind(kind)?;
    let parts = Parts::open(configured).await?;
    let bridge = bridge::find(&parts, bridge).await?;
    let mut tx = parts.db.write().await?;
    let number = writebacks::retry_all(&mut tx, bridge.id, kind, &parts.actor()).await?;
    tx.commit().await?;
    println!("{number} tried once more as soon as Rialto serves.");
    parts.db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Gives one up, with a reason that stays.
pub async fn cancel(configured: &Configured, id: &str, reason: &str) -> anyhow::Result<ExitCode> {
    if reason.trim().is_empty() {
        bail!("--reason: say why it is given up");
    }
    let parts = Parts::open(configured).await?;
    let id = find(&parts, id).await?;
    let mut tx = parts.db.write().await?;
    if !writebacks::cancel(&mut tx, id, reason.trim(), &parts.actor()).await? {
        bail!("it is being sent, or has ended: it cannot be given up any more");
    }
    tx.commit().await?;
    println!("Given up.");
    parts.db.close().await;
    Ok(ExitCode::SUCCESS)
}
