//! The iMIS connector against the simulated iMIS of both generations.

mod delivery;
mod personas;
mod reading;
mod set_up;

use rialto_connectors::{Acknowledged, Delivery, DeliveryError, kind};
use rialto_core::Instant;
use rialto_core::ids::{Kind, PublicId};
use rialto_core::writeback::{Message, What, marker};
use rialto_sandbox::FaultRule;
use rialto_sandbox::imis::{Generation, Options, Running, Sandbox, start};
use secrecy::SecretString;

use crate::support::{Bridge, outbound};

/// A password long enough to be noticed wherever it should not be.
const PASSWORD: &str = "correct-horse-battery";
const LISTS: &str = "$/HigherLogic/MailingLists";
const GENERATIONS: [Generation; 2] = [Generation::Ems, Generation::Y2017];

fn path(name: &str) -> String {
    format!("{LISTS}/{name}")
}

/// A simulated iMIS that runs.
struct Remote(Running);

impl Remote {
    async fn start(people: u64, generation: Generation) -> Self {
        Self::with(Options { people, generation, ..Options::default() }).await
    }

    async fn with(options: Options) -> Self {
        Self(start(Options { password: PASSWORD.into(), ..options }).await.expect("a free port"))
    }

    fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    fn fault(&self, rule: FaultRule) {
        self.sandbox().inject(rule);
    }

    fn bridge(&self, settings: &[(&str, &str)]) -> Bridge {
        self.signed_in(settings, PASSWORD)
    }

    fn signed_in(&self, settings: &[(&str, &str)], password: &str) -> Bridge {
        let mut all: std::collections::BTreeMap<String, String> =
            settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        all.insert("base_url".into(), self.0.site_root());
        let old = self.sandbox().options().generation == Generation::Y2017;
        all.insert("generation".into(), if old { "2017" } else { "ems" }.into());
        all.entry("requests_per_second".into()).or_insert_with(|| "5000".into());
        let secret = |v: &str| SecretString::from(v.to_owned());
        let secrets = [("username".to_owned(), secret("rialto")), ("password".to_owned(), secret(password))].into();
        let kind = kind("imis").expect("the kind is in the catalogue");
        assert_eq!((kind.check)(&all, &secrets), []);
        (kind.open)(&all, &secrets, &outbound(&["127.0.0.1"]).unwrap()).expect("settings that fit")
    }
}

type Delivered = Result<Acknowledged, DeliveryError>;

/// The mark of the writeback with this number.
fn mark(id: i64) -> String {
    marker(PublicId { kind: Kind::Writeback, created_ms: 1_767_600_000_000, id })
}

fn message(what: What) -> Message {
    let at = Instant::parse("2026-01-05T08:09:10Z").unwrap();
    Message { at, account: "Lumora Society".into(), reason: "no time".into(), what }
}

async fn deliver(bridge: &Bridge, id: i64, person: &str, what: &What, again: bool) -> Delivered {
    let message = message(what.clone());
    bridge.deliver(Delivery { marker: &mark(id), remote_id: person, message: &message, again }).await
}

fn set_up_fault(delivered: Delivered) -> String {
    match delivered {
        Err(DeliveryError::SetUp { missing }) => missing,
        other => panic!("{other:?}"),
    }
}

fn refused(delivered: Delivered) -> String {
    match delivered {
        Err(DeliveryError::Refused { detail }) => detail,
        other => panic!("{other:?}"),
    }
}
