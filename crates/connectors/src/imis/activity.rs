//! Activities: the words, the mark, and whether it is there.

use rialto_core::Instant;
use rialto_core::writeback::{Message, What, find_marker};

use super::delivery::{cut, generic, party_of, property, recognised, refused};
use super::dialect::{Generic, Paged, decode, entity};
use super::service::{Service, named, protocol};
use super::setup;
use crate::http::Verb;
use crate::names;
use crate::{ConnectorError, DeliveryError};

const ACTIVITY: &str = "Activity";
/// The string of an activity is so long at most (WB-20), its mark included.
const TEXT: usize = 250;
/// Longest address and account name in it.
const ADDRESS: usize = 80;
const ACCOUNT: usize = 40;
/// Pages of a person's activities that are looked through.
const PAGES: usize = 40;
const PAGE: usize = 500;

/// Writes the activity of a message with its mark. It is the last thing of a delivery: where it stands, all of it was done.
pub(super) async fn write(service: &Service, id: &str, address: &str, message: &Message, marker: &str) -> Result<(), DeliveryError> {
    let Some(kind) = service.settings.activities.of(message.kind()) else {
        return Err(DeliveryError::Refused { detail: "This is not written back to iMIS.".into() });
    };
    let (text, note, date) = (text(address, message, marker), note(address, message), local(message.at));
    let properties = [
        ("PartyId", id),
        ("ACTIVITY_TYPE", kind),
        ("TRANSACTION_DATE", date.as_str()),
        ("DESCRIPTION", text.as_str()),
        ("NOTE", note.as_str()),
    ];
    let sent = generic(ACTIVITY, id, &properties);
    let saved = match service.change(Verb::Post, &[ACTIVITY], Some(&sent)).await.map_err(refused) {
        Err(DeliveryError::Refused { detail }) => return Err(why(service, kind, detail).await),
        other => other?,
    };
    if let Err(DeliveryError::Refused { detail }) = recognised(&saved, ACTIVITY) {
        return Err(why(service, kind, detail).await);
    }
    let saved = entity(&saved).map_err(|e| named(e, ACTIVITY))?;
    if party_of(&saved) != id || !property(&saved, "ACTIVITY_TYPE").eq_ignore_ascii_case(kind) {
        return Err(protocol(format!("{ACTIVITY}: saving it was answered with another one")).into());
    }
    if property(&saved, "DESCRIPTION").contains(marker) {
        Ok(())
    } else {
        Err(protocol(format!("{ACTIVITY}: what was saved came back without the mark of this writeback")).into())
    }
}

/// A refused activity: if its type is not defined, the set-up is at fault and not this message.
async fn why(service: &Service, kind: &str, detail: String) -> DeliveryError {
    let missing = match setup::activity_types(service).await {
        Ok(Some(types)) => !types.iter().any(|t| t.eq_ignore_ascii_case(kind)),
        // The types cannot be listed: the remote's own words have to do.
        _ => detail.contains(kind),
    };
    if missing { DeliveryError::SetUp { missing: setup::missing_activity(kind) } } else { DeliveryError::Refused { detail } }
}

/// Whether the mark stands at the person; asked before a second try.
pub(super) async fn stands(service: &Service, id: &str, marker: &str) -> Result<bool, ConnectorError> {
    Ok(look(service, id, false).await?.iter().any(|known| known == marker))
}

/// All marks at a person.
pub(super) async fn markers(service: &Service, id: &str) -> Result<Vec<String>, ConnectorError> {
    look(service, id, true).await
}

async fn look(service: &Service, id: &str, patient: bool) -> Result<Vec<String>, ConnectorError> {
    let mut found = Vec::new();
    let mut offset = 0;
    for _ in 0..PAGES {
        let (limit, from) = (PAGE.to_string(), offset.to_string());
        let body = service.get(&[ACTIVITY], &[("PartyId", id), ("limit", &limit), ("offset", &from)], patient).await?;
        let page: Paged<Generic> = decode(&body).map_err(|e| named(e, ACTIVITY))?;
        let (rows, more) = (page.items.0.len(), page.says_more());
        for activity in page.items.0 {
            let theirs = activity.text("PartyId").or_else(|| activity.text("ID"));
            if theirs.as_deref().map(str::trim) != Some(id) {
                return Err(named(protocol("somebody else's, as if the filter PartyId were ignored"), ACTIVITY));
            }
            if activity.text("ACTIVITY_TYPE").is_none() {
                return Err(named(protocol("the property ACTIVITY_TYPE is missing"), ACTIVITY));
            }
            let description = activity.properties.0.iter().find(|p| p.name == "DESCRIPTION");
            let ours =
                service.settings.activities.all().iter().any(|t| activity.text("ACTIVITY_TYPE").is_some_and(|a| a.eq_ignore_ascii_case(t)));
            match description.and_then(|p| p.value.clone().text()) {
                Some(text) => found.extend(find_marker(&text).map(str::to_owned)),
                // Ours always say something: without it, nobody could tell whether a mark stands there.
                None if ours => return Err(named(protocol("the property DESCRIPTION is missing"), ACTIVITY)),
                None => {}
            }
        }
        offset += rows;
        if !more || rows == 0 {
            return Ok(found);
        }
    }
    Err(named(protocol(format!("more than {offset} activities of one person")), ACTIVITY))
}

/// Address, time, account and reason between pipes, then the mark, which is never cut: all of it within 250 characters.
fn text(address: &str, message: &Message, marker: &str) -> String {
    let (address, account) = (plain(address, ADDRESS), plain(&message.account, ACCOUNT));
    let at = message.at.timestamp().strftime("%Y-%m-%d %H:%M:%S UTC");
    let told = format!("{address}|{at}|{account}|{}", words(message));
    let room = TEXT.saturating_sub(marker.encode_utf16().count() + 1);
    format!("{}|{marker}", cut(&told, room))
}

/// The reason and the address between a pipe, 250 characters of each (WB-20): DESCRIPTION has no room for all of it.
fn note(address: &str, message: &Message) -> String {
    let words = words(message);
    format!("{}|{}", cut(&words, TEXT), cut(&plain(address, TEXT), TEXT))
}

fn words(message: &Message) -> String {
    let reason = plain(&message.reason, TEXT);
    let fact = match &message.what {
        What::InvalidEmail { fault } => fault.words(),
        What::Resubscribe { say_yes: false } => "preference left as it stands here",
        _ => return reason,
    };
    if reason.is_empty() { fact.to_owned() } else { format!("{fact}: {reason}") }
}

/// A free text without what could pass for a mark or for the next part.
fn plain(text: &str, most: usize) -> String {
    names::shown(text, most).replace('[', "(").replace(']', ")").replace('|', "/")
}

/// A date as iMIS writes it: no zone.
fn local(at: Instant) -> String {
    at.timestamp().strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_core::ids::{Kind, PublicId};
    use rialto_core::writeback::{AddressFault, marker};

    fn message(reason: &str, what: What) -> Message {
        Message { at: Instant::parse("2026-01-05T08:09:10Z").unwrap(), account: "Lumora|Society".into(), reason: reason.into(), what }
    }

    #[test]
    fn the_string_keeps_its_parts_its_length_and_its_mark() {
        let mark = marker(PublicId { kind: Kind::Writeback, created_ms: 1_767_600_000_000, id: 7 });
        let short = text("a@b.example", &message("no time", What::Unsubscribe), &mark);
        assert_eq!(short, format!("a@b.example|2026-01-05 08:09:10 UTC|Lumora/Society|no time|{mark}"));
        let bad = text("", &message("", What::InvalidEmail { fault: AddressFault::Malformed }), &mark);
        assert_eq!(bad, format!("|2026-01-05 08:09:10 UTC|Lumora/Society|malformed address|{mark}"));
        let long = text("a@b.example", &message(&"ä[rialto:x]|".repeat(90), What::Unsubscribe), &mark);
        assert_eq!(long.chars().count(), 250);
        let noted = note(&format!("{}@b.example", "a".repeat(300)), &message(&"ä|".repeat(90), What::Unsubscribe));
        assert_eq!(noted, format!("{}|{}", "ä/".repeat(90), "a".repeat(250)));
        assert_eq!(note("a@b.example", &message(&"x".repeat(900), What::Unsubscribe)), format!("{}|a@b.example", "x".repeat(250)));
        assert!(long.ends_with(&mark) && find_marker(&long) == Some(&mark) && long.split('|').count() == 5, "{long}");
    }
}
