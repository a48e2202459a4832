//! What the suite has to know about a connector and its simulated system.

use std::collections::BTreeMap;

use futures::StreamExt;
use rialto_connectors::catalogue::{BridgeKind, Secrets, Settings};
use rialto_connectors::{Acknowledged, ConnectorError, Delivery, DeliveryError, kind};
use rialto_core::Instant;
use rialto_core::ids::{Kind, PublicId};
use rialto_core::person::RemotePerson;
use rialto_core::writeback::{AddressFault, InterestChange, Message, What, WritebackKind, marker};
use rialto_sandbox::{FaultRule, FaultStatus, Requests};
use secrecy::SecretString;

use crate::support::{Bridge, outbound};

/// A connector, described by the system it is tried against. One value is one running system.
pub trait Subject: Send + Sync + Sized + 'static {
    const KIND: &'static str;
    /// Its heading in the table.
    const COLUMN: &'static str;
    /// What must stand in no error: the secret as it is sent or known.
    const SECRET: &'static str;
    /// The requests for people, as fault rules name them, and that for the list of lists.
    const PEOPLE: &'static str;
    const LISTS: &'static str;
    /// Columns without which nobody is read, and the fields that are asked for.
    const REQUIRED: &'static [&'static str];
    const FIELDS: &'static [&'static str];
    /// Rows of a page: several sizes, the last one as large as can be; and one by which 600 people take several pages.
    const PAGES: &'static [&'static str];
    const PAGE: &'static str;
    /// The requests of a writeback, as fault rules name them; the last one that writes is `LAST`.
    const PLACES: &'static [&'static str];
    const LAST: &'static str;
    /// Names in the answers to them that may be renamed.
    const NAMES: &'static [&'static str];

    fn start(people: u64) -> impl Future<Output = Self> + Send;
    /// Settings and secrets of a bridge to this address.
    fn connection(root: &str) -> (BTreeMap<&'static str, String>, BTreeMap<&'static str, String>);
    fn root(&self) -> String;

    fn inject(&self, rule: FaultRule);
    fn clear_faults(&self);
    fn faults(&self) -> Vec<FaultStatus>;
    fn requests(&self) -> Requests;

    /// Codes of the lists that have to be offered; that of a list of everybody, and of one on which people come and go.
    fn lists(&self) -> Vec<String>;
    fn everybody(&self) -> String;
    fn moving(&self) -> String;
    /// The people of a list as the connector has to give them, asked for `FIELDS`.
    fn members(&self, code: &str) -> Vec<RemotePerson>;

    /// The Remote ID of the person with this number, from 1.
    fn id(&self, number: u64) -> String;
    /// A Remote ID of nobody that looks like one.
    fn nobody(&self) -> String;
    /// Changes of interests, of which some change something for people after `oppose`.
    fn interests(&self) -> Vec<InterestChange>;
    /// Makes the person differ from what is to be told.
    fn oppose(&self, id: &str, what: &What);
    /// Whether the person is as was told.
    fn shows(&self, id: &str, what: &What) -> bool;
    /// How often the mark stands at the person; of a persona, which leaves none, how many rows of ours.
    fn marks(&self, id: &str, what: &What, mark: &str) -> usize;
    /// All that is known of the person but what such a message changes.
    fn rest(&self, id: &str, what: &What) -> String;
    /// How many activities there are in all.
    fn activities(&self) -> usize;

    fn kind() -> &'static BridgeKind {
        kind(Self::KIND).expect("the kind is in the catalogue")
    }

    fn writes(kind: WritebackKind) -> bool {
        Self::kind().writebacks.contains(&kind)
    }

    fn bridge(&self, settings: &[(&str, &str)]) -> Bridge {
        open::<Self>(&self.root(), settings, None, &["127.0.0.0/8"]).expect("settings that fit")
    }

    fn paged(&self) -> Bridge {
        self.bridge(&[("page_rows", Self::PAGE)])
    }

    fn fault(&self, rule: FaultRule) {
        self.inject(rule);
    }

    fn fired(&self) -> u64 {
        self.faults().iter().map(|f| f.fired).sum()
    }

    /// One of each kind that can be told.
    fn all(&self) -> Vec<What> {
        let mut all = vec![
            What::Unsubscribe,
            What::Resubscribe { say_yes: true },
            What::Resubscribe { say_yes: false },
            What::InvalidEmail { fault: AddressFault::InvalidDomain },
        ];
        if Self::writes(WritebackKind::Interests) {
            all.push(What::Interests { changes: self.interests() });
        }
        if Self::writes(WritebackKind::Persona) {
            all.push(What::Persona { name: "Student".into(), description: "Learns.".into(), before: Vec::new() });
        }
        all
    }
}

/// A bridge to any address; the error is the kind's own words.
pub fn open<S: Subject>(root: &str, settings: &[(&str, &str)], secret: Option<&str>, allow: &[&str]) -> Result<Bridge, String> {
    let (plain, hidden) = S::connection(root);
    let mut all: Settings = plain.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    all.entry("requests_per_second".into()).or_insert_with(|| "5000".into());
    all.extend(settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    let instead = |v: String| if v == S::SECRET { secret.map_or(v, str::to_owned) } else { v };
    let secrets: Secrets = hidden.into_iter().map(|(k, v)| (k.to_owned(), SecretString::from(instead(v)))).collect();
    let outbound = outbound(allow)?;
    (S::kind().open)(&all, &secrets, &outbound).map_err(|faults| faults.into_iter().map(|f| f.detail).collect::<Vec<_>>().join(" "))
}

pub fn fields<S: Subject>() -> Vec<String> {
    S::FIELDS.iter().map(|f| (*f).to_owned()).collect()
}

/// Everybody of a list, or the error by which reading ended; then nothing comes any more.
pub async fn read<S: Subject>(bridge: &Bridge, code: &str) -> Result<Vec<RemotePerson>, ConnectorError> {
    let (fields, mut people) = (fields::<S>(), Vec::new());
    let mut pages = bridge.people(code, &fields);
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => people.extend(page.rows),
            Err(error) => {
                assert!(pages.next().await.is_none(), "something comes after an error");
                return Err(error);
            }
        }
    }
    Ok(people)
}

/// The mark of the writeback with this number.
pub fn mark(id: i64) -> String {
    marker(PublicId { kind: Kind::Writeback, created_ms: 1_767_600_000_000, id })
}

/// Text that could pass for a mark, and is longer than any column.
pub fn reason() -> String {
    format!("no time {} | ", mark(99_999)).repeat(20)
}

pub async fn deliver(bridge: &Bridge, id: i64, person: &str, what: &What, again: bool) -> Result<Acknowledged, DeliveryError> {
    let at = Instant::parse("2026-01-05T08:09:10Z").expect("a time");
    let reason = rialto_core::writeback::LONGEST_REASON;
    let reason: String = self::reason().chars().take(reason).collect();
    let message = Message { at, account: "Lumora Society".into(), reason, what: what.clone() };
    bridge.deliver(Delivery { marker: &mark(id), remote_id: person, message: &message, again }).await
}

/// What kind of error a delivery ended with, in one word.
pub fn class(error: &DeliveryError) -> &'static str {
    match error {
        DeliveryError::SetUp { .. } => "set-up",
        DeliveryError::Refused { .. } => "refused",
        DeliveryError::Failed(error) => error.kind(),
    }
}

/// What was told is about this, in one word.
pub fn about(what: &What) -> &'static str {
    match what {
        What::Unsubscribe => "unsubscribe",
        What::Resubscribe { say_yes: true } => "resubscribe",
        What::Resubscribe { say_yes: false } => "resubscribe, remote no stands",
        What::InvalidEmail { .. } => "invalid email",
        What::Interests { .. } => "interests",
        What::Persona { .. } => "persona",
    }
}
