//! The demo's loyalty programme: a stream connection that reads one business unit of the simulated loyalty system, a list of its members, the
//! extension beside it, and the data syncs between them. All of it is made through the API, as any program would.

use anyhow::Context;
use rialto_core::permissions::Role;
use rialto_core::{Instant, Kind, PublicId};
use rialto_sandbox::loyalty::{Sandbox, Target};
use rialto_store::streams::{self, Stream};
use rialto_store::tokens;
use serde_json::{Value, json};

use super::api::{Api, text};
use crate::commands::token;
use crate::parts::Parts;

/// The business unit that is read.
pub const UNIT: &str = "/loyalty/north";
const NAME: &str = "Loyalty programme";
const FOLDER: &str = "Loyalty";
/// Events of one request.
const BATCH: usize = 500;

/// The body of a stream connection that reads one business unit.
pub fn connection() -> Value {
    json!({"name": NAME, "sources": [UNIT]})
}

/// The body of the list of members.
pub fn members() -> Value {
    json!({"name": "Loyalty members", "folder": FOLDER, "description": "Who takes part in the loyalty programme.", "fields": [
        {"name": "Loyalty id", "type": "text", "length": 40},
        {"name": "Email", "type": "text", "length": 254},
        {"name": "First name", "type": "text", "length": 200, "default": "member"},
        {"name": "Last name", "type": "text", "length": 200},
    ]})
}

/// The body of the extension that holds what changes.
pub fn profile() -> Value {
    json!({"name": "Loyalty profile", "folder": FOLDER, "description": "Tier, points and preferences as they change.", "scope": "LOYALTY", "fields": [
        {"name": "Loyalty id", "type": "text", "length": 40},
        {"name": "Email", "type": "text", "length": 254},
        {"name": "Tier", "type": "text", "length": 20, "default": "Bronze"},
        {"name": "Tier since", "type": "date"},
        {"name": "Points", "type": "integer", "default": "0"},
        {"name": "Lifetime points", "type": "long"},
        {"name": "Last purchase", "type": "datetime"},
        {"name": "Language", "type": "text", "length": 10},
        {"name": "Favourite category", "type": "text", "length": 100},
        {"name": "Wants text messages", "type": "boolean"},
        {"name": "Average basket", "type": "float"},
        {"name": "Home store", "type": "text", "length": 100},
    ]})
}

/// Fields of the extension that are filled from the start, by API name, and where they come from.
pub const PROFILE: [(&str, &str); 9] = [
    (KEY, "loyalty_id"),
    ("attributes.email", "email"),
    ("attributes.tier", "tier"),
    ("attributes.tierSince", "tier_since"),
    ("metrics.points", "points"),
    ("metrics.lifetimePoints", "lifetime_points"),
    ("metrics.lastPurchaseAt", "last_purchase"),
    ("preferences.language", "language"),
    ("preferences.favouriteCategory", "favourite_category"),
];

/// The same of the list.
pub const MEMBERS: [(&str, &str); 4] =
    [(KEY, "loyalty_id"), ("attributes.email", "email"), ("attributes.firstName", "first_name"), ("attributes.lastName", "last_name")];

/// The body of a segment: whoever is Gold or above with more than 1,000 points, by the extension's fields.
pub fn segment(extension: &str) -> Value {
    let field = |number: u32, is: Value| json!({"field": {"of": {"audience": extension}, "number": number, "is": is}});
    json!({"name": "Gold and above, over 1,000 points", "folder": FOLDER, "rule": {"all": [
        field(3, json!({"text": {"is": ["Gold", "Platinum"]}})),
        field(5, json!({"number": {"more": 1_000}})),
    ]}})
}

/// The source's unique identifier (LO-04).
pub const KEY: &str = "profileAltId";

/// The body of a data sync.
pub fn data_sync(name: &str, stream: &str, destination: &str, mode: &str, pairs: &[(&str, &str)]) -> Value {
    let mapping: Vec<Value> = pairs.iter().map(|(from, to)| json!({"from": from, "to": to})).collect();
    let mut body = json!({"name": name, "folder": FOLDER, "labels": ["loyalty"], "stream": stream, "source": UNIT, "destination": destination,
        "mode": mode, "mapping": mapping});
    if mode == "upsert" {
        body["match"] = json!({"by": "email", "field": "email"});
    }
    body
}

/// Where the loyalty system publishes to.
pub fn target(address: String, token: String) -> Target {
    Target::Http { address, token, batch: BATCH }
}

/// Makes what is missing, and has the loyalty system publish to it. Everybody is sent at each start: the simulated system begins anew, and what
/// is here is to be what it says. `base`: where this demo answers.
pub async fn ready(parts: &Parts, base: &str, sandbox: &Sandbox) -> anyhow::Result<()> {
    let known = |all: Vec<Stream>| all.into_iter().find(|s| s.name == NAME);
    let before = known(streams::list(parts.db.read()).await?);
    if before.is_none() {
        make_once(parts, base).await?;
    }
    let stream = known(streams::list(parts.db.read()).await?).context("the stream connection was not made")?;
    // The loyalty system forgets its token when it ends, and Rialto keeps only what proves it: each start has its own.
    let (token, hash) = rialto_web::auth::new_token(&parts.random);
    let mut tx = parts.db.write().await?;
    streams::set_token(&mut tx, stream.id, &hash, &parts.actor()).await?;
    tx.commit().await?;
    let id = PublicId::new(Kind::Stream, Instant(stream.created_at), stream.id);
    sandbox.set_target(Some(target(format!("{base}/api/v1/streams/{id}/events"), token)))?;
    sandbox.begin_send_all()?;
    Ok(())
}

/// Sets it up with a token that is revoked afterwards.
async fn make_once(parts: &Parts, base: &str) -> anyhow::Result<()> {
    let (token_id, _, token) = token::make(parts, "Set-up of the demo", Role::Admin).await?;
    let made = make(&Api::new(base.to_owned(), token)?).await;
    let mut tx = parts.db.write().await?;
    tokens::revoke(&mut tx, token_id, &parts.actor()).await?;
    tx.commit().await?;
    made
}

async fn make(api: &Api) -> anyhow::Result<()> {
    let stream = api.post("/streams", connection()).await?;
    let stream_id = text(&stream, "id")?;
    let list = api.post("/audience-lists", members()).await?;
    let list = text(&list, "id")?;
    let extension = api.post(&format!("/audience-lists/{list}/extensions"), profile()).await?;
    let extension = text(&extension, "id")?;
    for (name, destination, mode, pairs) in [
        ("Loyalty members", list, "upsert", &MEMBERS[..]),
        ("Loyalty profiles", extension, "upsert", &PROFILE[..]),
        ("Loyalty leavers", extension, "delete", &[(KEY, "loyalty_id")][..]),
    ] {
        let made = api.post("/data-syncs", data_sync(name, stream_id, destination, mode, pairs)).await?;
        api.post(&format!("/data-syncs/{}/enable", text(&made, "id")?), json!({})).await?;
    }
    api.post("/segments", segment(extension)).await?;
    Ok(())
}
