//! A read-only look at a bridge: what answers, and what is not set up.

use super::Personify360;
use super::settings::ListsVia;
use super::{interests, setup};
use crate::{ConnectorError, ProbeReport, RemoteList};

pub(super) async fn probe(bridge: &Personify360) -> Result<ProbeReport, ConnectorError> {
    let listing = bridge.listing(None).await?;
    let offering = bridge.offering().await?;
    let mut warnings = listing.warnings();
    warnings.extend(offering.warnings());
    let (lists, fields) = (listing.lists, offering.fields);
    if lists.is_empty() {
        warnings.push("The remote system has no lists yet: make one there, or check which lists the set-up script selects.".to_owned());
    }
    if fields.is_empty() {
        warnings
            .push("The personalization view has no columns: adapt it in the set-up script if mailings are to be personalized.".to_owned());
    }
    warnings.extend(members_warning(bridge, lists.first()).await?);
    warnings.extend(setup::faults(&bridge.service).await?.into_iter().map(|f| f.detail));
    warnings.extend(interests_warning(bridge).await?);
    Ok(ProbeReport { lists: lists.len(), fields: fields.len(), warnings })
}

/// Whether one row of a list can be read.
async fn members_warning(bridge: &Personify360, list: Option<&RemoteList>) -> Result<Option<String>, ConnectorError> {
    let (Some(list), ListsVia::Procedures) = (list, bridge.service.settings.lists_via) else { return Ok(None) };
    let procedure = &bridge.service.settings.procedures.list_members;
    let parameters = [("ListCode", list.code.as_str()), ("AfterMaster", ""), ("AfterSub", ""), ("Rows", "1")];
    match bridge.service.call(procedure, &parameters).await {
        Ok(_) => Ok(None),
        Err(ConnectorError::Rejected { .. }) => Ok(Some(format!(
            "The people of lists cannot be read: run the set-up script, or correct the name of the procedure {procedure}."
        ))),
        Err(error) => Err(error),
    }
}

/// Bridges that were set up before there were interests go on without them.
async fn interests_warning(bridge: &Personify360) -> Result<Option<String>, ConnectorError> {
    let names = &bridge.service.settings.procedures;
    let nobody = [("Source", ""), ("Code", ""), ("Subcode", ""), ("AfterMaster", ""), ("AfterSub", ""), ("Rows", "1")];
    let read = match interests::all(&bridge.service).await {
        Ok(_) => bridge.service.call(&names.interest_members, &nobody).await.map(drop),
        Err(error) => Err(error),
    };
    match read {
        Ok(()) => Ok(None),
        Err(ConnectorError::Rejected { .. }) => Ok(Some(format!(
            "Interests cannot be read: run the present set-up script, or correct the names of the procedures {} and {}.",
            names.interests, names.interest_members
        ))),
        Err(error) => Err(error),
    }
}
