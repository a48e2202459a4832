//! The binary: command line, configuration, wiring. What it does is in the other crates.

mod cli;
mod clock;
mod commands;
mod config;
mod demo;
mod http;
mod observe;
mod parts;
mod serve;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use cli::{Bridge, Cli, Command, Token, User, Writebacks};

/// The configuration has faults.
const BAD_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("rialto: a TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rialto: {error:#}");
            let faults = error.downcast_ref::<config::Faults>().is_some();
            ExitCode::from(if faults { BAD_CONFIGURATION } else { 1 })
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime does not start")?;
    let code = runtime.block_on(dispatch(command));
    // Work on threads of its own (a password hash, a file) does not hold the process up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    observe::file_size()?;
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::Check(args) => commands::check::run(&args),
        Command::Migrate(args) => commands::migrate::run(&args).await,
        Command::Demo(args) if args.once => demo::once::run(&args).await,
        Command::Demo(args) => demo::run(&args).await,
        Command::Sandbox(args) => commands::sandbox::run(&args).await,
        Command::SampleData(args) => commands::sample::run(args).await,
        Command::Bridge(Bridge::List { configured, json }) => commands::bridge::list(&configured, json).await,
        Command::Bridge(Bridge::Add { configured, kind, name, settings, secret_files, secrets_stdin, json }) => {
            let entered = commands::bridge::Add { kind, name, settings, secret_files, secrets_stdin };
            commands::bridge::add(&configured, entered, json).await
        }
        Command::Bridge(Bridge::Test { configured, bridge, json }) => commands::bridge::test(&configured, &bridge, json).await,
        Command::Bridge(Bridge::Refresh { configured, bridge, json }) => commands::bridge::refresh(&configured, &bridge, json).await,
        Command::Bridge(Bridge::SetupScript { kind }) => commands::bridge::setup_script(&kind),
        Command::Writebacks(Writebacks::List { configured, bridge, state, kind, limit, json }) => {
            commands::writebacks::list(&configured, bridge.as_deref(), &state, &kind, limit, json).await
        }
        Command::Writebacks(Writebacks::Retry { configured, id: Some(id), .. }) => commands::writebacks::retry(&configured, &id).await,
        Command::Writebacks(Writebacks::Retry { configured, bridge, kind, .. }) => {
            commands::writebacks::retry_all(&configured, &bridge.unwrap_or_default(), &kind).await
        }
        Command::Writebacks(Writebacks::Cancel { configured, id, reason }) => commands::writebacks::cancel(&configured, &id, &reason).await,
        Command::Sync(args) => commands::sync::run(&args).await,
        Command::Upload(args) => commands::upload::run(&args).await,
        Command::User(User::Add { configured, email, role, password_stdin }) => {
            commands::user::add(&configured, &email, role, password_stdin).await
        }
        Command::Token(Token::Create { configured, name, role, json }) => commands::token::create(&configured, &name, role, json).await,
    }
}
