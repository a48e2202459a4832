//! The MemberSuite connector against the simulated Concierge API.

mod hostile;
mod reading;
mod writing;

use std::collections::BTreeMap;

use futures::StreamExt;
use rialto_connectors::{ConnectorError, kind};
use rialto_core::person::RemotePerson;
use rialto_sandbox::FaultRule;
use rialto_sandbox::membersuite::{Options, Running, Sandbox};
use secrecy::SecretString;

use crate::support::{Bridge, outbound};

/// Fields that the tests ask for.
const FIELDS: &[&str] = &["EmailAddress", "FirstName", "LastName", "Title", "LocalID", "Region__c", "MemberSince__c", "DuesBalance__c"];

/// A remote that runs.
struct Remote(Running);

impl Remote {
    async fn start(people: u64) -> Self {
        Self::with(Options { people, ..Options::default() }).await
    }

    async fn with(options: Options) -> Self {
        Self(rialto_sandbox::membersuite::start(options).await.expect("a free port"))
    }

    fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    fn fault(&self, rule: FaultRule) {
        self.sandbox().inject(rule);
    }

    fn calls(&self, what: &str) -> u64 {
        self.sandbox().requests().counts.get(what).copied().unwrap_or_default()
    }

    fn bridge(&self, settings: &[(&str, &str)]) -> Bridge {
        let secret = self.sandbox().options().secret_access_key.clone();
        self.signed(settings, &secret)
    }

    fn signed(&self, settings: &[(&str, &str)], secret: &str) -> Bridge {
        let options = self.sandbox().options();
        let mut all = vec![
            ("association_id", options.association_id.as_str()),
            ("access_key_id", options.access_key_id.as_str()),
            ("individual_fields", "FirstName, LastName, Title, LocalID, Region__c, MemberSince__c, DuesBalance__c"),
        ];
        all.extend_from_slice(settings);
        bridge(&self.0.service_root(), &all, secret)
    }

    /// The ID of the search with this name.
    fn code(&self, name: &str) -> String {
        self.sandbox().search(name).expect(name).id
    }
}

fn bridge(root: &str, settings: &[(&str, &str)], secret: &str) -> Bridge {
    let mut all: BTreeMap<String, String> = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    all.insert("base_url".into(), root.into());
    all.entry("requests_per_second".into()).or_insert_with(|| "5000".into());
    let secrets = [("secret_access_key".to_owned(), SecretString::from(secret.to_owned()))].into();
    let kind = kind("membersuite").expect("the kind is in the catalogue");
    assert_eq!((kind.check)(&all, &secrets), []);
    let opened = (kind.open)(&all, &secrets, &outbound(&["127.0.0.0/8"]).unwrap());
    opened.unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn fields() -> Vec<String> {
    FIELDS.iter().map(|f| (*f).to_owned()).collect()
}

async fn people_of(bridge: &Bridge, code: &str, fields: &[String]) -> Result<Vec<RemotePerson>, ConnectorError> {
    let mut pages = bridge.people(code, fields);
    let mut people = Vec::new();
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => people.extend(page.rows),
            Err(error) => {
                assert!(pages.next().await.is_none(), "nothing comes after an error");
                return Err(error);
            }
        }
    }
    Ok(people)
}

async fn all_people(bridge: &Bridge, code: &str) -> Result<Vec<RemotePerson>, ConnectorError> {
    people_of(bridge, code, &fields()).await
}
