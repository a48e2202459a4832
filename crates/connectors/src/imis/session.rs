//! The sign-in: a token, kept as long as it lives, and renewed when the service no longer takes it.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::dialect::decode;
use super::settings::Settings;
use crate::ConnectorError;
use crate::http::{Client, Expect, Read, Refusal};

/// How long a token is used that does not say how long it lives.
const UNSAID: u64 = 600;
/// Longest time a token is used, whatever it says.
const LONGEST: u64 = 86_400;
/// Seconds before its end at which a token is used no more.
const MARGIN: u64 = 30;

/// A client that is signed in.
#[derive(Clone)]
pub(super) struct SignedIn {
    pub client: Client,
    until: Instant,
    number: u64,
}

/// Signs in once for everybody who asks at the same time.
#[derive(Default)]
pub(super) struct Session {
    now: Mutex<(u64, Option<SignedIn>)>,
}

/// A token's answer holds a secret: it is read, never shown.
#[derive(Deserialize)]
struct Token {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Session {
    /// A client that is signed in. Tried once if nobody is `patient`.
    pub(super) async fn client(&self, settings: &Settings, client: &Client, patient: bool) -> Result<SignedIn, Refusal> {
        let mut now = self.now.lock().await;
        if let Some(signed) = now.1.as_ref().filter(|s| s.until > Instant::now()) {
            return Ok(signed.clone());
        }
        let token = granted(settings, client, patient).await?;
        now.0 += 1;
        let said = token.expires_in.unwrap_or(UNSAID).min(LONGEST);
        let lives = said.saturating_sub(MARGIN).max(said / 2);
        let signed = SignedIn {
            client: client.bearing(&SecretString::from(token.access_token))?,
            until: Instant::now() + Duration::from_secs(lives),
            number: now.0,
        };
        now.1 = Some(signed.clone());
        Ok(signed)
    }

    /// The service no longer takes this token: the next one who asks signs in, unless somebody did meanwhile.
    pub(super) async fn forget(&self, refused: &SignedIn) {
        let mut now = self.now.lock().await;
        if now.1.as_ref().is_some_and(|s| s.number == refused.number) {
            now.1 = None;
        }
    }
}

async fn granted(settings: &Settings, client: &Client, patient: bool) -> Result<Token, Refusal> {
    let mut url = settings.base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("token");
    }
    let read = Read { url, body: Some((form(settings).into(), "application/x-www-form-urlencoded")), expect: Expect::Json };
    let body = client.asked(&read, patient).await.map_err(|r| Refusal { error: named(r.error), ..r })?;
    let token: Token = decode(&body).map_err(named)?;
    if token.access_token.is_empty() {
        return Err(ConnectorError::Protocol { detail: "token: an answer without a token".into() }.into());
    }
    Ok(token)
}

fn form(settings: &Settings) -> String {
    let pairs = [("grant_type", "password"), ("username", &settings.username), ("password", settings.password.expose_secret())];
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn named(error: ConnectorError) -> ConnectorError {
    super::service::named(error, "token")
}
