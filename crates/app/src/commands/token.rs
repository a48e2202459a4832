//! `rialto token`: access for programs.

use std::process::ExitCode;

use anyhow::ensure;
use rialto_core::permissions::Role;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::tokens;

use super::print_json;
use crate::cli::Configured;
use crate::parts::Parts;

pub async fn create(configured: &Configured, name: &str, role: Role, json: bool) -> anyhow::Result<ExitCode> {
    let name = name.trim();
    ensure!((1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control), "--name: enter 1 to 100 characters");
    let parts = Parts::open(configured).await?;
    let (id, at, token) = make(&parts, name, role).await?;
    if json {
        let id = PublicId::new(Kind::Token, at, id).to_string();
        print_json(&serde_json::json!({"id": id, "name": name, "role": role.name(), "token": token}));
    } else {
        eprintln!("This token is shown once; keep it safe.");
        println!("{token}");
    }
    parts.db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Makes a token: its internal id, when, and the token itself.
pub async fn make(parts: &Parts, name: &str, role: Role) -> anyhow::Result<(i64, Instant, String)> {
    let (token, hash) = rialto_web::auth::new_token(&parts.random);
    let who = parts.actor();
    let mut tx = parts.db.write().await?;
    let id = tokens::create(&mut tx, name, &hash, role, &who).await?;
    tx.commit().await?;
    Ok((id, who.at, token))
}
