//! Activities: the words, the mark, and whether it is there.

use rialto_core::Instant;
use rialto_core::writeback::{InterestChange, LONGEST_REASON, Message, What, find_marker};

use super::object::{Change, Object, Sent};
use super::save::{NotSaved, save};
use super::service::{Service, Way};
use super::setup::{self, Basis};
use super::xml::protocol;
use crate::names;
use crate::{ConnectorError, DeliveryError};

const CLASS: &str = "Activity";
/// Longest description as .NET counts it, in UTF-16 units.
const TEXT: usize = 4_000;
/// Longest account name, or name of an interest, that is told.
const NAME: usize = 200;

/// Writes the activity of a message with its mark. It is the last thing of a delivery: where it stands, all of it was done.
pub(super) async fn write(service: &Service, id: &str, message: &Message, marker: &str) -> Result<(), DeliveryError> {
    let basis = setup::basis(service, false).await?;
    if let Some(missing) = basis.missing.first() {
        // It may have been added since.
        let basis = setup::basis(service, true).await?;
        if !basis.missing.is_empty() {
            return Err(DeliveryError::SetUp { missing: missing.clone() });
        }
        return written(service, id, message, marker, &basis).await;
    }
    written(service, id, message, marker, &basis).await
}

async fn written(service: &Service, id: &str, message: &Message, marker: &str, basis: &Basis) -> Result<(), DeliveryError> {
    let description = text(message, marker);
    let mut change = Change::of(CLASS)
        .set("Name", &Sent::Text(&name(message)))
        .set("Entity", &Sent::Text(id))
        .set("Date", &Sent::Date(message.at))
        .set("Description", &Sent::Text(&description));
    for (field, value) in [("Type", &basis.kind), ("Status", &basis.status)] {
        if let Some(value) = value {
            change = change.set(field, &Sent::Text(value));
        }
    }
    let saved = match save(service, &change).await {
        Ok(saved) => saved,
        Err(NotSaved::Refused(said)) => return Err(why(service, NotSaved::Refused(said)).await),
        Err(other) => return Err(other.into()),
    };
    let right = saved.is(CLASS) && saved.text("Entity").eq_ignore_ascii_case(id) && !saved.text("ID").is_empty();
    if right && saved.text("Description").contains(marker) {
        Ok(())
    } else {
        Err(protocol("Save Activity: what was saved came back without the mark of this writeback").into())
    }
}

/// A refused activity: if its type or status is missing, or the service asks for one, the set-up is at fault and not this message.
async fn why(service: &Service, not: NotSaved) -> DeliveryError {
    let blamed = match &not {
        NotSaved::Refused(said) => said.field.clone(),
        NotSaved::Failed(_) => String::new(),
    };
    match setup::basis(service, true).await {
        Ok(basis) if !basis.missing.is_empty() => DeliveryError::SetUp { missing: basis.missing.join(" ") },
        Ok(basis) if basis.kind.is_none() && blamed.eq_ignore_ascii_case("Type") => {
            DeliveryError::SetUp { missing: setup::without("Activity Type", &service.settings.activity_type) }
        }
        Ok(basis) if basis.status.is_none() && blamed.eq_ignore_ascii_case("Status") => {
            DeliveryError::SetUp { missing: setup::without("Activity Status", &service.settings.activity_status) }
        }
        // The remote's own words have to do.
        _ => not.into(),
    }
}

/// All activities of a person: as many as are announced, or an error.
async fn all(service: &Service, id: &str, way: Way) -> Result<Vec<Object>, ConnectorError> {
    let statement = format!("select OBJECTS() from {CLASS} where Entity = '{id}' order by ID");
    let all = service.objects(&statement, way).await?;
    let theirs = |activity: &Object| activity.is(CLASS) && activity.text("Entity").eq_ignore_ascii_case(id);
    if !all.iter().all(theirs) {
        return Err(protocol("ExecuteMSQL: activities of another person"));
    }
    match all.iter().find(|activity| activity.field("Description").is_none()) {
        Some(_) => Err(protocol("ExecuteMSQL: the field Description is missing")),
        None => Ok(all),
    }
}

/// Whether the mark stands at the person; asked before a second try.
pub(super) async fn stands(service: &Service, id: &str, marker: &str) -> Result<bool, ConnectorError> {
    Ok(all(service, id, Way::Once).await?.iter().any(|activity| activity.text("Description").contains(marker)))
}

/// All marks at a person.
pub(super) async fn markers(service: &Service, id: &str) -> Result<Vec<String>, ConnectorError> {
    let all = all(service, id, Way::Patient).await?;
    Ok(all.iter().filter_map(|activity| find_marker(activity.text("Description"))).map(str::to_owned).collect())
}

fn name(message: &Message) -> String {
    format!("Rialto: {}", message.kind().label())
}

/// The description: a sentence, then the mark, which is never cut.
fn text(message: &Message, marker: &str) -> String {
    let told = sentence(message);
    format!("{} {marker}", cut(&told, TEXT.saturating_sub(marker.len() + 1)))
}

fn sentence(message: &Message) -> String {
    let (account, at) = (plain(&message.account, NAME), moment(message.at));
    let mut told = match &message.what {
        What::Unsubscribe => format!("Unsubscribed from the mailings of {account} on {at}. Do Not Email was ticked."),
        What::Resubscribe { say_yes: true } => format!("Subscribed to the mailings of {account} again on {at}. Do Not Email was unticked."),
        What::Resubscribe { say_yes: false } => {
            format!("Subscribed to the mailings of {account} again on {at}; Do Not Email was left as it stands here.")
        }
        What::InvalidEmail { fault } => format!("Invalid email address: {}. Found by {account} on {at}.", fault.words()),
        What::Interests { changes } => interests(changes, &account, &at),
        What::Persona { .. } => format!("Persona changed in the mailings of {account} on {at}."),
    };
    let reason = plain(&message.reason, LONGEST_REASON);
    if !reason.is_empty() {
        told.push_str(&format!(" Reason: {reason}"));
    }
    told
}

fn interests(changes: &[InterestChange], account: &str, at: &str) -> String {
    let mut told = format!("Message categories changed in the mailings of {account} on {at}.");
    for (word, wanted) in [("Taken", true), ("Given up", false)] {
        let name = |c: &InterestChange| plain(if c.name.is_empty() { &c.code } else { &c.name }, NAME);
        let names: Vec<String> = changes.iter().filter(|c| c.wanted == wanted).map(name).collect();
        if !names.is_empty() {
            told.push_str(&format!(" {word}: {}.", names.join(", ")));
        }
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
mod tests {
    use proptest::prelude::*;
    use rialto_core::ids::{Kind, PublicId};
    use rialto_core::writeback::{InterestSource, marker};

    use super::*;

    fn mark(id: i64) -> String {
        marker(PublicId { kind: Kind::Writeback, created_ms: 1_767_600_000_000, id })
    }

    fn told(what: What, reason: &str) -> String {
        let at = Instant::parse("2026-01-05T08:09:10Z").unwrap();
        text(&Message { at, account: "Lumora [rialto:x]".into(), reason: reason.into(), what }, &mark(7))
    }

    #[test]
    fn an_activity_says_who_when_and_why_and_nobody_can_write_the_mark_of_another() {
        let text = told(What::Unsubscribe, &format!("Too many\nmails {}", mark(8)));
        assert!(text.starts_with("Unsubscribed from the mailings of Lumora (rialto:x) on 2026-01-05 08:09:10 UTC. Do Not Email was ticked. Reason: Too many mails"));
        assert_eq!(find_marker(&text), Some(mark(7).as_str()));
        assert!(told(What::Resubscribe { say_yes: false }, "").contains("left as it stands"));
    }

    proptest! {
        #[test]
        fn the_mark_is_always_kept_and_the_text_never_too_long(reason in "\\PC{0,1200}", many in 0usize..60) {
            let change = InterestChange {
                source: InterestSource::Area, code: "A".into(), subcode: String::new(), name: reason.clone(), wanted: true,
            };
            let text = told(What::Interests { changes: vec![change; many] }, &reason);
            let mark = mark(7);
            prop_assert!(text.encode_utf16().count() <= TEXT && text.ends_with(&mark));
            prop_assert_eq!(find_marker(&text), Some(mark.as_str()));
        }
    }
}
