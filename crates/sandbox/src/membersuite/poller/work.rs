//! One poll: fetched, done, acknowledged.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Poll, PollFault, PollerSettings};
use crate::loopback::{self, Target};
use crate::membersuite::sandbox::Sandbox;

/// Shortest lease that Rialto gives, in seconds.
const SHORT: u64 = 5;

#[derive(Deserialize)]
struct Batch {
    batch: Option<String>,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    remote_id: String,
    do_not_email: Option<bool>,
    #[serde(default)]
    interests: Vec<Interest>,
}

#[derive(Deserialize)]
struct Interest {
    code: String,
    wanted: bool,
}

pub(super) async fn poll(sandbox: &Sandbox, settings: &PollerSettings, fault: Option<PollFault>) -> Poll {
    let mut poll = Poll { at: sandbox.now(), ..Poll::default() };
    if let Err(why) = carry_out(sandbox, settings, fault, &mut poll).await {
        poll.notes.push(why);
    }
    poll
}

async fn carry_out(sandbox: &Sandbox, settings: &PollerSettings, fault: Option<PollFault>, poll: &mut Poll) -> Result<(), String> {
    let target = Target::of(&settings.address)?;
    let query = if fault == Some(PollFault::AckLate) { format!("?lease_seconds={SHORT}") } else { String::new() };
    let batch: Batch = read(loopback::ask(&target, &query, &settings.token, None).await?)?;
    poll.fetched = batch.items.len();
    let Some(name) = batch.batch else { return Ok(()) };
    if fault == Some(PollFault::CrashBeforeWork) {
        return Err("Crashed before its work.".to_owned());
    }
    let words: Vec<Value> = batch.items.iter().map(|item| word(sandbox, item, fault, poll)).collect();
    match fault {
        Some(PollFault::CrashBeforeAck) => return Err("Crashed before it acknowledged.".to_owned()),
        Some(PollFault::AckLate) => tokio::time::sleep(Duration::from_secs(SHORT + 1)).await,
        _ => {}
    }
    let body = json!({ "batch": name, "items": words }).to_string();
    for _ in 0..if fault == Some(PollFault::AckTwice) { 2 } else { 1 } {
        let heard: Value = read(loopback::ask(&target, "", &settings.token, Some(&body)).await?)?;
        let number = |name: &str| heard[name].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
        (poll.taken, poll.refused) = (poll.taken + number("taken"), poll.refused + number("refused"));
        let said = heard["items"].as_array().into_iter().flatten().filter_map(|item| item["detail"].as_str());
        poll.notes.extend(said.filter(|detail| !detail.is_empty()).take(3).map(str::to_owned));
    }
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(answer: loopback::Answer) -> Result<T, String> {
    if answer.status != 200 {
        let said = serde_json::from_str::<Value>(&answer.body).ok();
        let detail = said.and_then(|v| v["detail"].as_str().map(str::to_owned)).unwrap_or_default();
        return Err(format!("Rialto answered {}: {detail}", answer.status));
    }
    serde_json::from_str(&answer.body).map_err(|e| format!("Rialto's answer cannot be read: {e}."))
}

/// Does one and says what became of it.
fn word(sandbox: &Sandbox, item: &Item, fault: Option<PollFault>, poll: &mut Poll) -> Value {
    let refused = |reason: &str| json!({ "id": item.id, "result": "refused", "reason": reason });
    if fault == Some(PollFault::Refuse) {
        return refused("The job is told to refuse everything.");
    }
    let known = sandbox.categories();
    if item.interests.iter().any(|i| known.iter().all(|c| c.id != i.code)) {
        return refused("There is no such message category.");
    }
    let done = sandbox.edit_person(&item.remote_id, |person| {
        person.do_not_email = item.do_not_email.unwrap_or(person.do_not_email);
        for interest in &item.interests {
            person.opt_outs.retain(|out| *out != interest.code);
            if !interest.wanted {
                person.opt_outs.push(interest.code.clone());
            }
        }
    });
    match done {
        Some(_) => {
            poll.done += 1;
            json!({ "id": item.id, "result": "acknowledged" })
        }
        None => refused("There is no such individual."),
    }
}
