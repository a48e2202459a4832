//! Who may come in: the bearer of the bridge's own token.

use axum::extract::{FromRequestParts, Path};
use axum::http::header;
use axum::http::request::Parts;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::fetch_tokens::{self, Door};

use crate::auth::csrf::same;
use crate::auth::{Peer, secret_hash};
use crate::error::Error;
use crate::public::Wrong;
use crate::state::App;

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 200;
/// Compared with where there is no token, so that a bridge without one answers as late as one with.
const NOBODY: &str = "----------------------------------------------------------------";

/// Extractor: the bridge whose token was sent. One answer to a wrong token and to a bridge that there is not; whoever sends many waits.
pub(super) struct Visitor(pub Door);

impl FromRequestParts<App> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let (scheme, token) = header.split_once(' ').unwrap_or_default();
        let sent = if scheme.eq_ignore_ascii_case("bearer") && token.len() <= LONGEST { secret_hash(token.trim()) } else { String::new() };
        let named = Path::<String>::from_request_parts(parts, app).await.ok().and_then(|Path(text)| PublicId::parse(&text, Kind::Bridge));
        let door = match named {
            Some(id) => fetch_tokens::door(app.db.read(), id.id).await?.filter(|d| id.fits(Instant(d.created_at))),
            None => None,
        };
        let opens = same(&sent, door.as_ref().map_or(NOBODY, |d| &d.token_hash));
        if let (true, Some(door)) = (opens, door) {
            return Ok(Self(door));
        }
        let Ok(Peer(peer)) = Peer::from_request_parts(parts, app).await;
        match parts.extensions.get::<Wrong>().and_then(|wrong| wrong.count(&peer, app.clock.now())) {
            Some(retry_after) => Err(Error::TooMany { retry_after }),
            None => Err(Error::NoVisitor),
        }
    }
}
