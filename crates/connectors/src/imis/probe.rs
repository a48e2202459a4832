//! A read-only look at a bridge: what answers, and what is not set up.

use super::service::Service;
use super::{fields, lists, setup};
use crate::{ConnectorError, ProbeReport};

pub(super) async fn probe(service: &Service) -> Result<ProbeReport, ConnectorError> {
    let listing = lists::all(service).await?;
    let offering = fields::all(service).await?;
    let mut warnings = listing.warnings();
    warnings.extend(offering.warnings());
    if listing.lists.is_empty() {
        warnings.push(format!("The folder {} has no query that is a list yet: make one there.", service.settings.lists_folder));
    }
    warnings.extend(setup::faults(service).await?.into_iter().map(|fault| fault.detail));
    Ok(ProbeReport { lists: listing.lists.len(), fields: offering.fields.len(), warnings })
}
