//! A body as events: each is looked at by itself.

use rialto_core::event::{self, MAX_BATCH};
use rialto_store::streams::Refused;
use serde_json::value::RawValue;

use crate::error::Error;

/// What a body came to.
pub(super) struct Batch {
    pub accepted: usize,
    /// The accepted events as a JSON array, each as it came; without any it is `[]`.
    pub body: String,
    /// Places in the body, and what is wrong.
    pub refused: Vec<(usize, Refused)>,
}

/// Reads a body. Only one that is no JSON, or no batch, is refused whole.
pub(super) fn read(bytes: &[u8], sources: &[String]) -> Result<Batch, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::BadRequest("The body is not UTF-8.".into()))?;
    let no_json = |e: serde_json::Error| Error::BadRequest(format!("The body is no JSON: {e}."));
    let events: Vec<&RawValue> = match text.trim_start().as_bytes().first() {
        Some(b'[') => serde_json::from_str(text).map_err(no_json)?,
        Some(b'{') => vec![serde_json::from_str(text).map_err(no_json)?],
        _ => return Err(Error::BadRequest("Send a CloudEvent as a JSON object, or an array of them.".into())),
    };
    if events.len() > MAX_BATCH {
        return Err(Error::TooLarge);
    }
    let mut batch = Batch { accepted: 0, body: String::with_capacity(bytes.len() + 2), refused: Vec::new() };
    batch.body.push('[');
    for (index, raw) in events.into_iter().enumerate() {
        match judge(raw.get(), sources) {
            Ok(()) => {
                if batch.accepted > 0 {
                    batch.body.push(',');
                }
                batch.body.push_str(raw.get());
                batch.accepted += 1;
            }
            Err(reason) => batch.refused.push((index, refused(raw.get(), reason))),
        }
    }
    batch.body.push(']');
    Ok(batch)
}

fn judge(text: &str, sources: &[String]) -> Result<(), String> {
    let event = event::read(text).map_err(|fault| fault.to_string())?;
    if sources.contains(&event.source) {
        return Ok(());
    }
    Err(format!(
        "The business unit {} is none of this connection's. Send its events to its own connection, or add it to this one.",
        event.source.chars().take(100).collect::<String>()
    ))
}

/// What is kept of an event that cannot be taken.
fn refused(text: &str, reason: String) -> Refused {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let word = |name: &str| value.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    Refused { event_id: word("id"), subject: word("subject"), field: String::new(), reason, body: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"{"specversion":"1.0","type":"profile.deleted","source":"/n","subject":"a","id":"1","sequence":1,"data":{"profileAltId":"a"}}"#;

    #[test]
    fn good_events_beside_bad_ones_are_taken_as_they_came() {
        let foreign = GOOD.replace("/n", "/s");
        let body = format!("[{GOOD}, {foreign}, 7, {{\"id\":\"x\"}} ,{GOOD}]");
        let batch = read(body.as_bytes(), &["/n".to_owned()]).unwrap();
        assert_eq!((batch.accepted, batch.body.as_str()), (2, format!("[{GOOD},{GOOD}]").as_str()));
        let said: Vec<_> = batch.refused.iter().map(|(at, r)| (*at, r.event_id.as_str())).collect();
        assert_eq!(said, [(1, "1"), (2, ""), (3, "x")]);
        assert!(batch.refused[0].1.reason.starts_with("The business unit /s is none of this connection's."));
    }

    #[test]
    fn only_what_is_no_batch_is_refused_whole() {
        for odd in ["", "7", "\"x\"", "[", "{\"a\":}", "[1,]"] {
            assert!(matches!(read(odd.as_bytes(), &[]), Err(Error::BadRequest(_))), "{odd}");
        }
        assert!(matches!(read(b"\xff", &[]), Err(Error::BadRequest(_))));
        let many = format!("[{}1]", "1,".repeat(MAX_BATCH));
        assert!(matches!(read(many.as_bytes(), &[]), Err(Error::TooLarge)));
        assert_eq!(read(b"[]", &[]).unwrap().body, "[]");
    }
}
