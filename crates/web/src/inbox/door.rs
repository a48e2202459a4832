//! Who may send events: the bearer of the connection's own token, or of an API token that may use the profile stream.

use axum::extract::{FromRequestParts, Path};
use axum::http::header;
use axum::http::request::Parts;
use rialto_core::permissions::Permission;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::streams::{self, Stream};

use crate::auth::csrf::same;
use crate::auth::{Caller, Peer, secret_hash};
use crate::error::Error;
use crate::public::Wrong;
use crate::state::App;

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 200;

/// Extractor: the connection that may be sent to. Whoever comes with many wrong tokens waits.
pub(super) struct Sender(pub Stream);

impl FromRequestParts<App> for Sender {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let (scheme, token) = header.split_once(' ').unwrap_or_default();
        let sent = if scheme.eq_ignore_ascii_case("bearer") && token.len() <= LONGEST { secret_hash(token.trim()) } else { String::new() };
        let named = Path::<String>::from_request_parts(parts, app).await.ok().and_then(|Path(text)| PublicId::parse(&text, Kind::Stream));
        let stream = match named {
            Some(id) => streams::get(app.db.read(), id.id).await.map_err(super::away)?.filter(|s| id.fits(Instant(s.created_at))),
            None => None,
        };
        if let Some(stream) = stream.as_ref().filter(|s| !s.token_hash.is_empty() && same(&sent, &s.token_hash)) {
            return Ok(Self(stream.clone()));
        }
        match Caller::from_request_parts(parts, app).await {
            Ok(caller) => {
                caller.require(Permission::ProfileStream)?;
                stream.map(Self).ok_or(Error::NotFound)
            }
            Err(error) => {
                let Ok(Peer(peer)) = Peer::from_request_parts(parts, app).await;
                match parts.extensions.get::<Wrong>().and_then(|wrong| wrong.count(&peer, app.clock.now())) {
                    Some(retry_after) => Err(Error::TooMany { retry_after }),
                    None => Err(error),
                }
            }
        }
    }
}
