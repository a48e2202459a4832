//! Calls of the Concierge API: signed, in a session that is renewed when it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use quick_xml::escape::escape;
use secrecy::{ExposeSecret, SecretString};

use super::envelope::{self, CallError, Caller, Outcome, Said, action};
use super::object::Object;
use super::settings::Settings;
use super::setup::Basis;
use super::sign::signature;
use super::xml::{Node, protocol};
use crate::ConnectorError;
use crate::http::{Client, Expect, HeaderMap, HeaderName, HeaderValue, Outbound, Read, Write};

const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");
const TEXT_XML: &str = "text/xml; charset=utf-8";
/// Most bytes of a session's id.
const SESSION: usize = 200;
/// Objects asked for at once.
pub(super) const OBJECTS: usize = 400;
/// Most objects of one statement.
const MOST_OBJECTS: usize = 20_000;

/// How a call is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// It changes nothing: tried again after passing troubles.
    Patient,
    /// It changes nothing, and is tried once.
    Once,
    /// It writes: sent once, whatever happens to it.
    Write,
}

/// One MemberSuite with the settings of its bridge.
pub(super) struct Service {
    pub settings: Settings,
    client: Client,
    /// `None` until somebody calls; empty when the service opens no sessions.
    session: tokio::sync::Mutex<Option<Arc<str>>>,
    /// People of the searches that were last asked for: how much reading them may take.
    announced: Mutex<HashMap<String, u64>>,
    /// What activities are made of, once it was learned.
    pub basis: tokio::sync::Mutex<Option<Arc<Basis>>>,
}

impl Service {
    /// Opens no connection. The error is a sentence about the address.
    pub(super) fn new(settings: Settings, outbound: &Outbound) -> Result<Self, String> {
        let secrets = vec![settings.secret.clone(), SecretString::from(settings.access_key_id.clone())];
        let client = outbound.bare(&settings.base, &settings.access_key_id, secrets, settings.requests_per_second)?;
        Ok(Self {
            settings,
            client,
            session: tokio::sync::Mutex::default(),
            announced: Mutex::default(),
            basis: tokio::sync::Mutex::default(),
        })
    }

    /// Remembers what a search announces.
    pub(super) fn heard(&self, code: &str, people: Option<u64>) {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        match people {
            Some(people) => announced.insert(code.to_owned(), people),
            None => announced.remove(code),
        };
    }

    /// How many people the search announced when it was last asked for.
    pub(super) fn announced(&self, code: &str) -> Option<u64> {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).get(code).copied()
    }

    /// Calls an operation; `arguments` are elements. A session that has ended is renewed, but no writing call is sent twice.
    pub(super) async fn call(&self, operation: &str, arguments: &str, way: Way) -> Result<Node, CallError> {
        let session = self.session(way).await?;
        match self.exchange(operation, arguments, &session, way).await {
            Err(CallError::Said(said)) if said.code == "SessionExpired" => {
                self.ended(&session).await;
                if way == Way::Write {
                    let detail = format!("{operation}: the session had ended; the next try opens another one");
                    return Err(ConnectorError::Transient { detail }.into());
                }
                let session = self.session(way).await?;
                Ok(self.exchange(operation, arguments, &session, way).await?.value)
            }
            other => Ok(other?.value),
        }
    }

    /// The session, opened if there is none.
    async fn session(&self, way: Way) -> Result<Arc<str>, CallError> {
        let mut held = self.session.lock().await;
        if let Some(session) = &*held {
            return Ok(session.clone());
        }
        let way = if way == Way::Patient { Way::Patient } else { Way::Once };
        let opened = match self.exchange("WhoAmI", "", "", way).await {
            Ok(outcome) => outcome.session.unwrap_or_default(),
            Err(error) => match ConnectorError::from(error) {
                // It opens none: signed calls are taken without one.
                ConnectorError::Rejected { .. } => String::new(),
                other => return Err(other.into()),
            },
        };
        if opened.len() > SESSION || !opened.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(protocol("WhoAmI: a session with an odd name").into());
        }
        Ok(held.insert(opened.into()).clone())
    }

    /// Forgets a session, unless another one was opened meanwhile.
    async fn ended(&self, session: &Arc<str>) {
        let mut held = self.session.lock().await;
        if held.as_ref() == Some(session) {
            *held = None;
        }
    }

    async fn exchange(&self, operation: &str, arguments: &str, session: &str, way: Way) -> Result<Outcome, CallError> {
        let settings = &self.settings;
        let action = action(operation);
        let signature = signature(&settings.key, &action, &settings.association_id, session);
        let caller =
            Caller { access_key_id: &settings.access_key_id, association_id: &settings.association_id, session, signature: &signature };
        let body = Bytes::from(envelope::call(&caller, operation, arguments));
        let quoted = HeaderValue::try_from(format!("\"{action}\"")).map_err(|_| protocol("an operation that cannot be called"))?;
        let headers = HeaderMap::from_iter([(SOAP_ACTION, quoted)]);
        let answered = self.send(body, &headers, way).await.map_err(|e| named(e, operation))?;
        let decoded = decode(answered, operation).await;
        decoded.map_err(|error| match error {
            CallError::Said(said) => CallError::Said(self.discreet(said)),
            CallError::Failed(error) => CallError::Failed(named(error, operation)),
        })
    }

    async fn send(&self, body: Bytes, headers: &HeaderMap, way: Way) -> Result<Bytes, ConnectorError> {
        let url = self.settings.base.clone();
        match way {
            Way::Patient => self.client.read_with(&Read { url, body: Some((body, TEXT_XML)), expect: Expect::Xml }, headers).await,
            Way::Once => self.client.read_once_with(&Read { url, body: Some((body, TEXT_XML)), expect: Expect::Xml }, headers).await,
            Way::Write => self.client.write_with(&Write { url, body: (body, TEXT_XML), expect: Expect::Xml }, headers).await,
        }
    }

    /// The remote's words without what is secret here.
    fn discreet(&self, said: Said) -> Said {
        let hide = |text: String| text.replace(self.settings.secret.expose_secret().trim(), "…").replace(&self.settings.access_key_id, "…");
        Said { message: hide(said.message), ..said }
    }

    /// One object; `None` when there is no such record.
    pub(super) async fn get(&self, id: &str, way: Way) -> Result<Option<Object>, ConnectorError> {
        match self.call("Get", &format!("<id>{}</id>", escape(id)), way).await {
            Ok(value) if value.children.is_empty() => Ok(None),
            Ok(value) => Object::read(&value).map(Some).map_err(|e| named(e, "Get")),
            Err(CallError::Said(said)) if said.code == "RecordNotFound" => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    /// All objects that a statement finds: as many as are announced, each once, or an error.
    pub(super) async fn objects(&self, statement: &str, way: Way) -> Result<Vec<Object>, CallError> {
        let mut all: Vec<Object> = Vec::new();
        let mut ids = std::collections::HashSet::new();
        loop {
            let arguments = format!(
                "<msqlStatement>{}</msqlStatement><startRecord>{}</startRecord><maximumNumberOfRecordsToReturn>{OBJECTS}</maximumNumberOfRecordsToReturn>",
                escape(statement),
                all.len()
            );
            let value = self.call("ExecuteMSQL", &arguments, way).await?;
            let (page, total) = Object::page(value).map_err(|e| named(e, "ExecuteMSQL"))?;
            if page.len() > OBJECTS {
                return Err(protocol(format!("ExecuteMSQL: more than the {OBJECTS} objects that were asked for")).into());
            }
            let got = page.len();
            if page.iter().any(|object| !ids.insert(object.text("ID").to_owned())) {
                return Err(protocol("ExecuteMSQL: an object that came twice").into());
            }
            all.extend(page);
            let whole = total.is_none_or(|total| all.len() as u64 == total);
            match (got, whole) {
                (_, true) if total.is_some() || got < OBJECTS => return Ok(all),
                (1.., _) if all.len() < MOST_OBJECTS => {}
                (0, false) => {
                    let detail = format!("ExecuteMSQL: {} objects, although {} were announced", all.len(), total.unwrap_or_default());
                    return Err(protocol(detail).into());
                }
                _ => {
                    return Err(
                        protocol(format!("ExecuteMSQL: more than the {MOST_OBJECTS} objects that one statement may find here")).into()
                    );
                }
            }
        }
    }
}

/// Decodes an answer beside the tasks that serve connections.
async fn decode(body: Bytes, operation: &str) -> Result<Outcome, CallError> {
    if body.len() < 64 << 10 {
        return envelope::outcome(&body, operation);
    }
    let operation = operation.to_owned();
    let work = tokio::task::spawn_blocking(move || envelope::outcome(&body, &operation));
    work.await.unwrap_or_else(|_| Err(protocol("an answer that cannot be decoded").into()))
}

/// Adds what was asked for to an error's detail.
pub(super) fn named(error: ConnectorError, what: &str) -> ConnectorError {
    let add = |detail: String| format!("{what}: {detail}");
    match error {
        ConnectorError::Rejected { detail } => ConnectorError::Rejected { detail: add(detail) },
        ConnectorError::Protocol { detail } => ConnectorError::Protocol { detail: add(detail) },
        ConnectorError::Transient { detail } => ConnectorError::Transient { detail: add(detail) },
        ConnectorError::Auth { detail } => ConnectorError::Auth { detail: add(detail) },
        other => other,
    }
}
