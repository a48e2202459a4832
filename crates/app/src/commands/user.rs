//! `rialto user`: access for people.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use rialto_core::permissions::{Access, Role};
use rialto_core::{Address, AddressState};
use rialto_store::users::{self, NewUser};
use rialto_web::auth::password;

use crate::cli::Configured;
use crate::parts::Parts;

pub async fn add(configured: &Configured, email: &str, role: Role, password_stdin: bool) -> anyhow::Result<ExitCode> {
    ensure!(Address::read(Some(email)).state == AddressState::Usable, "--email: {email} is no e-mail address");
    let secret = ask(password_stdin)?;
    let parts = Parts::open(configured).await?;
    make(&parts, email, role, &secret).await?;
    parts.db.close().await;
    println!("{email} may sign in as {}.", role.name());
    Ok(ExitCode::SUCCESS)
}

/// Makes a user; answers its internal id.
pub async fn make(parts: &Parts, email: &str, role: Role, secret: &str) -> anyhow::Result<i64> {
    if let Some(fault) = password::fault(secret, email) {
        bail!("{}: {}", fault.field, fault.detail);
    }
    let password_hash = password::hash_now(secret, &parts.random).map_err(|e| anyhow::anyhow!("the password cannot be hashed: {e}"))?;
    let new = NewUser { email: email.trim().to_owned(), password_hash, access: Access::preset(role), timezone: String::new() };
    let mut tx = parts.db.write().await?;
    let id = users::create(&mut tx, &new, &parts.actor()).await?;
    tx.commit().await?;
    Ok(id)
}

fn ask(from_stdin: bool) -> anyhow::Result<String> {
    if from_stdin {
        let mut text = String::new();
        std::io::stdin().take(8_192).read_to_string(&mut text).context("the password cannot be read from standard input")?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    if !std::io::stdin().is_terminal() {
        bail!("standard input is no terminal; give the password with --password-stdin");
    }
    let first = rpassword::prompt_password("Password: ")?;
    ensure!(first == rpassword::prompt_password("Again: ")?, "the two passwords differ");
    Ok(first)
}
