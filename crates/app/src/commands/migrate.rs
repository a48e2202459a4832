//! `rialto migrate`: the schema, without starting anything.

use std::process::ExitCode;

use anyhow::Context;
use rialto_store::Db;

use crate::cli::Configured;
use crate::{config, observe};

pub async fn run(args: &Configured) -> anyhow::Result<ExitCode> {
    let config = config::load(args.config.as_deref())?;
    observe::log(&config);
    let db = Db::open(&config.database_url).await.context("the schema could not be brought up to date")?;
    db.close().await;
    println!("The schema is up to date.");
    Ok(ExitCode::SUCCESS)
}
