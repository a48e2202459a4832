//! The program behind an API request.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use rialto_core::Instant;
use rialto_core::permissions::{Access, Permission};
use rialto_store::{Actor, tokens};

use crate::error::Error;
use crate::request_id::RequestId;
use crate::state::App;

/// How old `last_used_at` may be before it is written again, in seconds.
const USED_EVERY: i64 = 60;

/// Extractor: who holds the bearer token. 401 without a valid one.
#[derive(Clone, Debug)]
pub struct Caller {
    pub token_id: i64,
    pub name: String,
    pub access: Access,
    request_id: String,
}

impl Caller {
    pub fn allows(&self, p: Permission) -> bool {
        self.access.allows(p)
    }

    /// `Error::Lacks` without the permission.
    pub fn require(&self, p: Permission) -> Result<(), Error> {
        if self.access.allows(p) { Ok(()) } else { Err(Error::Lacks(p)) }
    }

    /// Who acts, for the audit trail.
    pub fn actor(&self, app: &App) -> Actor {
        Actor { name: format!("token:{}", self.name), request_id: self.request_id.clone(), at: app.clock.now() }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let (scheme, token) = header.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Error::Unauthorized);
        }
        let found = tokens::find(app.db.read(), &super::secret_hash(token.trim())).await?.ok_or(Error::Unauthorized)?;
        let now = app.clock.now();
        if found.last_used_at.is_none_or(|at| now.seconds_since(Instant(at)) >= USED_EVERY) {
            let mut tx = app.db.write().await?;
            tokens::used(&mut tx, found.id, now).await?;
            tx.commit().await?;
        }
        let caller = Self { token_id: found.id, access: found.access(), name: found.name, request_id: RequestId::of(&parts.extensions) };
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}
