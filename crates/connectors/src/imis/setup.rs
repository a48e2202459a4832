//! What has to be there before anything is written back.

use rialto_core::writeback::WritebackKind;

use super::dialect::{Flat, Paged, decode};
use super::service::{Service, named};
use super::{preferences, table};
use crate::http::Refusal;
use crate::{ConnectorError, SetUpFault};

/// What is missing: one sentence for each fault. The communication type is asked for first: where the site is away, nothing else is.
pub(super) async fn faults(service: &Service) -> Result<Vec<SetUpFault>, ConnectorError> {
    let consent = || vec![WritebackKind::Unsubscribe, WritebackKind::Resubscribe];
    let mut faults = Vec::new();
    match preferences::look_up(service, false).await? {
        Some(kind) if kind.fixed => faults.push(SetUpFault { kinds: consent(), detail: fixed_type(service) }),
        Some(_) => {}
        None => faults.push(SetUpFault { kinds: consent(), detail: preferences::missing_type(service) }),
    }
    if let Some(types) = activity_types(service).await? {
        for kind in super::settings::WRITEBACKS {
            let missing = service.settings.activities.of(*kind).filter(|name| !types.iter().any(|t| t.eq_ignore_ascii_case(name)));
            faults.extend(missing.map(|name| SetUpFault { kinds: vec![*kind], detail: missing_activity(name) }));
        }
    }
    let personas = table::check(service).await?.faults.into_iter();
    faults.extend(personas.map(|detail| SetUpFault { kinds: vec![WritebackKind::Persona], detail }));
    Ok(faults)
}

/// The activity types that exist; `None` where the site does not list them, and only a refused activity can tell.
pub(super) async fn activity_types(service: &Service) -> Result<Option<Vec<String>>, ConnectorError> {
    let what = "GenTable";
    let options = [("TableName", service.settings.activity_types_table.as_str()), ("limit", "500")];
    let body = match service.get(&[what], &options, false).await {
        Ok(body) => body,
        Err(Refusal { status: Some(400 | 404 | 501), .. }) => return Ok(None),
        Err(refusal) => return Err(refusal.into()),
    };
    let page: Paged<Flat> = decode(&body).map_err(|e| named(e, what))?;
    let code = |Flat(members): Flat| members.into_iter().find(|(name, _)| name == "Code").and_then(|(_, value)| value.text());
    let complete = !page.says_more();
    let types: Vec<String> = page.items.0.into_iter().filter_map(code).map(|c| c.trim().to_owned()).collect();
    Ok((complete && !types.is_empty()).then_some(types))
}

/// A sentence about an activity type that is not defined.
pub(super) fn missing_activity(kind: &str) -> String {
    format!("The activity type {kind} is not defined in iMIS: define it, or name another one in the bridge's settings.")
}

/// A sentence about a communication type that says nothing about consent.
pub(super) fn fixed_type(service: &Service) -> String {
    format!(
        "Nobody can opt out of the communication type “{}” in iMIS: allow it there, or name another one in the bridge's setting communication_type.",
        service.settings.communication_type
    )
}
