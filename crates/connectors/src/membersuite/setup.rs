//! What has to be there before anything is written back: the type and the status of activities, where MemberSuite requires them.

use std::sync::Arc;

use super::MEMBERSUITE_WRITEBACKS;
use super::fields::described;
use super::object::Object;
use super::service::{Service, Way};
use crate::{ConnectorError, SetUpFault};

/// What activities are made of.
#[derive(Debug, Default)]
pub(super) struct Basis {
    /// IDs; `None` when there is no such type or status.
    pub kind: Option<String>,
    pub status: Option<String>,
    /// What is required and is not there: one sentence each.
    pub missing: Vec<String>,
}

/// What is missing.
pub(super) async fn faults(service: &Service) -> Result<Vec<SetUpFault>, ConnectorError> {
    let basis = Arc::new(learn(service).await?);
    *service.basis.lock().await = Some(basis.clone());
    Ok(basis.missing.iter().map(|detail| SetUpFault { kinds: MEMBERSUITE_WRITEBACKS.to_vec(), detail: detail.clone() }).collect())
}

/// What activities are made of, learned once; `anew` learns it again.
pub(super) async fn basis(service: &Service, anew: bool) -> Result<Arc<Basis>, ConnectorError> {
    let mut held = service.basis.lock().await;
    if let (false, Some(basis)) = (anew, &*held) {
        return Ok(basis.clone());
    }
    let basis = Arc::new(learn(service).await?);
    *held = Some(basis.clone());
    Ok(basis)
}

async fn learn(service: &Service) -> Result<Basis, ConnectorError> {
    let settings = &service.settings;
    let kind = configured(service, "ActivityType", &settings.activity_type).await?;
    let status = configured(service, "ActivityStatus", &settings.activity_status).await?;
    let fields = described(service, "Activity", Way::Once).await?.unwrap_or_default();
    let required = |name: &str| fields.iter().any(|field| field.required && field.name.eq_ignore_ascii_case(name));
    let mut missing = Vec::new();
    if kind.is_none() && required("Type") {
        missing.push(without("Activity Type", &settings.activity_type));
    }
    if status.is_none() && required("Status") {
        missing.push(without("Activity Status", &settings.activity_status));
    }
    Ok(Basis { kind, status, missing })
}

/// The ID of the active type or status with this code or name. A class that cannot be read has none.
async fn configured(service: &Service, class: &str, wanted: &str) -> Result<Option<String>, ConnectorError> {
    let all = match service.objects(&format!("select OBJECTS() from {class}"), Way::Once).await.map_err(ConnectorError::from) {
        Ok(all) => all,
        Err(ConnectorError::Rejected { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let active = |one: &&Object| one.is(class) && !one.text("IsActive").eq_ignore_ascii_case("false");
    let called = |one: &&Object| [one.text("Code"), one.text("Name")].iter().any(|name| name.eq_ignore_ascii_case(wanted));
    Ok(all.iter().filter(active).find(called).map(|one| one.text("ID").to_owned()).filter(|id| !id.is_empty()))
}

/// A sentence about a type or status that is missing.
pub(super) fn without(what: &str, name: &str) -> String {
    format!(
        "MemberSuite has no active {what} with the code or name \"{name}\": add it there before anything is written back, or name another one \
         in the bridge's settings."
    )
}
