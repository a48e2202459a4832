//! A body as events: each is looked at by itself.

use std::collections::HashMap;

use rialto_core::audience::Seen;
use rialto_core::event::{self, MAX_BATCH, ProfileEvent};
use rialto_store::streams::{Refused, Source};
use serde_json::value::RawValue;

use crate::error::Error;

/// What a body came to.
pub(super) struct Batch {
    pub accepted: usize,
    /// The accepted events as a JSON array, each as it came; without any it is `[]`.
    pub body: String,
    /// Places in the body, and what is wrong.
    pub refused: Vec<(usize, Refused)>,
    pub passed: Passed,
    /// By business unit and name, what the values of fields looked like, with a sample.
    pub seen: Fields,
}

/// Events of business units that the connection does not read (L1): they are no fault, and are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    pub events: usize,
    /// That of the last one.
    pub source: String,
}

/// An event as far as the connection is concerned.
enum Judged {
    /// Of a business unit that it reads, by internal id.
    Read(i64, ProfileEvent),
    Passed {
        source: String,
    },
}

/// What fields looked like: internal id of the business unit, and the name as a field matching says it.
pub(super) type Fields = HashMap<(i64, String), (Seen, String)>;

/// Reads a body. Only one that is no JSON, or no batch, is refused whole.
pub(super) fn read(bytes: &[u8], sources: &[Source]) -> Result<Batch, Error> {
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
    let mut batch = Batch {
        accepted: 0,
        body: String::with_capacity(bytes.len() + 2),
        refused: Vec::new(),
        passed: Passed::default(),
        seen: Fields::new(),
    };
    batch.body.push('[');
    for (index, raw) in events.into_iter().enumerate() {
        match judge(raw.get(), sources) {
            Ok(Judged::Passed { source }) => batch.passed = Passed { events: batch.passed.events + 1, source },
            Ok(Judged::Read(source_id, event)) => {
                look(&mut batch.seen, source_id, &event);
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

fn judge(text: &str, sources: &[Source]) -> Result<Judged, String> {
    let event = event::read(text).map_err(|fault| fault.to_string())?;
    Ok(match sources.iter().find(|s| !s.retired && s.source == event.source) {
        Some(source) => Judged::Read(source.id, event),
        None => Judged::Passed { source: event.source },
    })
}

fn look(fields: &mut Fields, source_id: i64, event: &ProfileEvent) {
    for field in &event.fields {
        let (seen, sample) = fields.entry((source_id, format!("{}.{}", field.section, field.name))).or_default();
        seen.add(&field.value);
        if sample.is_empty() {
            *sample = field.value.sample();
        }
    }
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

    fn north() -> Vec<Source> {
        let of = |id, source: &str, retired| Source { id, stream_id: 1, source: source.into(), retired };
        vec![of(7, "/n", false), of(8, "/s", true)]
    }

    #[test]
    fn good_events_beside_bad_ones_are_taken_as_they_came() {
        let foreign = GOOD.replace("/n", "/s");
        let body = format!("[{GOOD}, {foreign}, 7, {{\"id\":\"x\"}} ,{GOOD}]");
        let batch = read(body.as_bytes(), &north()).unwrap();
        assert_eq!((batch.accepted, batch.body.as_str()), (2, format!("[{GOOD},{GOOD}]").as_str()));
        let said: Vec<_> = batch.refused.iter().map(|(at, r)| (*at, r.event_id.as_str())).collect();
        assert_eq!(said, [(2, ""), (3, "x")]);
        assert_eq!(batch.passed, Passed { events: 1, source: "/s".into() }, "of a business unit that is read no longer");
    }

    #[test]
    fn what_fields_look_like_is_noted_by_business_unit() {
        let with =
            |tier: &str| GOOD.replace("deleted", "upserted").replace("\"a\"}", &format!("\"a\",\"attributes\":{{\"tier\":{tier}}}}}"));
        let batch = read(format!("[{},{},{}]", with("null"), with("\"Gold\""), with("7")).as_bytes(), &north()).unwrap();
        let (seen, sample) = &batch.seen[&(7, "attributes.tier".to_owned())];
        assert_eq!((batch.accepted, seen.words().as_str(), sample.as_str()), (3, "integer or text", "Gold"));
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
