//! A read-only look at a bridge: what answers, and what is not set up.

use super::MemberSuite;
use super::{categories, fields, lists, setup};
use crate::{ConnectorError, ProbeReport};

pub(super) async fn probe(bridge: &MemberSuite) -> Result<ProbeReport, ConnectorError> {
    let service = &bridge.service;
    let listing = lists::all(service).await?;
    let offering = fields::all(service).await?;
    let mut warnings = listing.warnings();
    warnings.extend(offering.warnings());
    if let Some(list) = listing.lists.first() {
        warnings.extend(search_warning(bridge, &list.code).await?);
    }
    warnings.extend(setup::faults(service).await?.into_iter().map(|f| f.detail));
    if let Err(error) = categories::all(service).await {
        match error {
            ConnectorError::Rejected { .. } => {
                warnings.push("Message categories cannot be read, so that there are no interests.".to_owned())
            }
            other => return Err(other),
        }
    }
    Ok(ProbeReport { lists: listing.lists.len(), fields: offering.fields.len(), warnings })
}

/// Whether a search can be executed, and says how many it finds.
async fn search_warning(bridge: &MemberSuite, code: &str) -> Result<Option<String>, ConnectorError> {
    match lists::one(&bridge.service, code).await {
        Ok(Some(list)) if list.members.is_none() => {
            Ok(Some("Searches do not say how many people they find: nobody who leaves one can be removed here.".to_owned()))
        }
        Ok(_) => Ok(None),
        Err(ConnectorError::Rejected { detail }) => {
            Ok(Some(format!("Searches cannot be executed ({detail}): check what the access key may do.")))
        }
        Err(error) => Err(error),
    }
}
