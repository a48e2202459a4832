//! Whether the broker syncs to disk before it acknowledges. By default it does so every two minutes, and loses what it acknowledged meanwhile
//! when the power fails (reliability, fact 10). Only its HTTP monitoring tells.

use std::num::NonZeroU32;

use serde::Deserialize;
use url::Url;

use crate::http::{Expect, Outbound, Read};

const ASK: &str = "Set `sync_interval: always` in the broker's `jetstream` section";

#[derive(Deserialize)]
struct Answer {
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    sync_always: bool,
}

/// A sentence, unless the broker syncs.
pub(super) async fn warning(monitor: Option<&Url>, outbound: &Outbound) -> Option<String> {
    let Some(monitor) = monitor else {
        return Some(format!(
            "Whether the broker syncs before it acknowledges is not known: by default it loses what it acknowledged in the last two minutes when the power \
             fails. {ASK}, and enter its monitoring address here, so that Rialto can see it."
        ));
    };
    match asked(monitor, outbound).await {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "The broker acknowledges before it syncs: when the power fails, events that their source believes safe are lost. {ASK}."
        )),
        Err(why) => Some(format!("Whether the broker syncs before it acknowledges could not be read from its monitoring address: {why}.")),
    }
}

async fn asked(monitor: &Url, outbound: &Outbound) -> Result<bool, String> {
    let mut url = monitor.clone();
    url.set_path(&format!("{}/jsz", monitor.path().trim_end_matches('/')));
    url.set_query(Some("config=true"));
    let client = outbound.bare(monitor, "monitor", Vec::new(), NonZeroU32::MIN.saturating_add(9))?;
    let body = client.read_once(&Read { url, body: None, expect: Expect::Json }).await.map_err(|e| e.to_string())?;
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| "the answer is not the broker's".to_owned())?;
    answer.config.map(|c| c.sync_always).ok_or_else(|| "JetStream is off there".to_owned())
}
