//! Every key of the configuration, in one table: its path, and how its value is read.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::value::Value;
use super::{Config, LogFormat};

type Set = fn(&mut Config, Value) -> Result<(), String>;

/// One key.
pub struct Key {
    /// As in the file: `section.key`.
    pub path: &'static str,
    /// The value is a secret or may hold one: its variable also exists with `_FILE` at its end.
    pub secret: bool,
    pub set: Set,
}

const fn key(path: &'static str, set: Set) -> Key {
    Key { path, secret: false, set }
}

const fn secret(path: &'static str, set: Set) -> Key {
    Key { path, secret: true, set }
}

/// A year: no duration of the configuration is longer.
const YEAR: i64 = 366 * 86_400;

pub static KEYS: &[Key] = &[
    key("instance.account_name", |c, v| {
        let name = v.text()?;
        if name.is_empty() || name.chars().count() > 100 {
            return Err("must have 1 to 100 characters".into());
        }
        c.account_name = name;
        Ok(())
    }),
    key("instance.timezone", |c, v| {
        let name = v.text()?;
        jiff::tz::TimeZone::get(&name).map_err(|_| format!("{name:?} is no time zone such as Europe/Vienna"))?;
        c.timezone = name;
        Ok(())
    }),
    secret("database.url", |c, v| {
        let url = v.text()?;
        let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|s| url.len() > s.len() && url.starts_with(s));
        if !known {
            return Err("must begin with sqlite:// or postgres://".into());
        }
        c.database_url = url;
        Ok(())
    }),
    key("http.listen", |c, v| {
        c.listen = v.text()?.parse::<SocketAddr>().map_err(|_| "must be an address and a port such as 127.0.0.1:8080")?;
        Ok(())
    }),
    key("http.public_url", |c, v| {
        let url = v.text()?;
        let url = url.trim_end_matches('/');
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if host.is_none_or(|h| h.is_empty() || h.contains(['?', '#', ' ', '@'])) {
            return Err("must be an address such as https://rialto.example.org".into());
        }
        if host.is_some_and(|h| h.contains('/')) {
            return Err("must have no path: Rialto needs a host name of its own, such as https://rialto.example.org".into());
        }
        c.public_url = Some(url.to_owned());
        Ok(())
    }),
    key("http.secure_cookies", |c, v| {
        c.secure_cookies = Some(v.bool()?);
        Ok(())
    }),
    key("http.trusted_proxies", |c, v| {
        c.trusted_proxies = v.list()?.iter().map(|text| network(text)).collect::<Result<_, _>>()?;
        Ok(())
    }),
    secret("secrets.key", |c, v| {
        c.key = Some(super::secret::read_key(&v.text()?)?);
        Ok(())
    }),
    key("secrets.key_file", |c, v| {
        c.key_file = Some(PathBuf::from(v.text()?));
        Ok(())
    }),
    key("outbound.allow_networks", |c, v| {
        c.allow_networks = v.list()?;
        Ok(())
    }),
    key("sync.login_after", |c, v| {
        c.login_after_seconds = v.seconds(0, YEAR)?;
        Ok(())
    }),
    key("sync.overnight_at", |c, v| {
        let text = v.text()?;
        if rialto_core::schedule::time_of_day(&text).is_none() {
            return Err("must be a time of day such as 02:00".into());
        }
        c.overnight_at = text;
        Ok(())
    }),
    key("writeback.interval", |c, v| {
        c.writeback_seconds = v.seconds(10, YEAR)?;
        Ok(())
    }),
    key("writeback.lease", |c, v| {
        c.writeback_lease_seconds = v.seconds(2, 3_600)?;
        Ok(())
    }),
    key("trust.max_removed", |c, v| {
        c.limits.max_removed = v.number(0, 1_000_000_000)?;
        Ok(())
    }),
    key("trust.max_removed_percent", |c, v| {
        c.limits.max_removed_percent = v.number(0, 100)?;
        Ok(())
    }),
    key("engine.workers", |c, v| {
        c.workers = v.number(1, 64)?;
        Ok(())
    }),
    key("engine.lease", |c, v| {
        c.lease_seconds = v.seconds(1, 3_600)?;
        Ok(())
    }),
    key("log.format", |c, v| {
        c.log_format = match v.text()?.as_str() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => return Err("must be text or json".into()),
        };
        Ok(())
    }),
    key("log.level", |c, v| {
        let level = v.text()?;
        level.parse::<tracing_subscriber::EnvFilter>().map_err(|_| "must be error, warn, info, debug or trace")?;
        c.log_level = level;
        Ok(())
    }),
];

/// A network such as `10.0.0.0/8`, or one address.
fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let text = text.trim();
    let net = text.parse::<ipnet::IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from));
    let net = net.map_err(|_| format!("{text:?} is no network such as 10.1.0.0/16, fd00::/8 or 127.0.0.1"))?;
    if net.prefix_len() == 0 {
        return Err(format!("{text:?} would believe everybody; name the proxies"));
    }
    Ok(net)
}

/// The environment variable of a key: `database.url` is `RIALTO_DATABASE_URL`.
pub fn variable(path: &str) -> String {
    format!("RIALTO_{}", path.replace('.', "_").to_ascii_uppercase())
}

/// The known key most like this one, for a fault's hint.
pub fn similar(path: &str) -> Option<&'static str> {
    let distance = |key: &&Key| edits(path, key.path);
    KEYS.iter().map(|k| (distance(&k), k.path)).min().filter(|(n, _)| *n <= 3).map(|(_, path)| path)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(100).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let change = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_told_apart() {
        let mut names: Vec<String> = KEYS.iter().map(|k| variable(k.path)).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        assert_eq!(similar("http.lissten"), Some("http.listen"));
        assert_eq!(similar("weather.tomorrow"), None);
    }
    #[test]
    fn the_manual_names_every_key_and_no_other() {
        let manual = include_str!("../../../../docs/OPERATIONS.md");
        let rows = manual.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next());
        let told: Vec<&str> = rows.filter(|k| k.contains('.') && !k.starts_with('/')).collect();
        let keys: Vec<&str> = KEYS.iter().map(|k| k.path).collect();
        assert_eq!(told, keys);
    }
}
