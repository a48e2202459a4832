//! The head of one data sync: its name with type and state, where it goes from and to, how far it is, and its tabs.

use rialto_core::permissions::Permission;
use rialto_store::audiences;
use rialto_store::data_syncs::{self, DataSync};

use super::matching::title;
use super::{link, mode_chip, standing};
use crate::api::data_syncs::load;
use crate::api::extract::Id;
use crate::error::Error;
use crate::pages::shell::Reader;
use crate::pages::text::{Chip, When};

pub struct Head {
    pub href: String,
    pub name: String,
    pub mode: Chip,
    pub state: Chip,
    /// Why it stands as it does; empty for nothing.
    pub why: String,
    /// It does not get on, or waits for somebody.
    pub trouble: bool,
    pub enabled: bool,
    pub review: bool,
    pub may: bool,
    pub source: String,
    pub destination: String,
    pub behind: i64,
    pub last: Option<When>,
    pub folder: String,
    pub labels: Vec<String>,
    /// Rejected events and values that nobody has settled.
    pub rejected: i64,
    /// Address, name, and whether it is open.
    pub tabs: Vec<(String, String, bool)>,
    /// Name of the open tab, to come back to it.
    pub tab: &'static str,
}

impl Head {
    pub async fn of(reader: &Reader, sync: &DataSync, tab: &'static str) -> Result<Self, Error> {
        let app = &reader.app;
        let (standing, stream) = standing(app, sync).await?;
        let audience = audiences::get(app.db.read(), sync.audience_id).await?.ok_or(Error::NotFound)?;
        let (_, rejected) = rialto_store::streams::of_sync(app.db.read(), sync.id, 0, 0).await?;
        let href = link(sync);
        let tabs = [("", "Properties"), ("matching", "Field matching"), ("preview", "Preview"), ("history", "History")];
        let tabs = tabs.map(|(path, name)| {
            let to = if path.is_empty() { href.clone() } else { format!("{href}/{path}") };
            (to, name.to_owned(), path == tab)
        });
        Ok(Self {
            name: sync.name.clone(),
            mode: mode_chip(sync),
            state: standing.chip,
            trouble: !standing.why.is_empty(),
            why: standing.why,
            enabled: sync.enabled,
            review: sync.review,
            may: reader.may(Permission::DataExchangeEdit),
            source: format!("{} {}", stream.name, sync.source),
            destination: title(&audience),
            behind: (stream.next_position - sync.position).max(0),
            last: reader.here().maybe(sync.last_event_at),
            folder: sync.folder.clone(),
            labels: data_syncs::labels_of(app.db.read(), sync.id).await?.into_iter().map(|l| l.name).collect(),
            rejected,
            tabs: tabs.into(),
            tab,
            href,
        })
    }

    /// It can be changed by this reader now (LO-05).
    pub fn editable(&self) -> bool {
        self.may && !self.enabled
    }

    /// Why it cannot be changed; empty when it can.
    pub fn closed(&self) -> &'static str {
        match (self.may, self.enabled) {
            (false, _) => "Changing it needs the permission to edit data exchanges. Ask an administrator.",
            (true, true) => "It is enabled. Disable it first: it can be changed only while it is disabled.",
            (true, false) => "",
        }
    }
}

/// The data sync at an address.
pub async fn find(reader: &Reader, id: String) -> Result<DataSync, Error> {
    load(&reader.app, &Id(id)).await
}
