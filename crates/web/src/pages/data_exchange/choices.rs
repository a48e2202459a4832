//! What can be chosen for a data sync: destinations, sources, how rows meet subscribers, labels and folders.

use std::collections::BTreeSet;

use rialto_core::data_sync::{MatchBy, Mode};
use rialto_core::permissions::Permission;
use rialto_core::{Kind, PublicId};
use rialto_store::audiences::{self, Audience};
use rialto_store::streams::Source;
use rialto_store::{bridges, data_syncs, streams};

use super::form::{Faulty, Sent};
use crate::api::audiences::named;
use crate::api::data_sync_input::source;
use crate::api::extract::public;
use crate::error::Error;
use crate::pages::shell::Reader;
use crate::state::App;

/// One of several that can be chosen.
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

/// A group of a select.
pub struct Group {
    pub name: String,
    pub choices: Vec<Choice>,
}

/// What the forms of a data sync offer.
pub struct Choices {
    pub destinations: Vec<Group>,
    pub sources: Vec<Group>,
    pub hows: Vec<Choice>,
    /// Names of labels, and whether they are picked.
    pub labels: Vec<(String, bool)>,
    pub folders: Vec<String>,
    /// New labels may be typed.
    pub may_label: bool,
}

impl Choices {
    pub async fn read(reader: &Reader, sent: &Sent) -> Result<Self, Error> {
        let app = &reader.app;
        let lists = audiences::list(app.db.read()).await?;
        let syncs = data_syncs::list(app.db.read()).await?;
        let folders: BTreeSet<&String> = syncs.iter().map(|s| &s.folder).chain(lists.iter().map(|l| &l.folder)).collect();
        let labels = data_syncs::labels(app.db.read()).await?;
        let picked = |name: &String| sent.labels.iter().any(|l| l.trim().eq_ignore_ascii_case(name));
        Ok(Self {
            destinations: destinations(&lists, &sent.destination),
            sources: sources(app, &sent.source).await?,
            hows: hows(app, &sent.how).await?,
            labels: labels.into_iter().map(|l| (picked(&l.name), l.name)).map(|(picked, name)| (name, picked)).collect(),
            folders: folders.into_iter().filter(|f| !f.is_empty()).cloned().collect(),
            may_label: reader.may(Permission::LabelsCreate),
        })
    }
}

/// Each list with its extensions.
fn destinations(all: &[Audience], chosen: &str) -> Vec<Group> {
    let choice = |a: &Audience| {
        let value = public(Kind::AudienceList, a.created_at, a.id);
        let label =
            if a.is_extension() { format!("{} (extension, scope {})", a.name, a.scope) } else { format!("{} (the list itself)", a.name) };
        Choice { chosen: value == chosen, value, label }
    };
    let of = |list: &Audience| {
        let beside = all.iter().filter(|a| a.list_id == Some(list.id));
        Group { name: list.name.clone(), choices: std::iter::once(list).chain(beside).map(choice).collect() }
    };
    all.iter().filter(|a| !a.is_extension()).map(of).collect()
}

/// Business units of the connections that are active, and the one that is chosen.
async fn sources(app: &App, chosen: &str) -> Result<Vec<Group>, Error> {
    let mut groups = Vec::new();
    for stream in streams::list(app.db.read()).await? {
        let id = public(Kind::Stream, stream.created_at, stream.id);
        let mut choices = Vec::new();
        for s in streams::sources(app.db.read(), stream.id).await? {
            let value = format!("{id} {}", s.source);
            if stream.enabled && !s.retired || value == chosen {
                choices.push(Choice { chosen: value == chosen, value, label: s.source });
            }
        }
        if !choices.is_empty() {
            groups.push(Group { name: stream.name, choices });
        }
    }
    Ok(groups)
}

async fn hows(app: &App, chosen: &str) -> Result<Vec<Choice>, Error> {
    let choice = |value: String, label: String| Choice { chosen: value == chosen, value, label };
    let mut all = vec![choice("email".into(), "By e-mail address".into())];
    for b in bridges::list(app.db.read()).await? {
        all.push(choice(format!("remote_id:{}", public(Kind::Bridge, b.created_at, b.id)), format!("By Remote ID of {}", b.name)));
    }
    all.push(choice(String::new(), "Not at all: the rows stand by themselves".into()));
    Ok(all)
}

/// Why no profile enrichment can be made by this reader now; empty for nothing (LO-01).
pub async fn closed(reader: &Reader) -> Result<&'static str, Error> {
    if !reader.may(Permission::DataExchangeEdit) {
        return Ok("This needs the permission to edit data exchanges. Ask an administrator.");
    }
    let active = sources(&reader.app, "").await?;
    Ok(if active.is_empty() {
        "No stream connection is active. Somebody who manages stream connections sets one up, or switches it on."
    } else {
        ""
    })
}

/// Looks at destination, source and how rows meet subscribers, before fields are offered.
pub async fn check_ends(app: &App, sent: &Sent, faults: &mut Faulty) -> Result<(), Error> {
    let audience = match named(app, &sent.destination, "destination").await {
        Ok(audience) => Some(audience),
        Err(_) if sent.destination.is_empty() => {
            faults.add("destination", "Choose where the profiles go.");
            None
        }
        Err(error) => {
            faults.take(error)?;
            None
        }
    };
    if sent.source.is_empty() {
        faults.add("source", "Choose where the profiles come from.");
    } else if let Err(error) = source(app, &sent.input(&[])).await {
        faults.take(error)?;
    }
    if Mode::from_name(&sent.mode).is_none() {
        faults.add("mode", "Choose Profile Upsert or Profile Delete.");
    }
    let Some((by, bridge)) = sent.matched() else { return Ok(()) };
    let known = match bridge {
        None => by == MatchBy::Email.name(),
        Some(_) => hows(app, &sent.how).await?.iter().any(|c| c.chosen),
    };
    if !known {
        faults.add("how", "Choose one of these.");
    }
    if let Some((audience, decided)) = audience.and_then(|a| a.matching().map(|by| (a, by))) {
        let same = decided.name() == by && (decided == MatchBy::Email || decided_bridge(app, &audience).await?.as_deref() == bridge);
        if !same {
            let words = if decided == MatchBy::Email { "e-mail address" } else { "the Remote ID of another bridge" };
            faults.add(
                "how",
                format!("The rows of {} meet subscribers by {words}: all data syncs of a destination match alike.", audience.name),
            );
        }
    }
    Ok(())
}

/// The business unit that is named, also one that is no longer read: its fields can still be looked at.
pub async fn unit(app: &App, sent: &Sent) -> Result<Source, Error> {
    let (stream, unit) = sent.stream_and_unit();
    let fault = || Error::field("source", "The connection does not read this business unit.");
    let id = PublicId::parse(stream, Kind::Stream).ok_or_else(fault)?;
    let all = streams::sources(app.db.read(), id.id).await?;
    all.into_iter().find(|s| s.source == unit).ok_or_else(fault)
}

async fn decided_bridge(app: &App, audience: &Audience) -> Result<Option<String>, Error> {
    Ok(match audience.match_bridge {
        Some(id) => bridges::get(app.db.read(), id).await?.map(|b| public(Kind::Bridge, b.created_at, b.id)),
        None => None,
    })
}
