//! `rialto check`: the configuration, without network.

use std::process::ExitCode;

use crate::cli::Configured;
use crate::config::{self, Faults};

pub fn run(args: &Configured) -> anyhow::Result<ExitCode> {
    let mut faults = Vec::new();
    match config::load(args.config.as_deref()) {
        Ok(config) => faults.extend(config.key().err()),
        Err(all) => faults = all.0,
    }
    if !faults.is_empty() {
        return Err(Faults(faults).into());
    }
    println!("The configuration is in order.");
    Ok(ExitCode::SUCCESS)
}
