//! What has to be there before anything is written back.

use std::collections::HashSet;

use rialto_core::writeback::WritebackKind;

use super::delivery::not_offered;
use super::service::{Service, named};
use super::settings::WRITEBACKS;
use super::table::Table;
use crate::{ConnectorError, DeliveryError, SetUpFault};

/// What is missing. The activity codes are asked for first: where the service is away, nothing else is asked.
pub(super) async fn faults(service: &Service) -> Result<Vec<SetUpFault>, ConnectorError> {
    let procedures = &service.settings.procedures;
    let mut faults = Vec::new();
    match codes(service).await {
        Ok(present) => faults.extend(missing_codes(service, &present)),
        Err(error) => faults.push(for_all(not_offered(error, "procedure", &procedures.codes))?),
    }
    // Without it, nobody could tell whether a try without an answer had arrived.
    let nobody = [("MasterCustomerId", ""), ("SubCustomerId", "0")];
    if let Err(error) = service.call_once(&procedures.activities, &nobody).await {
        faults.push(for_all(not_offered(error, "procedure", &procedures.activities))?);
    }
    Ok(faults)
}

fn for_all(error: DeliveryError) -> Result<SetUpFault, ConnectorError> {
    match error {
        DeliveryError::SetUp { missing: detail } | DeliveryError::Refused { detail } => {
            Ok(SetUpFault { kinds: WRITEBACKS.to_vec(), detail })
        }
        DeliveryError::Failed(error) => Err(error),
    }
}

fn missing_codes(service: &Service, present: &HashSet<String>) -> Option<SetUpFault> {
    let code = |kind: &WritebackKind| service.settings.codes.of(*kind);
    let kinds: Vec<WritebackKind> = WRITEBACKS.iter().copied().filter(|k| !present.contains(code(k))).collect();
    let names: Vec<&str> = kinds.iter().map(code).collect();
    (!kinds.is_empty()).then(|| SetUpFault { detail: without_codes(&names), kinds })
}

/// The activity codes that exist, by one attempt.
pub(super) async fn codes(service: &Service) -> Result<HashSet<String>, ConnectorError> {
    let procedure = &service.settings.procedures.codes;
    let body = service.call_once(procedure, &[]).await?;
    let table = Table::decode(&body, &["CODE", "DESCRIPTION"])
        .and_then(|t| t.check(&["CODE"], &["DESCRIPTION"]).map(|()| t))
        .map_err(|e| named(e, procedure))?;
    Ok(table.rows().filter_map(|row| row.get("CODE")).map(str::to_owned).collect())
}

/// A sentence about codes that are missing.
pub(super) fn without_codes(codes: &[&str]) -> String {
    format!(
        "Activity codes are missing and have to be added in Personify360 before this is written back: {}. The set-up script adds them.",
        codes.join(", ")
    )
}
