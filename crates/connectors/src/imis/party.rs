//! A person as a party: read whole, and put back whole with one preference changed.

use rialto_core::consent::Flag;
use serde_json::{Map, Value, json};

use super::delivery::{recognised, refused};
use super::dialect::{entity, values};
use super::preferences::{self, CommunicationType, TYPE_ID, as_flag};
use super::service::{Service, named, protocol};
use crate::http::{Refusal, Verb};
use crate::names;
use crate::{ConnectorError, DeliveryError, Shown};

const PARTY: &str = "Party";
const PREFERENCES: &str = "CommunicationTypePreferences";
const COLLECTION: &str = "Asi.Soa.Membership.DataContracts.PartyCommunicationTypePreferenceDataCollection, Asi.Contracts";
const PREFERENCE: &str = "Asi.Soa.Membership.DataContracts.PartyCommunicationTypePreferenceData, Asi.Contracts";

/// A party with all its members, known here or not.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Party(Value);

impl Party {
    fn read(body: &[u8], id: &str) -> Result<Self, ConnectorError> {
        let party = entity(body)?;
        let is = |name: &str| party.get(name).and_then(Value::as_str).is_some_and(|t| t.trim() == id);
        if is("PartyId") || is("Id") { Ok(Self(party)) } else { Err(protocol("another person than was asked for")) }
    }

    /// The primary address; empty when there is none.
    pub(super) fn address(&self) -> &str {
        let emails = values(self.0.get("Emails"));
        let primary = emails.iter().find(|e| e.get("IsPrimary").and_then(Value::as_bool) == Some(true));
        primary.or(emails.first()).and_then(|e| e.get("Address")).and_then(Value::as_str).unwrap_or_default()
    }

    /// What the person chose about a type; `None` when nothing. An entry without the flag is a no, unless it has another one.
    fn chosen(&self, type_id: &str) -> Result<Option<bool>, ConnectorError> {
        let mut found = None;
        let all = values(self.0.get(PREFERENCES));
        if all.iter().any(|p| p.get(TYPE_ID).is_none()) {
            return Err(protocol(format!("{TYPE_ID} of a communication preference is missing")));
        }
        for preference in all.iter().filter(|p| is_of(p, type_id)) {
            let yes = match preference.get("OptInFlag") {
                Some(Value::Bool(yes)) => *yes,
                Some(Value::Null) => false,
                None if !preference.as_object().is_some_and(|p| p.values().any(Value::is_boolean)) => false,
                _ => return Err(protocol("OptInFlag of a communication preference is missing or no flag")),
            };
            found = Some(found.unwrap_or(true) && yes);
        }
        Ok(found)
    }

    /// Sets the choice about a type and leaves everything else as it came.
    fn choose(&mut self, type_id: &str, yes: bool) -> Result<(), ConnectorError> {
        let odd = || protocol(format!("{PREFERENCES} is no collection"));
        let party = self.0.as_object_mut().ok_or_else(odd)?;
        let all = party.entry(PREFERENCES).or_insert(Value::Null);
        if all.is_null() {
            *all = json!({ "$type": COLLECTION, "$values": [] });
        }
        let list = match all {
            Value::Array(list) => list,
            Value::Object(map) => map.get_mut("$values").and_then(Value::as_array_mut).ok_or_else(odd)?,
            _ => return Err(odd()),
        };
        let mut changed = false;
        for preference in list.iter_mut().filter(|p| is_of(p, type_id)).filter_map(Value::as_object_mut) {
            preference.insert("OptInFlag".into(), yes.into());
            changed = true;
        }
        if !changed {
            let members = [("$type", PREFERENCE.into()), (TYPE_ID, type_id.into()), ("OptInFlag", yes.into())];
            let entry: Map<String, Value> = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            list.push(entry.into());
        }
        Ok(())
    }
}

fn is_of(preference: &Value, type_id: &str) -> bool {
    preference.get(TYPE_ID).and_then(Value::as_str).is_some_and(|id| id.eq_ignore_ascii_case(type_id))
}

/// The person for a delivery, by one attempt.
pub(super) async fn of(service: &Service, id: &str) -> Result<Party, DeliveryError> {
    match find(service, id, false).await {
        Ok(Some(party)) => Ok(party),
        Ok(None) => Err(DeliveryError::Refused { detail: "This person does not exist there any more.".into() }),
        Err(error) => Err(error.into()),
    }
}

async fn find(service: &Service, id: &str, patient: bool) -> Result<Option<Party>, ConnectorError> {
    match service.get(&[PARTY, id], &[], patient).await {
        Ok(body) => Party::read(&body, id).map(Some).map_err(|e| named(e, PARTY)),
        Err(Refusal { status: Some(404), .. }) => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Makes the person's preference say what is wanted, and nothing else: the party is sent back as it came but for that. iMIS knows no
/// version to compare with, so the way between reading and writing is kept short, and what stands there afterwards is read again.
pub(super) async fn allow(service: &Service, id: &str, party: Party, yes: bool) -> Result<(), DeliveryError> {
    let kind = usable_type(service).await?;
    if stands(service, &party, &kind, yes)? {
        return Ok(());
    }
    let mut changed = party;
    changed.choose(&kind.id, yes).map_err(|e| named(e, PARTY))?;
    let body = service.change(Verb::Put, &[PARTY, id], Some(&changed.0)).await.map_err(|refusal| {
        preferences::forget(service);
        refused(refusal)
    })?;
    recognised(&body, PARTY)?;
    Party::read(&body, id).map_err(|e| named(e, PARTY))?;
    if stands(service, &of(service, id).await?, &kind, yes)? {
        Ok(())
    } else {
        Err(protocol(format!("{PARTY}: the preference does not stand there although it was saved")).into())
    }
}

fn stands(service: &Service, party: &Party, kind: &CommunicationType, yes: bool) -> Result<bool, ConnectorError> {
    let chosen = party.chosen(&kind.id).map_err(|e| named(e, PARTY))?;
    Ok(as_flag(service, chosen) == if yes { Flag::Yes } else { Flag::No })
}

async fn usable_type(service: &Service) -> Result<CommunicationType, DeliveryError> {
    let found = preferences::communication_type(service, false).await.map_err(ConnectorError::from)?;
    let Some(kind) = found else { return Err(DeliveryError::SetUp { missing: preferences::missing_type(service) }) };
    if kind.fixed {
        return Err(DeliveryError::SetUp { missing: super::setup::fixed_type(service) });
    }
    Ok(kind)
}

/// What the remote shows about a person: the preference, and the marks of activities.
pub(super) async fn shown(service: &Service, id: &str) -> Result<Shown, ConnectorError> {
    if names::key(id, rialto_core::person::MAX_REMOTE_ID).as_deref() != Some(id) {
        return Ok(Shown::default());
    }
    let Some(party) = find(service, id, true).await? else { return Ok(Shown::default()) };
    let Some(kind) = preferences::communication_type(service, true).await? else {
        return Err(ConnectorError::Rejected { detail: preferences::missing_type(service) });
    };
    let flag = as_flag(service, party.chosen(&kind.id).map_err(|e| named(e, PARTY))?);
    Ok(Shown { flag: Some(flag), markers: super::activity::markers(service, id).await? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(text: &str) -> Party {
        Party::read(text.as_bytes(), "101").unwrap()
    }

    #[test]
    fn a_choice_changes_nothing_but_itself() {
        let text = r#"{"$type":"p","Id":"101","Odd":{"$value":12.50,"$type":"System.Decimal"},"CommunicationTypePreferences":{"$type":"c","$values":[{"$type":"x","CommunicationTypeId":"B","OptInFlag":false},{"$type":"x","CommunicationTypeId":"a","Extra":[1,null],"OptInFlag":true}]}}"#;
        let mut changed = party(text);
        assert_eq!(changed.chosen("A").unwrap(), Some(true));
        changed.choose("A", false).unwrap();
        assert_eq!((changed.chosen("a").unwrap(), changed.chosen("b").unwrap()), (Some(false), Some(false)));
        let expected: Value = serde_json::from_str(&text.replace("[1,null],\"OptInFlag\":true", "[1,null],\"OptInFlag\":false")).unwrap();
        assert_eq!(changed.0, expected);
    }

    #[test]
    fn the_first_choice_is_added_wherever_none_stands() {
        for before in ["", r#","CommunicationTypePreferences":null"#, r#","CommunicationTypePreferences":{"$type":"c","$values":[]}"#] {
            let mut changed = party(&format!("{{\"PartyId\":\"101\"{before}}}"));
            assert_eq!(changed.chosen("a").unwrap(), None);
            changed.choose("a", false).unwrap();
            assert_eq!(changed.chosen("a").unwrap(), Some(false), "{before}");
            let text = changed.0.to_string();
            assert!(text.contains(&format!("{{\"$type\":\"{PREFERENCE}\",\"CommunicationTypeId\"")), "the type comes first: {text}");
        }
        assert!(party(r#"{"Id":"101","CommunicationTypePreferences":7}"#).choose("a", true).is_err());
        assert!(party(r#"{"Id":"101","CommunicationTypePreferences":[{"CommunicationTypeId":"a","Flag":true}]}"#).chosen("a").is_err());
        assert!(Party::read(br#"{"Id":"102"}"#, "101").is_err());
    }
}
