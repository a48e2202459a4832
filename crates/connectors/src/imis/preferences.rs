//! Communication preferences: whether somebody opted out of the type that means mailings.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use rialto_core::consent::Flag;
use rialto_core::person::RemotePerson;
use serde::Deserialize;
use tokio::time::Instant;

use super::dialect::{Flat, Paged, Scalar, Values, decode};
use super::service::{Service, named, protocol};
use crate::ConnectorError;
use crate::http::Refusal;

/// How long the communication type is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// People whose preferences one request asks for.
const AT_ONCE: usize = 100;
/// Most preferences of a person.
const PREFERENCES: usize = 500;

pub(super) const TYPE_ID: &str = "CommunicationTypeId";
const OPT_IN: &str = "OptInFlag";

/// The communication type that means mailings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CommunicationType {
    pub id: String,
    /// Nobody can opt out of it.
    pub fixed: bool,
}

/// The communication type of the settings; `None` when there is none. Looked up anew after a minute.
pub(super) async fn communication_type(service: &Service, patient: bool) -> Result<Option<CommunicationType>, Refusal> {
    let remembered = service.communication_type.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((at, kind)) = remembered
        && at.elapsed() < REMEMBERED
    {
        return Ok(Some(kind));
    }
    let fresh = look_up(service, patient).await?;
    let remembered = fresh.clone().map(|kind| (Instant::now(), kind));
    *service.communication_type.lock().unwrap_or_else(PoisonError::into_inner) = remembered;
    Ok(fresh)
}

/// The next one who asks looks it up.
pub(super) fn forget(service: &Service) {
    *service.communication_type.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

pub(super) async fn look_up(service: &Service, patient: bool) -> Result<Option<CommunicationType>, Refusal> {
    let what = "CommunicationType";
    let body = service.get(&[what], &[("limit", "500")], patient).await?;
    let page: Paged<Flat> = decode(&body).map_err(|e| named(e, what))?;
    let wanted = service.settings.communication_type.trim();
    let mut found = None;
    for Flat(members) in page.items.0 {
        let text = |name: &str| members.iter().find(|(n, _)| n == name).and_then(|(_, v)| v.clone().text()).unwrap_or_default();
        let id = text(TYPE_ID);
        if id.is_empty() {
            return Err(named(protocol(format!("{TYPE_ID} is missing")), what).into());
        }
        if [text("CommunicationTypeDisplay"), text("ReasonCode")].iter().any(|name| name.trim().eq_ignore_ascii_case(wanted)) {
            found.get_or_insert(CommunicationType { id, fixed: text("CannotOptOut") == "true" });
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Party {
    #[serde(default)]
    party_id: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    communication_type_preferences: Values<Flat, PREFERENCES>,
}

/// Puts the flag of their preferences on people. Who is not answered for stays a no.
pub(super) async fn flag(service: &Service, rows: &mut [RemotePerson]) -> Result<(), ConnectorError> {
    let Some(kind) = communication_type(service, true).await? else {
        return Err(ConnectorError::Rejected { detail: missing_type(service) });
    };
    for chunk in rows.chunks_mut(AT_ONCE) {
        let ids: Vec<&str> = chunk.iter().filter_map(|p| p.remote_id.as_deref()).collect();
        if ids.is_empty() {
            continue;
        }
        let flags = flags_of(service, &kind, &ids).await?;
        for person in chunk {
            let found = person.remote_id.as_ref().and_then(|id| flags.get(id));
            person.flag = found.copied().unwrap_or(Flag::No);
        }
    }
    Ok(())
}

async fn flags_of(service: &Service, kind: &CommunicationType, ids: &[&str]) -> Result<HashMap<String, Flag>, ConnectorError> {
    // Where ids hold what separates them, one is asked for at a time.
    let plain = ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    let groups: Vec<&[&str]> = if plain { vec![ids] } else { ids.chunks(1).collect() };
    let mut flags = HashMap::new();
    for group in groups {
        let filter = if let [one] = group { format!("eq:{one}") } else { format!("in:{}", group.join("|")) };
        let body = service.get(&["Party"], &[("PartyId", &filter), ("limit", "500")], true).await?;
        let page: Paged<Party> = decode(&body).map_err(|e| named(e, "Party"))?;
        let parties = page.items.0;
        readable(&parties).map_err(|e| named(e, "Party"))?;
        for party in parties {
            let id = party.party_id.or(party.id).unwrap_or_default();
            if !group.contains(&id.as_str()) {
                return Err(named(protocol("people that were not asked for, as if the filter PartyId were ignored"), "Party"));
            }
            let chosen = chosen(&party.communication_type_preferences.0, &kind.id);
            flags.insert(id, as_flag(service, chosen));
        }
    }
    Ok(flags)
}

/// A flag that is false may be left out; but where no preference at all has one, and another member says yes or no, it was renamed.
fn readable(parties: &[Party]) -> Result<(), ConnectorError> {
    let all = || parties.iter().flat_map(|p| &p.communication_type_preferences.0);
    if all().any(|Flat(members)| !members.iter().any(|(name, _)| name == TYPE_ID)) {
        return Err(protocol(format!("{TYPE_ID} of a communication preference is missing")));
    }
    let mut members = all().flat_map(|Flat(members)| members);
    if members.clone().any(|(name, _)| name == OPT_IN) {
        return Ok(());
    }
    match members.find(|(_, value)| matches!(value, Scalar::Bool(_))) {
        Some((other, _)) => Err(protocol(format!("{OPT_IN} is missing; was it renamed to {}?", crate::names::shown(other, 64)))),
        None => Ok(()),
    }
}

/// What somebody chose about a type; `None` when they chose nothing.
fn chosen(preferences: &[Flat], type_id: &str) -> Option<bool> {
    let of = |members: &[(String, Scalar)], name: &str| members.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let ours = preferences
        .iter()
        .filter(|Flat(members)| of(members, TYPE_ID).and_then(Scalar::text).is_some_and(|id| id.eq_ignore_ascii_case(type_id)));
    // Of several, a no counts.
    ours.map(|Flat(members)| of(members, OPT_IN).and_then(|v| v.flag()).unwrap_or(false)).reduce(|a, b| a && b)
}

/// The flag that a choice means at this site.
pub(super) fn as_flag(service: &Service, chosen: Option<bool>) -> Flag {
    if chosen.unwrap_or(service.settings.allowed_without) { Flag::Yes } else { Flag::No }
}

/// A sentence about a communication type that is not there.
pub(super) fn missing_type(service: &Service) -> String {
    format!(
        "There is no communication type “{}” in iMIS: make it, or name another one in the bridge's setting communication_type.",
        service.settings.communication_type
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(preferences: &str) -> Party {
        decode(format!("{{\"PartyId\":\"101\",\"CommunicationTypePreferences\":{preferences}}}").as_bytes()).unwrap()
    }

    #[test]
    fn a_choice_is_read_although_flags_that_are_false_are_left_out() {
        let of = |preferences: &str| chosen(&party(preferences).communication_type_preferences.0, "ab-1");
        assert_eq!(of("null"), None);
        assert_eq!(of(r#"{"$values":[{"CommunicationTypeId":"AB-1","OptInFlag":true}]}"#), Some(true));
        assert_eq!(of(r#"{"$values":[{"CommunicationTypeId":"ab-1"}]}"#), Some(false));
        assert_eq!(of(r#"{"$values":[{"CommunicationTypeId":"x","OptInFlag":false}]}"#), None);
        assert_eq!(of(r#"[{"CommunicationTypeId":"ab-1","OptInFlag":true},{"CommunicationTypeId":"ab-1"}]"#), Some(false));
    }

    #[test]
    fn a_renamed_flag_is_no_no_for_everybody() {
        let left_out = party(r#"[{"CommunicationTypeId":"a"}]"#);
        let renamed = party(r#"[{"CommunicationTypeId":"a","Flag":true}]"#);
        assert!(readable(&[left_out]).is_ok());
        assert!(readable(&[renamed]).unwrap_err().to_string().contains("renamed to Flag"));
    }
}
