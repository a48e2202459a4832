//! `rialto bridge`: connections to remote systems.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use rialto_core::run::{RunKind, Trigger};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::bridges::{self, Bridge, Entered};
use rialto_store::runs::{NewRun, Subject};
use serde_json::json;

use super::{print_json, runs};
use crate::cli::Configured;
use crate::config::secret;
use crate::parts::Parts;

/// What is entered for a new bridge.
pub struct Add {
    pub kind: String,
    pub name: String,
    pub settings: Vec<String>,
    pub secret_files: Vec<String>,
    pub secrets_stdin: bool,
}

fn public(bridge: &Bridge) -> String {
    PublicId::new(Kind::Bridge, Instant(bridge.created_at), bridge.id).to_string()
}

fn as_json(bridge: &Bridge) -> anyhow::Result<serde_json::Value> {
    Ok(json!({
        "id": public(bridge), "kind": bridge.kind, "name": bridge.name, "enabled": bridge.enabled, "settings": bridge.settings()?,
        "secrets_set": bridge.secret_names()?, "lists_synced_at": bridge.lists_synced_at.map(|at| Instant(at).to_string()),
    }))
}

pub async fn list(configured: &Configured, json: bool) -> anyhow::Result<ExitCode> {
    let parts = Parts::open(configured).await?;
    let all = bridges::list(parts.db.read()).await?;
    if json {
        let items = all.iter().map(as_json).collect::<Result<Vec<_>, _>>()?;
        print_json(&json!({"items": items}));
    } else if all.is_empty() {
        println!("There is no bridge yet. Add one with: rialto bridge add");
    }
    for bridge in all.iter().filter(|_| !json) {
        let state = if bridge.enabled { "enabled" } else { "disabled" };
        println!("{}  {:14} {:9} {}", public(bridge), bridge.kind, state, bridge.name);
    }
    parts.db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Prints the kind's set-up script.
pub fn setup_script(kind: &str) -> anyhow::Result<ExitCode> {
    let script = rialto_connectors::kind(kind).with_context(|| format!("there is no kind {kind}"))?.setup_script;
    print!("{}", script.with_context(|| format!("{kind} needs no set-up script"))?());
    Ok(ExitCode::SUCCESS)
}

pub async fn add(configured: &Configured, add: Add, json: bool) -> anyhow::Result<ExitCode> {
    let kind = rialto_connectors::kind(&add.kind).ok_or_else(|| {
        let known: Vec<&str> = rialto_connectors::kinds().iter().map(|k| k.kind).collect();
        anyhow!("--kind: there is no kind {}; known are: {}", add.kind, known.join(", "))
    })?;
    let name = add.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        bail!("--name: enter 1 to 100 characters");
    }
    let settings = pairs("--setting", &add.settings)?;
    let secrets = secrets(&add)?;
    let faults = rialto_web::api::bridge_input::check(kind, &settings, &secrets, &[]);
    if !faults.is_empty() {
        let lines: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.field, f.detail)).collect();
        bail!("the bridge has faults:\n  {}", lines.join("\n  "));
    }
    let parts = Parts::open(configured).await?;
    let id = create(&parts, kind.kind, &Entered { name, settings, secrets, enabled: true }).await?;
    let bridge = bridges::get(parts.db.read(), id).await?.context("the bridge is gone")?;
    if json {
        print_json(&as_json(&bridge)?);
    } else {
        println!("{}", public(&bridge));
    }
    parts.db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Stores a bridge; answers its internal id.
pub async fn create(parts: &Parts, kind: &str, entered: &Entered) -> anyhow::Result<i64> {
    let mut tx = parts.db.write().await?;
    let id = bridges::create(&mut tx, &parts.vault, kind, entered, &parts.actor()).await?;
    tx.commit().await?;
    Ok(id)
}

fn pairs(option: &str, given: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let pair = |text: &String| text.split_once('=').map(|(k, v)| (k.trim().to_owned(), v.to_owned()));
    given.iter().map(|text| pair(text).with_context(|| format!("{option}: give key=value"))).collect()
}

fn secrets(add: &Add) -> anyhow::Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    if add.secrets_stdin {
        let mut text = String::new();
        std::io::stdin().take(65_536).read_to_string(&mut text).context("standard input cannot be read")?;
        // The parser's own words could quote a secret.
        all = serde_json::from_str(&text).map_err(|_| anyhow!("--secrets-stdin: give a JSON object of texts"))?;
    }
    for (key, file) in pairs("--secret-file", &add.secret_files)? {
        let value = secret::read_secret_file(Path::new(&file)).map_err(|fault| anyhow!("--secret-file {key}: {fault}"))?;
        all.insert(key, value);
    }
    Ok(all)
}

pub async fn find(parts: &Parts, wanted: &str) -> anyhow::Result<Bridge> {
    let all = bridges::list(parts.db.read()).await?;
    let mut found = all.into_iter().filter(|b| b.name == wanted || public(b) == wanted);
    match (found.next(), found.next()) {
        (Some(bridge), None) => Ok(bridge),
        (Some(_), Some(_)) => bail!("several bridges have the name {wanted}; give the id"),
        _ => bail!("there is no bridge {wanted}; see: rialto bridge list"),
    }
}

pub async fn test(configured: &Configured, wanted: &str, json: bool) -> anyhow::Result<ExitCode> {
    one(configured, wanted, json, RunKind::Test).await
}

pub async fn refresh(configured: &Configured, wanted: &str, json: bool) -> anyhow::Result<ExitCode> {
    one(configured, wanted, json, RunKind::Lists).await
}

async fn one(configured: &Configured, wanted: &str, json: bool, kind: RunKind) -> anyhow::Result<ExitCode> {
    let parts = Parts::open(configured).await?;
    let bridge_id = find(&parts, wanted).await?.id;
    let subject = if kind == RunKind::Test { Subject::Test { bridge_id } } else { Subject::Lists { bridge_id } };
    let run = runs::carry_out(&parts, NewRun::of(kind, subject, Trigger::Cli), json).await?;
    if json {
        print_json(&runs::as_json(&run));
    } else {
        println!("{}: {} {}", run.state, run.reason, run.advice);
    }
    parts.db.close().await;
    Ok(ExitCode::from(runs::exit_code(&run)))
}
