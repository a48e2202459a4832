//! Writebacks. Each does what it is about first and writes its activity last, so that the activity's mark stands for all of it: a
//! try that broke off between the two is done again as a whole, which changes nothing that is done already (ADR 62).

use rialto_core::consent::Flag;
use rialto_core::writeback::What;

use super::remote_id::Key;
use super::service::Service;
use super::{activity, customer, interests};
use crate::{Acknowledged, Delivery, DeliveryError};

/// Delivers one writeback. No request is repeated.
pub(super) async fn deliver(service: &Service, delivery: Delivery<'_>) -> Result<Acknowledged, DeliveryError> {
    let Delivery { marker, message, .. } = delivery;
    let Some(key) = Key::of(delivery.remote_id) else {
        return Err(DeliveryError::Refused { detail: "The Remote ID is none of Personify360.".into() });
    };
    if matches!(message.what, What::Persona { .. }) {
        return Err(DeliveryError::Refused { detail: "Personify360 takes no personas.".into() });
    }
    if delivery.again && activity::stands(service, &key, marker).await? {
        return Ok(Acknowledged::FoundThere);
    }
    if let Some(flag) = message.flag() {
        customer::allow_email(service, &key, flag == Flag::Yes).await?;
    }
    if let What::Interests { changes } = &message.what {
        interests::write(service, &key, changes, message.at).await?;
    }
    activity::write(service, &key, message, marker).await?;
    Ok(Acknowledged::Written)
}
