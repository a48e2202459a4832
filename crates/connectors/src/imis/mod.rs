//! iMIS by its REST interface, both generations: IQA queries of a folder as lists, communication preferences, activities, and
//! user-defined tables.
//!
//! - `settings`: the bridge's form, and its faults.
//! - `session`: the token; `service`: requests; `dialect`: `$type`, `$values` and boxed values.
//! - `documents`: folders and definitions of queries; `lists`, `fields`, `probe`: what the bridge offers.
//! - `paging`: the way through the pages of a query; `rows`: from rows to people; `people`: page by page.
//! - `preferences`: the communication type and who opted out; `party`: a person, read and put back whole.
//! - `writeback`: what is told to the remote, `delivery` what all of it has in common; `activity`, `personas`: the parts; `table`,
//!   `setup`: what has to be there before.

mod activity;
mod delivery;
mod dialect;
mod documents;
mod fields;
mod lists;
mod paging;
mod party;
mod people;
mod personas;
mod preferences;
mod probe;
mod rows;
mod service;
mod session;
mod settings;
mod setup;
mod table;
mod writeback;

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use rialto_core::run::Trigger;

use crate::ahead::ahead;
use crate::catalogue::{BridgeKind, NoMode, Secrets, Settings};
use crate::http::Outbound;
use crate::{
    Acknowledged, Connector, ConnectorError, Delivery, DeliveryError, FieldError, Page, ProbeReport, RemoteField, RemoteInterest,
    RemoteList, SetUpFault, Shown,
};
use service::Service;

/// The kind as the catalogue has it.
pub static KIND: BridgeKind = BridgeKind {
    kind: "imis",
    name: "iMIS",
    list_name: "IQA query",
    settings: settings::FORM,
    secrets: settings::SECRETS,
    triggers: &[
        Trigger::RefreshGroups,
        Trigger::RefreshBridge,
        Trigger::Info,
        Trigger::Send,
        Trigger::Overnight,
        Trigger::Api,
        Trigger::Cli,
    ],
    no_mode: NoMode::ImportAsSuppressed,
    writebacks: settings::WRITEBACKS,
    timing: settings::timing,
    lists_interests: false,
    can_fetch: false,
    silence_is_interest: None,
    setup_script: None,
    check: settings::check,
    open,
};

fn open(settings: &Settings, secrets: &Secrets, outbound: &Outbound) -> Result<Arc<dyn Connector>, Vec<FieldError>> {
    let settings = settings::read(settings, secrets)?;
    let service = Service::new(settings, outbound).map_err(|detail| vec![FieldError { field: settings::BASE_URL.into(), detail }])?;
    Ok(Arc::new(Imis { service: Arc::new(service) }))
}

struct Imis {
    service: Arc<Service>,
}

#[async_trait]
impl Connector for Imis {
    async fn probe(&self) -> Result<ProbeReport, ConnectorError> {
        probe::probe(&self.service).await
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
        party::shown(&self.service, remote_id).await
    }

    /// Interests of iMIS are check boxes in tables of each site's own: none are offered.
    async fn interests(&self) -> Result<Vec<RemoteInterest>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn interests_of(&self, _remote_id: &str) -> Result<Vec<RemoteInterest>, ConnectorError> {
        Ok(Vec::new())
    }
}
