//! Requests to the data service.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use quick_xml::escape::escape;
use url::Url;

use super::settings::Settings;
use crate::http::{Client, Expect, Outbound, Read, Write};
use crate::{ConnectorError, RemoteList};

const PROCEDURE_PATH: &str = "GetStoredProcedureDataXML";

/// The two that change something.
#[derive(Clone, Copy)]
pub(super) enum Operation {
    Save,
    Delete,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Save => "Save",
            Self::Delete => "Delete",
        }
    }
}

/// One Personify360 data service with the settings of its bridge.
pub(super) struct Service {
    pub settings: Settings,
    client: Client,
    /// Members of the lists that were last asked for: how much reading them may take.
    announced: Mutex<HashMap<String, u64>>,
}

impl Service {
    /// Opens no connection. The error is a sentence about the address.
    pub(super) fn new(settings: Settings, outbound: &Outbound) -> Result<Self, String> {
        let client = outbound.basic(&settings.base, &settings.username, &settings.password, settings.requests_per_second)?;
        Ok(Self { settings, client, announced: Mutex::default() })
    }

    /// Remembers what lists announce.
    pub(super) fn heard(&self, lists: &[RemoteList]) {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        *announced = lists.iter().filter_map(|l| Some((l.code.clone(), l.members?))).collect();
    }

    /// How many people the list announced when it was last asked for.
    pub(super) fn announced(&self, code: &str) -> Option<u64> {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).get(code).copied()
    }

    /// Calls a stored procedure that only reads, and returns the answer's body. Errors name the procedure.
    pub(super) async fn call(&self, procedure: &str, parameters: &[(&str, &str)]) -> Result<Bytes, ConnectorError> {
        self.client.read(&self.procedure(procedure, parameters)).await.map_err(|e| named(e, procedure))
    }

    /// The same with a single attempt.
    pub(super) async fn call_once(&self, procedure: &str, parameters: &[(&str, &str)]) -> Result<Bytes, ConnectorError> {
        self.client.read_once(&self.procedure(procedure, parameters)).await.map_err(|e| named(e, procedure))
    }

    fn procedure(&self, procedure: &str, parameters: &[(&str, &str)]) -> Read {
        let body = request_xml(procedure, parameters).into();
        Read { url: self.below(PROCEDURE_PATH), body: Some((body, "application/xml; charset=utf-8")), expect: Expect::Xml }
    }

    /// Reads an entity set, narrowed by a filter, as verbose JSON. Errors name the set.
    pub(super) async fn entities(&self, set: &str, filter: &str) -> Result<Bytes, ConnectorError> {
        self.client.read(&self.entity_set(set, filter)).await.map_err(|e| named(e, set))
    }

    /// The same with a single attempt.
    pub(super) async fn entities_once(&self, set: &str, filter: &str) -> Result<Bytes, ConnectorError> {
        self.client.read_once(&self.entity_set(set, filter)).await.map_err(|e| named(e, set))
    }

    fn entity_set(&self, set: &str, filter: &str) -> Read {
        let mut url = self.below(set);
        if !filter.is_empty() {
            url.query_pairs_mut().append_pair("$filter", filter);
        }
        Read { url, body: None, expect: Expect::Json }
    }

    /// A blank entity with the service's defaults; nothing is stored yet. Errors name the entity.
    pub(super) async fn create(&self, entity: &str) -> Result<Bytes, ConnectorError> {
        let read = Read { url: self.operation("Create", entity), body: None, expect: Expect::Json };
        self.client.read_once(&read).await.map_err(|e| named(e, entity))
    }

    /// Saves or deletes an entity, once. Errors name the entity.
    pub(super) async fn write(&self, operation: Operation, entity: &str, body: String) -> Result<Bytes, ConnectorError> {
        let url = self.operation(operation.name(), entity);
        let write = Write { url, body: (body.into(), "application/json; charset=utf-8"), expect: Expect::Json };
        self.client.write(&write).await.map_err(|e| named(e, entity))
    }

    fn operation(&self, name: &str, entity: &str) -> Url {
        let mut url = self.below(name);
        // Quotes stay as they are; a name is letters, digits and underscores.
        url.set_query(Some(&format!("EntityName='{entity}'")));
        url
    }

    /// The description of all entity sets.
    pub(super) async fn metadata(&self) -> Result<Bytes, ConnectorError> {
        let read = Read { url: self.below("$metadata"), body: None, expect: Expect::Xml };
        self.client.read(&read).await.map_err(|e| named(e, "$metadata"))
    }

    fn below(&self, segment: &str) -> Url {
        let mut url = self.settings.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(segment);
        }
        url
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

fn request_xml(procedure: &str, parameters: &[(&str, &str)]) -> String {
    let mut xml = String::from("<StoredProcedureRequest><StoredProcedureName>");
    xml.push_str(&escape(procedure));
    xml.push_str("</StoredProcedureName><IsUserDefinedFunction>false</IsUserDefinedFunction><SPParameterList>");
    for (name, value) in parameters {
        xml.push_str("<StoredProcedureParameter><Name>@");
        xml.push_str(name);
        xml.push_str("</Name><Value>");
        xml.push_str(&escape(*value));
        xml.push_str("</Value><Direction>1</Direction></StoredProcedureParameter>");
    }
    xml.push_str("</SPParameterList></StoredProcedureRequest>");
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_escaped() {
        let xml = request_xml("usr_X", &[("ListCode", "A&B<'\">")]);
        assert!(xml.contains("<Name>@ListCode</Name><Value>A&amp;B&lt;&apos;&quot;&gt;</Value><Direction>1</Direction>"), "{xml}");
    }
}
