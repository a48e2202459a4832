//! The configuration: one TOML file, each key also in the environment. Every fault is told with its path.

mod keys;
mod read;
pub mod secret;
mod value;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use rialto_core::gate::Limits;

pub use read::load;

/// What an installation is told. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct Config {
    pub account_name: String,
    /// IANA name.
    pub timezone: String,
    /// May hold a password: never printed.
    pub database_url: String,
    pub listen: SocketAddr,
    pub public_url: Option<String>,
    /// Without a value: true if `public_url` begins with `https://`.
    pub secure_cookies: Option<bool>,
    /// Networks of reverse proxies that are believed when they say where a request comes from.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    pub key: Option<secret::Key>,
    pub key_file: Option<PathBuf>,
    pub allow_networks: Vec<String>,
    pub login_after_seconds: i64,
    /// Time of day, `HH:MM`.
    pub overnight_at: String,
    pub writeback_seconds: i64,
    pub writeback_lease_seconds: i64,
    pub limits: Limits,
    pub workers: usize,
    pub lease_seconds: i64,
    pub log_format: LogFormat,
    /// A level, or a filter as `tracing` writes it.
    pub log_level: String,
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            account_name: "Rialto".into(),
            timezone: "UTC".into(),
            database_url: "sqlite://rialto.db".into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_url: None,
            secure_cookies: None,
            trusted_proxies: Vec::new(),
            key: None,
            key_file: None,
            allow_networks: Vec::new(),
            login_after_seconds: 600,
            overnight_at: "02:00".into(),
            writeback_seconds: 600,
            writeback_lease_seconds: 60,
            limits: Limits::default(),
            workers: 2,
            lease_seconds: 30,
            log_format: LogFormat::Text,
            log_level: "info".into(),
        }
    }
}

impl Config {
    /// Where browsers reach Rialto.
    pub fn public_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }

    pub fn secure_cookies(&self) -> bool {
        self.secure_cookies.unwrap_or_else(|| self.public_url().starts_with("https://"))
    }

    /// The key that seals secrets, or what to do about its absence.
    pub fn key(&self) -> Result<secret::Key, Fault> {
        if let Some(key) = &self.key {
            return Ok(key.clone());
        }
        let Some(path) = &self.key_file else {
            return Err(Fault::new(
                "secrets.key",
                "is not set. Make a key with `openssl rand -hex 32`, keep it in a file that only Rialto can read, and name the file in secrets.key_file",
            ));
        };
        secret::read_key_file(path).map_err(|fault| Fault::new("secrets.key_file", fault))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("account_name", &self.account_name).field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// One fault of the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The key's path, or the name of the file or variable.
    pub path: String,
    pub text: String,
}

impl Fault {
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.text)
    }
}

/// All faults of a configuration, each on a line.
#[derive(Debug)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration has faults:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}
