//! Writebacks. Consent and bad addresses do what they are about first and write their activity last, so that its mark stands for all of
//! it (ADR 62); a persona is a row, which is either there or not.

use rialto_core::consent::Flag;
use rialto_core::person::MAX_REMOTE_ID;
use rialto_core::writeback::What;

use super::personas::Wanted;
use super::service::Service;
use super::{activity, party, personas};
use crate::names;
use crate::{Acknowledged, Delivery, DeliveryError};

/// Delivers one writeback. No request is repeated.
pub(super) async fn deliver(service: &Service, delivery: Delivery<'_>) -> Result<Acknowledged, DeliveryError> {
    let Delivery { marker, message, remote_id: id, again } = delivery;
    // An id is one segment of an address, and never the beginning of a composite one.
    if names::key(id, MAX_REMOTE_ID).as_deref() != Some(id) || id.starts_with(['~', '.', '_']) {
        return Err(DeliveryError::Refused { detail: "The Remote ID is none of iMIS.".into() });
    }
    if let What::Persona { name, description, before } = &message.what {
        return personas::write(service, id, Wanted { name, description, before, again }).await;
    }
    if service.settings.activities.of(message.kind()).is_none() {
        return Err(DeliveryError::Refused { detail: format!("{} cannot be written back to iMIS.", message.kind().label()) });
    }
    if again && activity::stands(service, id, marker).await? {
        return Ok(Acknowledged::FoundThere);
    }
    let party = party::of(service, id).await?;
    let address = party.address().to_owned();
    if let Some(flag) = message.flag() {
        party::allow(service, id, party, flag == Flag::Yes).await?;
    }
    activity::write(service, id, &address, message, marker).await?;
    Ok(Acknowledged::Written)
}
