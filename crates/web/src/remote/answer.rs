//! POST: what became of a batch, one by one.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use rialto_core::writeback::LONGEST_REASON;
use rialto_core::{Kind, PublicId};
use rialto_store::writebacks::{self, Heard, Word};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MOST;
use super::door::Visitor;
use crate::api::extract::{Body, Faults, Problem};
use crate::error::Error;
use crate::state::App;

/// Hexadecimal digits of a batch.
const BATCH: usize = 32;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// As it was fetched.
    batch: String,
    /// 1 to 500, each writeback once.
    items: Vec<WordBody>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WordBody {
    /// As it was fetched.
    id: String,
    /// `acknowledged`: it is done. `refused`: it cannot be done.
    result: String,
    /// Why it cannot be done, up to 1,000 characters; needed with `refused`.
    #[serde(default)]
    reason: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct HeardView {
    /// Words that count, from now on or since before.
    taken: usize,
    /// Words that count for nothing.
    refused: usize,
    /// In the order of the words.
    items: Vec<HeardItem>,
}

#[derive(Serialize, ToSchema)]
struct HeardItem {
    id: String,
    /// `recorded`; `repeated`: the same had been said before; `refused`: see the detail.
    result: &'static str,
    /// Why it counts for nothing, and what happens now; empty otherwise.
    detail: &'static str,
}

/// Reads the words; faults name the place.
fn read(body: Words) -> Result<(String, Vec<Word>), Error> {
    let mut faults = Faults::default();
    if body.batch.len() != BATCH || !body.batch.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        faults.add("batch", "Send the batch as it came.");
    }
    if !(1..=MOST).contains(&body.items.len()) {
        faults.add("items", "Send 1 to 500.");
        return faults.none_or().map(|()| Default::default());
    }
    let mut named = HashSet::new();
    let mut words = Vec::with_capacity(body.items.len());
    for (n, item) in body.items.into_iter().enumerate() {
        let mut fault = |field: &str, detail: &str| faults.add(format!("items[{n}].{field}"), detail);
        let reason: String = item.reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let reason = reason.trim();
        let refused = match item.result.as_str() {
            "acknowledged" => None,
            "refused" => Some(reason.to_owned()),
            _ => {
                fault("result", "Send acknowledged or refused.");
                continue;
            }
        };
        if refused.is_some() && reason.is_empty() {
            fault("reason", "Say why it cannot be done: people have to mend it.");
        }
        if reason.chars().count() > LONGEST_REASON {
            fault("reason", "Send at most 1,000 characters.");
        }
        match PublicId::parse(&item.id, Kind::Writeback) {
            Some(of) if named.insert(of.id) => words.push(Word { of, refused }),
            Some(_) => fault("id", "It is named twice in this answer."),
            None => fault("id", "This is no writeback's id."),
        }
    }
    faults.none_or()?;
    Ok((body.batch, words))
}

fn shown(word: &Word, heard: Heard) -> HeardItem {
    let (result, detail) = match heard {
        Heard::Recorded => ("recorded", ""),
        Heard::Repeated => ("repeated", ""),
        Heard::Late => (
            "refused",
            "The lease is over: it was given out again, or comes with the next fetch. Do it again and acknowledge it with that batch; the id is the same.",
        ),
        Heard::Otherwise => ("refused", "The other was said of it in this batch before, and stands."),
        Heard::NotInBatch => ("refused", "It was not in this batch. Acknowledge it with the batch in which it came."),
        Heard::Unknown => ("refused", "This bridge has no such writeback."),
    };
    HeardItem { id: word.of.to_string(), result, detail }
}

/// Acknowledges or refuses the writebacks of a batch. Each counts by itself, and the same again changes nothing.
#[utoipa::path(post, path = "/remote/{bridge}/writebacks", tag = "remote", params(("bridge" = String, Path)), request_body = Words,
    responses((status = 200, body = HeardView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
        (status = 500, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn answer(State(app): State<App>, Visitor(door): Visitor, body: Body<Words>) -> Result<Json<HeardView>, Error> {
    let (batch, words) = read(body.read()?)?;
    let destination = crate::api::writeback_settings::destination(&app, door.bridge_id).await?;
    let kind = rialto_connectors::kind(&door.kind).map_or(door.name.as_str(), |k| k.name);
    let heard = writebacks::hear(&app.db, &destination, &batch, &words, kind, app.clock.now()).await?;
    let items: Vec<HeardItem> = words.iter().zip(heard).map(|(word, heard)| shown(word, heard)).collect();
    let refused = items.iter().filter(|i| i.result == "refused").count();
    Ok(Json(HeardView { taken: items.len() - refused, refused, items }))
}

#[cfg(test)]
mod tests {
    use rialto_core::Instant;

    use super::*;

    fn faults(batch: &str, items: &[(&str, &str, &str)]) -> Vec<String> {
        let items =
            items.iter().map(|(id, result, reason)| WordBody { id: (*id).into(), result: (*result).into(), reason: (*reason).into() });
        match read(Words { batch: batch.into(), items: items.collect() }) {
            Err(Error::Invalid(faults)) => faults.into_iter().map(|f| f.field).collect(),
            other => panic!("{:?}", other.map(|(_, words)| words)),
        }
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let id = PublicId::new(Kind::Writeback, Instant(1_767_600_000_000_000), 7).to_string();
        let person = PublicId::new(Kind::Subscriber, Instant(1_767_600_000_000_000), 7).to_string();
        let batch = "0123456789abcdef0123456789abcdef";
        let long = "x".repeat(1_001);
        let items = [
            (id.as_str(), "done", ""),
            (&id, "refused", " \n"),
            (&person, "acknowledged", ""),
            (&id, "refused", &long),
            ("", "refused", "No"),
        ];
        let expected = ["batch", "items[0].result", "items[1].reason", "items[2].id", "items[3].reason", "items[3].id", "items[4].id"];
        assert_eq!(faults("ABC", &items), expected);
        assert_eq!(faults(batch, &[]), ["items"]);
        assert_eq!(faults(batch, &vec![(id.as_str(), "acknowledged", ""); 501]), ["items"]);
        let words = Words { batch: batch.into(), items: vec![WordBody { id, result: "refused".into(), reason: " Not\u{0}here ".into() }] };
        assert_eq!(read(words).unwrap().1[0].refused.as_deref(), Some("Not here"));
    }
}
