//! Save: sent once; refusals are sorted by who can do something.

use super::envelope::{CallError, Said};
use super::object::{Change, Object};
use super::service::{Service, Way, named};
use crate::{ConnectorError, DeliveryError};

/// Why something was not saved.
pub(super) enum NotSaved {
    /// The service objects to what was sent.
    Refused(Said),
    Failed(ConnectorError),
}

impl From<NotSaved> for DeliveryError {
    fn from(not: NotSaved) -> Self {
        match not {
            NotSaved::Refused(said) => Self::Refused { detail: said.words() },
            NotSaved::Failed(error) => error.into(),
        }
    }
}

/// Saves an object and returns it as the service answers it. Whether it is the right one, the caller looks.
pub(super) async fn save(service: &Service, change: &Change) -> Result<Object, NotSaved> {
    match service.call("Save", &change.argument(), Way::Write).await {
        Ok(value) => Object::read(&value).map_err(|e| NotSaved::Failed(named(e, &format!("Save {}", change.class())))),
        Err(CallError::Said(said)) if said.is_refusal() => Err(NotSaved::Refused(said)),
        Err(error) => match ConnectorError::from(error) {
            // A fault of the protocol that blames the message.
            ConnectorError::Rejected { detail } => {
                Err(NotSaved::Refused(Said { code: detail, message: String::new(), field: String::new() }))
            }
            other => Err(NotSaved::Failed(other)),
        },
    }
}
