//! A read-only look at a bridge: what answers, and what is not set up.

use super::Personify360;
use super::service::named;
use super::settings::ListsVia;
use super::table::Table;
use crate::{ConnectorError, ProbeReport, RemoteList};

/// Activity codes that writebacks use.
const CODES: &[&str] = &["RIALTO_UNSUB", "RIALTO_RESUB", "RIALTO_BADEMAIL", "RIALTO_MAILING", "RIALTO_INTEREST"];

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
    warnings.extend(codes_warning(bridge).await?);
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

async fn codes_warning(bridge: &Personify360) -> Result<Option<String>, ConnectorError> {
    let procedure = &bridge.service.settings.procedures.codes;
    let body = match bridge.service.call(procedure, &[]).await {
        Ok(body) => body,
        Err(ConnectorError::Rejected { .. }) => {
            return Ok(Some(format!(
                "The activity codes cannot be read: run the set-up script, or correct the name of the procedure {procedure}."
            )));
        }
        Err(error) => return Err(error),
    };
    let table = Table::decode(&body, &["CODE", "DESCRIPTION"])
        .and_then(|t| t.check(&["CODE"], &["DESCRIPTION"]).map(|()| t))
        .map_err(|e| named(e, procedure))?;
    let present: std::collections::HashSet<&str> = table.rows().filter_map(|row| row.get("CODE")).collect();
    let missing: Vec<&str> = CODES.iter().copied().filter(|c| !present.contains(c)).collect();
    let told =
        format!("Activity codes are missing and have to be added in Personify360 before anything is written back: {}.", missing.join(", "));
    Ok((!missing.is_empty()).then_some(told))
}
