//! A simulated remote and bridges to it.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use futures::StreamExt;
use rialto_connectors::http::{Limits, Outbound};
use rialto_connectors::{Connector, ConnectorError, Page, kind};
use rialto_core::Clock;
use rialto_core::person::RemotePerson;
use rialto_sandbox::{FaultRule, Options, Running, Sandbox};
use secrecy::SecretString;

pub type Bridge = Arc<dyn Connector>;

/// Fields that the tests ask for.
pub const FIELDS: &[&str] = &["FIRST_NAME", "LAST_NAME", "JOB_TITLE", "CITY", "STATE"];

pub fn fields() -> Vec<String> {
    FIELDS.iter().map(|f| (*f).to_owned()).collect()
}

/// A remote that runs.
pub struct Remote(Running);

impl Remote {
    pub async fn start(people: u64) -> Self {
        Self::with(Options { people, ..Options::default() }).await
    }

    pub async fn with(options: Options) -> Self {
        Self(rialto_sandbox::start(options).await.expect("a free port"))
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    pub fn fault(&self, rule: FaultRule) {
        self.sandbox().inject(rule);
    }

    pub fn bridge(&self, settings: &[(&str, &str)]) -> Bridge {
        let options = self.sandbox().options();
        bridge(&self.0.service_root(), settings, &options.user, &options.password, &["127.0.0.1"]).expect("settings that fit")
    }
}

/// Short and small enough for tests.
pub fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(2),
        idle: Duration::from_millis(2_500),
        request: Duration::from_secs(5),
        attempts: 3,
        pause: Duration::from_millis(10),
        patience: Duration::from_secs(3),
        call: Duration::from_secs(6),
        body: 4 << 20,
    }
}

/// A way out to these networks.
pub fn outbound(allow: &[&str]) -> Result<Outbound, String> {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let allow: Vec<String> = allow.iter().map(|a| (*a).to_owned()).collect();
    let clock = Clock::manual(Arc::new(AtomicI64::new(1_767_600_000_000_000)));
    Ok(Outbound::new(&allow, clock)?.with_limits(limits()))
}

/// A bridge to any address; the error is the kind's own.
pub fn bridge(root: &str, settings: &[(&str, &str)], user: &str, password: &str, allow: &[&str]) -> Result<Bridge, String> {
    bridge_over(&outbound(allow)?, root, settings, user, password)
}

pub fn bridge_over(outbound: &Outbound, root: &str, settings: &[(&str, &str)], user: &str, password: &str) -> Result<Bridge, String> {
    let mut all: std::collections::BTreeMap<String, String> = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    all.insert("base_url".into(), root.into());
    all.entry("requests_per_second".into()).or_insert_with(|| "100".into());
    let secret = |v: &str| SecretString::from(v.to_owned());
    let secrets = [("username".to_owned(), secret(user)), ("password".to_owned(), secret(password))].into();
    let kind = kind("personify360").expect("the kind is in the catalogue");
    assert_eq!((kind.check)(&all, &secrets), []);
    (kind.open)(&all, &secrets, outbound).map_err(|faults| faults.iter().map(|f| f.detail.as_str()).collect::<Vec<_>>().join("; "))
}

async fn collect(bridge: &Bridge, code: &str, fields: &[String]) -> (Vec<Page>, Option<ConnectorError>) {
    let mut stream = bridge.people(code, fields);
    let mut pages = Vec::new();
    while let Some(item) = stream.next().await {
        match item {
            Ok(page) => pages.push(page),
            Err(error) => {
                assert!(stream.next().await.is_none(), "nothing comes after an error");
                return (pages, Some(error));
            }
        }
    }
    (pages, None)
}

pub async fn all_people(bridge: &Bridge, code: &str) -> Result<Vec<RemotePerson>, ConnectorError> {
    people_of(bridge, code, &fields()).await
}

pub async fn people_of(bridge: &Bridge, code: &str, fields: &[String]) -> Result<Vec<RemotePerson>, ConnectorError> {
    match collect(bridge, code, fields).await {
        (_, Some(error)) => Err(error),
        (pages, None) => Ok(pages.into_iter().flat_map(|p| p.rows).collect()),
    }
}
