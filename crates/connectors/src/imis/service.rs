//! Requests to the REST interface.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use super::preferences::CommunicationType;
use super::session::Session;
use super::settings::{Generation, Settings};
use crate::ConnectorError;
use crate::http::{Change, Client, Expect, Outbound, Read, Refusal, Verb};

const JSON: &str = "application/json; charset=utf-8";
/// Lists whose size is remembered.
const REMEMBERED: usize = 10_000;

/// One iMIS site with the settings of its bridge.
pub(super) struct Service {
    pub settings: Settings,
    client: Client,
    session: Session,
    /// Members of the lists that were last asked for: how much reading them may take.
    announced: Mutex<HashMap<String, u64>>,
    /// The communication type of the settings, and when it was looked up.
    pub(super) communication_type: Mutex<Option<(Instant, CommunicationType)>>,
}

impl Service {
    /// Opens no connection. The error is a sentence about the address.
    pub(super) fn new(settings: Settings, outbound: &Outbound) -> Result<Self, String> {
        let client = outbound.bare(&settings.base, &settings.username, vec![settings.password.clone()], settings.requests_per_second)?;
        Ok(Self { settings, client, session: Session::default(), announced: Mutex::default(), communication_type: Mutex::default() })
    }

    /// Remembers how many people a list announces.
    pub(super) fn heard(&self, code: &str, members: u64) {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        if announced.len() >= REMEMBERED {
            announced.clear();
        }
        announced.insert(code.to_owned(), members);
    }

    /// How many people the list announced when it was last asked for.
    pub(super) fn announced(&self, code: &str) -> Option<u64> {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).get(code).copied()
    }

    /// Address of an entity, or of one of its things.
    pub(super) fn address(&self, segments: &[&str], options: &[(&str, &str)]) -> Url {
        let mut url = self.settings.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("api").extend(segments);
        }
        if !options.is_empty() {
            url.query_pairs_mut().extend_pairs(options);
        }
        url
    }

    /// Reads what stands at an address. A token that is no longer taken is renewed once. Errors name the entity.
    pub(super) async fn get(&self, segments: &[&str], options: &[(&str, &str)], patient: bool) -> Result<Bytes, Refusal> {
        let read = Read { url: self.address(segments, options), body: None, expect: Expect::Json };
        self.read(&read, segments, patient).await
    }

    /// Executes an operation that changes nothing.
    pub(super) async fn execute(&self, entity: &str, operation: &str, parameters: Vec<Value>) -> Result<Bytes, Refusal> {
        let body = json!({
            "$type": "Asi.Soa.Core.DataContracts.GenericExecuteRequest, Asi.Contracts",
            "EntityTypeName": entity,
            "OperationName": operation,
            "Parameters": {
                "$type": "System.Collections.ObjectModel.Collection`1[[System.Object, mscorlib]], mscorlib",
                "$values": parameters,
            },
        });
        let segments = [entity, "_execute"];
        let read = Read { url: self.address(&segments, &[]), body: Some((body.to_string().into(), JSON)), expect: Expect::Json };
        self.read(&read, &segments, true).await
    }

    async fn read(&self, read: &Read, segments: &[&str], patient: bool) -> Result<Bytes, Refusal> {
        let what = segments.first().copied().unwrap_or_default();
        let signed = self.session.client(&self.settings, &self.client, patient).await?;
        let answer = match signed.client.asked(read, patient).await {
            Err(Refusal { status: Some(401), .. }) => {
                self.session.forget(&signed).await;
                let again = self.session.client(&self.settings, &self.client, patient).await?;
                again.client.asked(read, patient).await
            }
            answer => answer,
        };
        answer.map_err(|r| Refusal { error: named(r.error, what), ..r })
    }

    /// Carries out a change, once: not even a token that is no longer taken makes it go again.
    pub(super) async fn change(&self, verb: Verb, segments: &[&str], body: Option<&Value>) -> Result<Bytes, Refusal> {
        let what = segments.first().copied().unwrap_or_default();
        let signed = self.session.client(&self.settings, &self.client, false).await?;
        // What a deletion answers says nothing: whoever deletes looks whether it is gone.
        let expect = (verb != Verb::Delete).then_some(Expect::Json);
        let body = body.map(|body| (Bytes::from(body.to_string()), JSON));
        let change = Change { verb, url: self.address(segments, &[]), body, expect };
        let answer = signed.client.change(&change).await;
        if matches!(answer, Err(Refusal { status: Some(401), .. })) {
            self.session.forget(&signed).await;
        }
        answer.map_err(|r| Refusal { error: named(r.error, what), ..r })
    }

    /// Runs a query for so many rows from an offset.
    pub(super) async fn query(&self, path: &str, offset: usize, limit: usize) -> Result<Bytes, Refusal> {
        let route = match self.settings.generation {
            Generation::Ems => "query",
            Generation::Y2017 => "iqa",
        };
        let (offset, limit) = (offset.to_string(), limit.to_string());
        self.get(&[route], &[("QueryName", path), ("limit", &limit), ("offset", &offset)], true).await
    }
}

/// Adds what was asked for to an error's detail.
pub(super) fn named(error: ConnectorError, what: &str) -> ConnectorError {
    let add = |detail: String| format!("{what}: {detail}");
    match error {
        ConnectorError::Rejected { detail } => ConnectorError::Rejected { detail: add(detail) },
        ConnectorError::Protocol { detail } => ConnectorError::Protocol { detail: add(detail) },
        ConnectorError::Transient { detail } => ConnectorError::Transient { detail: add(detail) },
        other => other,
    }
}

/// An answer that breaks the contract.
pub(super) fn protocol(detail: impl Into<String>) -> ConnectorError {
    ConnectorError::Protocol { detail: detail.into() }
}
