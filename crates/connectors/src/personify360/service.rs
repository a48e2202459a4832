//! Requests to the data service.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use quick_xml::escape::escape;
use url::Url;

use super::settings::Settings;
use crate::http::{Client, Expect, Outbound, Read};
use crate::{ConnectorError, RemoteList};

const PROCEDURE_PATH: &str = "GetStoredProcedureDataXML";

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
        let body = request_xml(procedure, parameters).into();
        let read = Read { url: self.below(PROCEDURE_PATH), body: Some((body, "application/xml; charset=utf-8")), expect: Expect::Xml };
        self.client.read(&read).await.map_err(|e| named(e, procedure))
    }

    /// Reads an entity set, narrowed by a filter, as verbose JSON. Errors name the set.
    pub(super) async fn entities(&self, set: &str, filter: &str) -> Result<Bytes, ConnectorError> {
        let mut url = self.below(set);
        if !filter.is_empty() {
            url.query_pairs_mut().append_pair("$filter", filter);
        }
        self.client.read(&Read { url, body: None, expect: Expect::Json }).await.map_err(|e| named(e, set))
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
