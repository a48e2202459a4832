//! Activities: the words, the mark, and whether it is there.

use rialto_core::Instant;
use rialto_core::writeback::{LONGEST_REASON, Message, What, WritebackKind, find_marker};

use super::delivery::{blank, not_offered, save};
use super::names;
use super::remote_id::Key;
use super::service::{Service, named, protocol};
use super::setup;
use super::table::Table;
use crate::{ConnectorError, DeliveryError};

/// Longest text of an activity as the column counts it, in UTF-16 units.
const TEXT: usize = 4_000;
/// Longest account name, or name of an interest, that is told.
const NAME: usize = 200;

const COLUMNS: &[&str] = &["ACTIVITY_ID", "ACTIVITY_CODE", "ACTIVITY_DATE", "ACTIVITY_TEXT"];

/// Writes the activity of a message with its mark. It is the last thing of a delivery: where it stands, all of it was done.
pub(super) async fn write(service: &Service, key: &Key<'_>, message: &Message, marker: &str) -> Result<(), DeliveryError> {
    let (name, code) = (&service.settings.entities.activity, service.settings.codes.of(message.kind()));
    let mut entity = blank(service, name, key).await?;
    entity.set_text("ActivityCode", code);
    entity.set_text("ActivityText", &text(message, marker));
    entity.set_date("ActivityDate", message.at);
    let saved = match save(service, name, &entity, key).await {
        Err(DeliveryError::Refused { detail }) => return Err(why(service, message.kind(), detail).await),
        other => other?,
    };
    if saved.text("ActivityCode") == code && saved.text("ActivityText").contains(marker) {
        Ok(())
    } else {
        Err(protocol(format!("{name}: what was saved came back without the mark of this writeback")).into())
    }
}

/// A refused activity: if the remote's own list lacks its code, the set-up is at fault and not this message.
async fn why(service: &Service, kind: WritebackKind, detail: String) -> DeliveryError {
    let code = service.settings.codes.of(kind);
    let missing = match setup::codes(service).await {
        Ok(codes) => !codes.contains(code),
        // The list cannot be read: the remote's own words have to do.
        Err(_) => detail.contains(code),
    };
    if missing { DeliveryError::SetUp { missing: setup::without_codes(&[code]) } } else { DeliveryError::Refused { detail } }
}

/// Whether the mark stands at the person; asked before a second try.
pub(super) async fn stands(service: &Service, key: &Key<'_>, marker: &str) -> Result<bool, DeliveryError> {
    let procedure = &service.settings.procedures.activities;
    let sub = key.sub.to_string();
    let body = service.call_once(procedure, &key.parameters(&sub)).await.map_err(|e| not_offered(e, "procedure", procedure))?;
    let table = decode(&body).map_err(|e| named(e, procedure))?;
    Ok(table.rows().any(|row| row.get("ACTIVITY_TEXT").is_some_and(|text| text.contains(marker))))
}

/// All marks at a person.
pub(super) async fn markers(service: &Service, key: &Key<'_>) -> Result<Vec<String>, ConnectorError> {
    let procedure = &service.settings.procedures.activities;
    let sub = key.sub.to_string();
    let body = service.call(procedure, &key.parameters(&sub)).await?;
    let table = decode(&body).map_err(|e| named(e, procedure))?;
    Ok(table.rows().filter_map(|row| find_marker(row.get("ACTIVITY_TEXT")?)).map(str::to_owned).collect())
}

fn decode(body: &[u8]) -> Result<Table, ConnectorError> {
    let table = Table::decode(body, COLUMNS)?;
    table.check(&["ACTIVITY_CODE", "ACTIVITY_TEXT"], &[])?;
    Ok(table)
}

/// The text of an activity: a sentence, then the mark, which is never cut.
fn text(message: &Message, marker: &str) -> String {
    let told = sentence(message);
    let room = TEXT.saturating_sub(marker.len() + 1);
    format!("{} {marker}", cut(&told, room))
}

fn sentence(message: &Message) -> String {
    let (account, at) = (plain(&message.account, NAME), moment(message.at));
    let reason = plain(&message.reason, LONGEST_REASON);
    let mut told = match &message.what {
        What::Unsubscribe => format!("Unsubscribed from the mailings of {account} on {at}."),
        What::Resubscribe { say_yes: true } => format!("Subscribed to the mailings of {account} again on {at}."),
        What::Resubscribe { say_yes: false } => {
            format!("Subscribed to the mailings of {account} again on {at}; Allow Email was left as it stands here.")
        }
        What::InvalidEmail { fault } => format!("Invalid email address: {}. Found by {account} on {at}.", fault.words()),
        What::Interests { changes } => {
            let names = |wanted: bool| {
                let of = |c: &rialto_core::writeback::InterestChange| plain(if c.name.is_empty() { &c.code } else { &c.name }, NAME);
                changes.iter().filter(|c| c.wanted == wanted).map(of).collect::<Vec<_>>().join(", ")
            };
            let (taken, given_up) = (names(true), names(false));
            let mut told = format!("Interests changed in the mailings of {account} on {at}.");
            for (word, list) in [("Taken", taken), ("Given up", given_up)] {
                if !list.is_empty() {
                    told.push_str(&format!(" {word}: {list}."));
                }
            }
            told
        }
        What::Persona { .. } => format!("Persona changed in the mailings of {account} on {at}."),
    };
    if !reason.is_empty() {
        told.push_str(&format!(" Reason: {reason}"));
    }
    told
}

/// A free text without what could pass for a mark.
fn plain(text: &str, most: usize) -> String {
    names::shown(text, most).replace('[', "(").replace(']', ")")
}

fn moment(at: Instant) -> String {
    at.timestamp().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The beginning of a text, in so many UTF-16 units at most.
fn cut(text: &str, most: usize) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > most
    });
    end.map_or(text, |(at, _)| text.get(..at).unwrap_or_default())
}

#[cfg(test)]
#[path = "activity_test.rs"]
mod tests;
