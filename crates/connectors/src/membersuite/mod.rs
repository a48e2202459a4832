//! MemberSuite by its SOAP Concierge API: saved searches read by executing them, Do Not Email by `Get` and `Save`.
//!
//! - `settings`: the bridge's form, and its faults.
//! - `sign`, `envelope`, `xml`: signatures, calls and results, bounded trees; `service`: calls in a session; `object`: records.
//! - `lists`, `search`, `fields`, `probe`: what the bridge offers, and a saved search made ready to be executed.
//! - `rows`: from the table of a search to people; `people`: page by page.
//! - `writeback`: what is told to the remote; `individual`, `categories`, `activity`, `save`: its parts; `setup`: what has to be there
//!   before.

mod activity;
mod categories;
mod envelope;
mod fields;
mod individual;
mod lists;
mod object;
mod people;
mod probe;
mod rows;
mod save;
mod search;
mod service;
mod settings;
mod setup;
mod sign;
mod writeback;
mod xml;

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use rialto_core::run::Trigger;
use rialto_core::writeback::{InterestKey, WritebackKind};

use crate::ahead::ahead;
use crate::catalogue::{BridgeKind, NoMode, Secrets, Settings};
use crate::http::Outbound;
use crate::{
    Acknowledged, Connector, ConnectorError, Delivery, DeliveryError, FieldError, Page, ProbeReport, RemoteField, RemoteInterest,
    RemoteList, SetUpFault, Shown,
};
use service::Service;

const MEMBERSUITE_WRITEBACKS: &[WritebackKind] =
    &[WritebackKind::Unsubscribe, WritebackKind::Resubscribe, WritebackKind::InvalidEmail, WritebackKind::Interests];

/// The kind as the catalogue has it.
pub static KIND: BridgeKind = BridgeKind {
    kind: "membersuite",
    name: "MemberSuite",
    list_name: "Search",
    settings: settings::FORM,
    secrets: settings::SECRETS,
    triggers: &[Trigger::RefreshGroups, Trigger::RefreshBridge, Trigger::Info, Trigger::Send, Trigger::Api, Trigger::Cli],
    no_mode: NoMode::LeaveOut,
    writebacks: MEMBERSUITE_WRITEBACKS,
    lists_interests: true,
    can_fetch: true,
    silence_is_interest: Some(settings::opts_new_people_in),
    timing: crate::catalogue::with_the_cycle,
    setup_script: None,
    check: settings::check,
    open,
};

fn open(settings: &Settings, secrets: &Secrets, outbound: &Outbound) -> Result<Arc<dyn Connector>, Vec<FieldError>> {
    let settings = settings::read(settings, secrets)?;
    let service = Service::new(settings, outbound).map_err(|detail| vec![FieldError { field: settings::BASE_URL.into(), detail }])?;
    Ok(Arc::new(MemberSuite { service: Arc::new(service) }))
}

struct MemberSuite {
    service: Arc<Service>,
}

#[async_trait]
impl Connector for MemberSuite {
    async fn probe(&self) -> Result<ProbeReport, ConnectorError> {
        probe::probe(self).await
    }

    async fn lists(&self) -> Result<Vec<RemoteList>, ConnectorError> {
        Ok(lists::all(&self.service).await?.lists)
    }

    async fn list(&self, code: &str) -> Result<Option<RemoteList>, ConnectorError> {
        lists::one(&self.service, code).await
    }

    async fn fields(&self) -> Result<Vec<RemoteField>, ConnectorError> {
        Ok(fields::all(&self.service).await?.fields)
    }

    fn people<'a>(&'a self, code: &'a str, fields: &'a [String]) -> BoxStream<'a, Result<Page, ConnectorError>> {
        let (service, code, fields) = (self.service.clone(), code.to_owned(), fields.to_vec());
        ahead(move |out| people::read(service, code, fields, out))
    }

    async fn set_up_faults(&self) -> Result<Vec<SetUpFault>, ConnectorError> {
        setup::faults(&self.service).await
    }

    async fn deliver(&self, delivery: Delivery<'_>) -> Result<Acknowledged, DeliveryError> {
        writeback::deliver(&self.service, delivery).await
    }

    async fn shown(&self, remote_id: &str) -> Result<Shown, ConnectorError> {
        individual::shown(&self.service, remote_id).await
    }

    async fn interests(&self) -> Result<Vec<RemoteInterest>, ConnectorError> {
        categories::all(&self.service).await
    }

    async fn interests_of(&self, remote_id: &str) -> Result<Vec<RemoteInterest>, ConnectorError> {
        categories::of(&self.service, remote_id).await
    }

    async fn interest_list(&self, interest: &InterestKey) -> Result<Option<RemoteList>, ConnectorError> {
        categories::list(&self.service, interest).await
    }

    fn interest_people<'a>(&'a self, interest: &'a InterestKey, fields: &'a [String]) -> BoxStream<'a, Result<Page, ConnectorError>> {
        let (service, category, fields) = (self.service.clone(), interest.code.clone(), fields.to_vec());
        ahead(move |out| people::interested(service, category, fields, out))
    }
}

#[cfg(test)]
#[path = "hostile_test.rs"]
mod hostile_tests;
