//! Writebacks. Each does what it is about first and writes its activity last, so that the activity's mark stands for all of it: a
//! try that broke off between the two is done again as a whole, which changes nothing that is done already.

use rialto_core::consent::Flag;
use rialto_core::writeback::{InterestSource, What};

use super::lists::key;
use super::service::{Service, Way};
use super::{activity, individual};
use crate::{Acknowledged, Delivery, DeliveryError};

fn refused(detail: &str) -> DeliveryError {
    DeliveryError::Refused { detail: detail.into() }
}

/// Delivers one writeback. No request that writes is repeated.
pub(super) async fn deliver(service: &Service, delivery: Delivery<'_>) -> Result<Acknowledged, DeliveryError> {
    let Delivery { marker, message, .. } = delivery;
    let id = key(delivery.remote_id).ok_or_else(|| refused("The Remote ID is none of MemberSuite."))?;
    if matches!(message.what, What::Persona { .. }) {
        return Err(refused("Personas are not written back to MemberSuite."));
    }
    let person = individual::get(service, id, Way::Once).await?;
    let person = person.ok_or_else(|| refused("This person does not exist there any more."))?;
    if delivery.again && activity::stands(service, id, marker).await? {
        return Ok(Acknowledged::FoundThere);
    }
    if let Some(flag) = message.flag() {
        individual::set_do_not_email(service, &person, id, flag == Flag::No).await?;
    }
    if let What::Interests { changes } = &message.what {
        if changes.iter().any(|change| change.source != InterestSource::Area) {
            return Err(refused("MemberSuite knows message categories only."));
        }
        let changes: Vec<(&str, bool)> = changes.iter().map(|change| (change.code.as_str(), !change.wanted)).collect();
        individual::set_opt_outs(service, &person, id, &changes).await?;
    }
    activity::write(service, id, message, marker).await?;
    Ok(Acknowledged::Written)
}
