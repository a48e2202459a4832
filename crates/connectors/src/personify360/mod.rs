//! Personify360 by its Personify Data Services: marketing lists read through stored procedures that the customer's
//! administrator installs once ([`setup_script`]), or through entity sets.
//!
//! - `settings`: the bridge's form, and its faults.
//! - `service`: requests to the data service.
//! - `dataset`: the escaped DataSet inside a procedure's answer; `table`: small answers as tables.
//! - `lists`, `fields`, `probe`: what the bridge offers.
//! - `rows`: from cells to people; `people`: page by page; `entity_set`: the same through OData; `json`: its answers.
//! - `writeback`: what is told to the remote, `delivery` what all of it has in common; `customer`, `activity`, `interests`: the
//!   parts; `setup`: what has to be there before; `entity`, `remote_id`: what goes to and fro.
//! - `history`, `position`, `budget`: whether the columns are there, whether a read gets on, and when it has taken enough.

mod activity;
mod budget;
mod customer;
mod dataset;
mod delivery;
mod entity;
mod entity_set;
mod fields;
mod history;
mod interests;
mod json;
mod lists;
mod metadata;
mod people;
mod position;
mod probe;
mod remote_id;
mod rows;
mod service;
mod settings;
mod setup;
mod table;
mod writeback;

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use rialto_core::run::Trigger;
use rialto_core::writeback::InterestKey;

use crate::ahead::ahead;
use crate::catalogue::{BridgeKind, NoMode, Secrets, Settings};
use crate::http::Outbound;
use crate::names;
use crate::{
    Acknowledged, Connector, ConnectorError, Delivery, DeliveryError, FieldError, Page, ProbeReport, RemoteField, RemoteInterest,
    RemoteList, SetUpFault, Shown,
};
use fields::Offering;
use lists::Listing;
use service::Service;
use settings::ListsVia;

/// The kind as the catalogue has it.
pub static KIND: BridgeKind = BridgeKind {
    kind: "personify360",
    name: "Personify360",
    list_name: "MKT List",
    settings: settings::FORM,
    secrets: settings::SECRETS,
    triggers: &[
        Trigger::Login,
        Trigger::Send,
        Trigger::RefreshGroups,
        Trigger::RefreshBridge,
        Trigger::Resync,
        Trigger::Overnight,
        Trigger::Api,
        Trigger::Cli,
    ],
    no_mode: NoMode::ImportAsSuppressed,
    writebacks: settings::WRITEBACKS,
    timing: crate::catalogue::with_the_cycle,
    lists_interests: true,
    can_fetch: false,
    silence_is_interest: None,
    setup_script: Some(setup_script),
    check: settings::check,
    open,
};

/// The T-SQL script that makes the stored procedures under their default names. An administrator adapts the marked
/// places and runs it once on the Personify database.
pub fn setup_script() -> &'static str {
    include_str!("setup.sql")
}

fn open(settings: &Settings, secrets: &Secrets, outbound: &Outbound) -> Result<Arc<dyn Connector>, Vec<FieldError>> {
    let settings = settings::read(settings, secrets)?;
    let service = Service::new(settings, outbound).map_err(|detail| vec![FieldError { field: settings::BASE_URL.into(), detail }])?;
    Ok(Arc::new(Personify360 { service: Arc::new(service) }))
}

struct Personify360 {
    service: Arc<Service>,
}

impl Personify360 {
    /// All lists, or at least the one with this code.
    async fn listing(&self, code: Option<&str>) -> Result<Listing, ConnectorError> {
        let listing = match self.service.settings.lists_via {
            ListsVia::Procedures => lists::all(&self.service).await?,
            ListsVia::EntitySet => entity_set::lists(&self.service, code).await?,
        };
        self.service.heard(&listing.lists);
        Ok(listing)
    }

    async fn offering(&self) -> Result<Offering, ConnectorError> {
        match self.service.settings.lists_via {
            ListsVia::Procedures => fields::all(&self.service).await,
            ListsVia::EntitySet => entity_set::fields(&self.service).await,
        }
    }
}

#[async_trait]
impl Connector for Personify360 {
    async fn probe(&self) -> Result<ProbeReport, ConnectorError> {
        probe::probe(self).await
    }

    async fn lists(&self) -> Result<Vec<RemoteList>, ConnectorError> {
        Ok(self.listing(None).await?.lists)
    }

    async fn list(&self, code: &str) -> Result<Option<RemoteList>, ConnectorError> {
        let lists = self.listing(Some(code)).await?.lists;
        Ok(lists.into_iter().find(|l| l.code == code))
    }

    async fn fields(&self) -> Result<Vec<RemoteField>, ConnectorError> {
        Ok(self.offering().await?.fields)
    }

    fn people<'a>(&'a self, code: &'a str, fields: &'a [String]) -> BoxStream<'a, Result<Page, ConnectorError>> {
        let (service, code, fields) = (self.service.clone(), code.to_owned(), fields.to_vec());
        match self.service.settings.lists_via {
            ListsVia::Procedures => {
                let wanted = people::Wanted::list(&service, &code);
                ahead(move |out| people::read(service, wanted, fields, out))
            }
            ListsVia::EntitySet => ahead(move |out| entity_set::people(service, code, fields, out)),
        }
    }

    async fn set_up_faults(&self) -> Result<Vec<SetUpFault>, ConnectorError> {
        setup::faults(&self.service).await
    }

    async fn deliver(&self, delivery: Delivery<'_>) -> Result<Acknowledged, DeliveryError> {
        writeback::deliver(&self.service, delivery).await
    }

    async fn shown(&self, remote_id: &str) -> Result<Shown, ConnectorError> {
        customer::shown(&self.service, remote_id).await
    }

    async fn interests(&self) -> Result<Vec<RemoteInterest>, ConnectorError> {
        interests::all(&self.service).await
    }

    async fn interests_of(&self, remote_id: &str) -> Result<Vec<RemoteInterest>, ConnectorError> {
        interests::of(&self.service, remote_id).await
    }

    async fn interest_list(&self, interest: &InterestKey) -> Result<Option<RemoteList>, ConnectorError> {
        interests::list(&self.service, interest).await
    }

    fn interest_people<'a>(&'a self, interest: &'a InterestKey, fields: &'a [String]) -> BoxStream<'a, Result<Page, ConnectorError>> {
        let (service, fields) = (self.service.clone(), fields.to_vec());
        let wanted = people::Wanted::interest(&service, interest);
        ahead(move |out| people::read(service, wanted, fields, out))
    }
}

#[cfg(test)]
#[path = "hostile_test.rs"]
mod hostile_tests;
