//! From file and environment to a [`Config`]. The environment wins over the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::keys::{KEYS, Key, similar, variable};
use super::value::Value;
use super::{Config, Fault, Faults, secret};

/// The file read when none is named and it exists.
const DEFAULT_FILE: &str = "rialto.toml";

/// Largest configuration file in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Reads the configuration: defaults, then the file, then the environment.
pub fn load(file: Option<&Path>) -> Result<Config, Faults> {
    let mut faults = Vec::new();
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .filter(|(k, _)| k.starts_with("RIALTO_"))
        .collect();
    let text = text_of(file, &mut faults);
    let base = file.and_then(Path::parent).map(Path::to_path_buf);
    let mut config = build(&text, &variables, &mut faults);
    if let (Some(base), Some(path)) = (base, config.key_file.as_mut())
        && path.is_relative()
        && !variables.contains_key("RIALTO_SECRETS_KEY_FILE")
    {
        *path = base.join(&*path);
    }
    check_together(&config, &mut faults);
    // A file that is named must be there; that none is named is told by the commands that need one.
    if let Some(path) = config.key_file.as_ref().filter(|_| config.key.is_none())
        && let Err(fault) = secret::read_key_file(path)
    {
        faults.push(Fault::new("secrets.key_file", fault));
    }
    if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
}

fn text_of(file: Option<&Path>, faults: &mut Vec<Fault>) -> String {
    let path = match file {
        Some(path) => path.to_path_buf(),
        None if Path::new(DEFAULT_FILE).exists() => PathBuf::from(DEFAULT_FILE),
        None => return String::new(),
    };
    let read = std::fs::metadata(&path).and_then(|m| {
        if m.len() > MAX_FILE { Err(std::io::Error::other("it is larger than 1 MiB")) } else { std::fs::read_to_string(&path) }
    });
    read.unwrap_or_else(|e| {
        faults.push(Fault::new(path.display().to_string(), format!("cannot be read: {e}")));
        String::new()
    })
}

fn build(text: &str, variables: &BTreeMap<String, String>, faults: &mut Vec<Fault>) -> Config {
    let mut config = Config::default();
    match text.parse::<toml::Table>() {
        Ok(table) => from_file(&mut config, &table, faults),
        Err(e) => {
            // The parser's own text quotes the line, which may hold a secret.
            let line = e.span().map_or(0, |s| text[..s.start.min(text.len())].lines().count().max(1));
            faults.push(Fault::new("file", format!("line {line} is no TOML: {}", e.message())));
        }
    }
    from_environment(&mut config, variables, faults);
    config
}

fn from_file(config: &mut Config, table: &toml::Table, faults: &mut Vec<Fault>) {
    let sections: Vec<&str> = KEYS.iter().filter_map(|k| k.path.split('.').next()).collect();
    for (section, value) in table {
        let Some(entries) = value.as_table().filter(|_| sections.contains(&section.as_str())) else {
            faults.push(unknown(section));
            continue;
        };
        for (name, value) in entries {
            let path = format!("{section}.{name}");
            let Some(key) = KEYS.iter().find(|k| k.path == path) else {
                faults.push(unknown(&path));
                continue;
            };
            match Value::from_toml(value) {
                Some(value) => set(config, key, value, key.path, faults),
                None => faults.push(Fault::new(path, "has a value of the wrong kind")),
            }
        }
    }
}

fn unknown(path: &str) -> Fault {
    let hint = similar(path).map(|s| format!("; did you mean {s}?")).unwrap_or_default();
    Fault::new(path, format!("is no key of the configuration{hint}"))
}

fn set(config: &mut Config, key: &Key, value: Value, told_as: &str, faults: &mut Vec<Fault>) {
    if let Err(text) = (key.set)(config, value) {
        faults.push(Fault::new(told_as, text));
    }
}

fn from_environment(config: &mut Config, variables: &BTreeMap<String, String>, faults: &mut Vec<Fault>) {
    for (name, value) in variables {
        let whole = KEYS.iter().find(|k| variable(k.path) == *name);
        let of_file = name.strip_suffix("_FILE").and_then(|n| KEYS.iter().find(|k| k.secret && variable(k.path) == n));
        match (whole, of_file) {
            (Some(key), _) => set(config, key, Value::Text(value.clone()), &told(key, name), faults),
            (None, Some(key)) => match secret::read_secret_file(Path::new(value)) {
                Ok(text) => set(config, key, Value::Text(text), &told(key, name), faults),
                Err(text) => faults.push(Fault::new(told(key, name), text)),
            },
            (None, None) if is_ours(name) => {
                let path = name.trim_start_matches("RIALTO_").to_ascii_lowercase().replacen('_', ".", 1);
                faults.push(Fault::new(format!("{path} ({name})"), "is no key of the configuration"));
            }
            (None, None) => {}
        }
    }
}

fn told(key: &Key, variable: &str) -> String {
    format!("{} ({variable})", key.path)
}

/// Variables beside the keys: for the command line and the tests, and those a container platform sets for a service named rialto.
fn is_ours(name: &str) -> bool {
    let rest = name.trim_start_matches("RIALTO_");
    name != "RIALTO_CONFIG" && !["TEST_", "SERVICE_", "PORT"].iter().any(|p| rest.starts_with(p))
}

/// Faults that only two keys together show.
fn check_together(config: &Config, faults: &mut Vec<Fault>) {
    if let Err(entry) = rialto_connectors::http::Outbound::new(&config.allow_networks, crate::clock::real()) {
        faults.push(Fault::new("outbound.allow_networks", entry));
    }
    if config.key.is_some() && config.key_file.is_some() {
        faults.push(Fault::new("secrets.key_file", "is set as well as secrets.key; keep one of them"));
    }
    if config.secure_cookies == Some(false) && config.public_url().starts_with("https://") {
        faults.push(Fault::new("http.secure_cookies", "must not be false while http.public_url begins with https://"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> (Config, Vec<String>) {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut faults = Vec::new();
        let config = build(text, &variables, &mut faults);
        check_together(&config, &mut faults);
        (config, faults.into_iter().map(|f| f.path).collect())
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let (config, faults) = read("[trust]\nmax_removed = 3\n[sync]\nlogin_after = \"5m\"", &[("RIALTO_TRUST_MAX_REMOVED", "7")]);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!((config.limits.max_removed, config.login_after_seconds), (7, 300));
    }

    #[test]
    fn every_fault_is_told_with_its_path() {
        let text = "colour = 1\n[http]\nlisten = \"here\"\nlisen = 1\n[trust]\nmax_removed_percent = 200\n[instance]\ntimezone = \"Mars/Olympus\"\n\
                    [outbound]\nallow_networks = [\"ten\"]";
        let (_, mut faults) = read(text, &[("RIALTO_DATABASE_ULR", "x"), ("RIALTO_TEST_POSTGRES", "x"), ("RIALTO_SERVICE_HOST", "x")]);
        faults.sort();
        let expected = [
            "colour",
            "database.ulr (RIALTO_DATABASE_ULR)",
            "http.lisen",
            "http.listen",
            "instance.timezone",
            "outbound.allow_networks",
            "trust.max_removed_percent",
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn an_address_with_a_path_is_refused() {
        for (url, fine) in
            [("https://rialto.example.org", true), ("https://rialto.example.org/", true), ("https://example.org/rialto", false)]
        {
            let (_, faults) = read(&format!("[http]\npublic_url = \"{url}\""), &[]);
            assert_eq!(faults.is_empty(), fine, "{url}: {faults:?}");
        }
    }

    #[test]
    fn proxies_are_networks_or_addresses() {
        let (config, faults) = read("[http]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]", &[("RIALTO_HTTP_SECURE_COOKIES", "false")]);
        assert!(faults.is_empty() && config.trusted_proxies.len() == 2, "{faults:?}");
        for bad in ["proxy.example", "0.0.0.0/0", "10.0.0.0/40"] {
            let (_, faults) = read(&format!("[http]\ntrusted_proxies = [\"{bad}\"]"), &[]);
            assert_eq!(faults, ["http.trusted_proxies"], "{bad}");
        }
    }

    #[test]
    fn a_broken_file_does_not_give_its_secrets_away() {
        let mut faults = Vec::new();
        build("[secrets]\nkey = \"hush-hush", &BTreeMap::new(), &mut faults);
        assert_eq!(faults.len(), 1);
        assert!(!faults[0].to_string().contains("hush"), "{}", faults[0]);
    }

    #[test]
    fn secrets_come_from_files_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, format!("{}\n", "0123456789abcdef".repeat(4))).expect("a file");
        let (config, faults) = read("", &[("RIALTO_SECRETS_KEY_FILE", &path.display().to_string())]);
        assert!(faults.is_empty(), "{faults:?}");
        assert!(config.key().is_ok());
    }
}
