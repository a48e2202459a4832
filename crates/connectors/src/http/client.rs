//! One remote system's client: signed in, paced, guarded, bounded.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use governor::clock::{Clock as _, DefaultClock};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::failure::{blocked, broken, refused};
use super::guard::GuardedResolver;
use super::limits::Limits;
use super::outbound::Outbound;
use super::pace::Pace;
use super::retry::Pauses;
use super::shape::Expect;
use crate::ConnectorError;

/// Bytes of an error answer that are looked at.
const ERROR_BODY: usize = 64 << 10;

/// A request that changes nothing at the remote, whatever its method, and may therefore be repeated.
#[derive(Clone, Debug)]
pub struct Read {
    pub url: Url,
    /// Sent by POST with its content type; without one the request is a GET.
    pub body: Option<(Bytes, &'static str)>,
    pub expect: Expect,
}

/// A request that writes. It is sent once and never repeated in here: only who asked for it can find out whether it arrived.
#[derive(Clone, Debug)]
pub struct Write {
    pub url: Url,
    /// Sent by POST with its content type.
    pub body: (Bytes, &'static str),
    pub expect: Expect,
}

/// What a change does to what stands at its address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    Post,
    Put,
    Delete,
}

/// A request that writes, where a service tells creating, replacing and deleting apart. Sent once, as [`Write`].
#[derive(Clone, Debug)]
pub struct Change {
    pub verb: Verb,
    pub url: Url,
    /// With its content type.
    pub body: Option<(Bytes, &'static str)>,
    /// What its answer should be; `None` when it says nothing that counts.
    pub expect: Option<Expect>,
}

/// A refusal with the status it came with; none when there was no answer, or one that was not what was asked for.
#[derive(Debug)]
pub struct Refusal {
    pub status: Option<u16>,
    pub error: ConnectorError,
}

impl From<Refusal> for ConnectorError {
    fn from(refusal: Refusal) -> Self {
        refusal.error
    }
}

impl From<ConnectorError> for Refusal {
    fn from(error: ConnectorError) -> Self {
        Self { status: None, error }
    }
}

/// A client for one remote system. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    parts: Arc<Parts>,
    signed: Arc<Signed>,
}

/// As whom requests are made.
struct Signed {
    authorization: Option<HeaderValue>,
    /// What no message may repeat.
    secrets: Vec<SecretString>,
}

struct Parts {
    http: reqwest::Client,
    outbound: Outbound,
    pace: Pace,
    calls: AtomicU64,
}

/// A request on its way.
struct Asked<'a> {
    method: Method,
    url: &'a Url,
    body: Option<&'a (Bytes, &'static str)>,
    expect: Option<Expect>,
    /// Of the request's own.
    headers: Option<&'a HeaderMap>,
}

impl<'a> Asked<'a> {
    fn read(read: &'a Read, headers: Option<&'a HeaderMap>) -> Self {
        let method = if read.body.is_some() { Method::POST } else { Method::GET };
        Self { method, url: &read.url, body: read.body.as_ref(), expect: Some(read.expect), headers }
    }

    fn write(write: &'a Write, headers: Option<&'a HeaderMap>) -> Self {
        Self { method: Method::POST, url: &write.url, body: Some(&write.body), expect: Some(write.expect), headers }
    }
}

impl Client {
    pub(super) fn basic(
        outbound: Outbound,
        base: &Url,
        user: &str,
        password: &SecretString,
        per_second: NonZeroU32,
    ) -> Result<Self, String> {
        let token = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        let authorization = header_of("Basic", &token).ok_or("the user name cannot be sent")?;
        Self::signed(outbound, base, user, Some(authorization), vec![password.clone(), token.into()], per_second)
    }

    /// A client whose requests sign in by themselves, or are `bearing` a token. `secrets` are kept out of errors.
    pub(super) fn bare(
        outbound: Outbound,
        base: &Url,
        user: &str,
        secrets: Vec<SecretString>,
        per_second: NonZeroU32,
    ) -> Result<Self, String> {
        Self::signed(outbound, base, user, None, secrets, per_second)
    }

    fn signed(
        outbound: Outbound,
        base: &Url,
        user: &str,
        authorization: Option<HeaderValue>,
        secrets: Vec<SecretString>,
        per_second: NonZeroU32,
    ) -> Result<Self, String> {
        outbound.check(base).map_err(|d| d.to_string())?;
        let http =
            build(&outbound, base).map_err(|_| "no secure connections can be made: the system's certificates cannot be read".to_owned())?;
        let pace = outbound.pace(base, user, per_second);
        let parts = Arc::new(Parts { http, outbound, pace, calls: AtomicU64::new(0) });
        Ok(Self { parts, signed: Arc::new(Signed { authorization, secrets }) })
    }

    /// The same client with a bearer token; it keeps connections and pace. A token that cannot be sent is an unexpected answer.
    pub fn bearing(&self, token: &SecretString) -> Result<Self, ConnectorError> {
        let authorization = header_of("Bearer", token.expose_secret())
            .ok_or_else(|| ConnectorError::Protocol { detail: "a token that cannot be sent".into() })?;
        let secrets = self.signed.secrets.iter().chain([token]).cloned().collect();
        Ok(Self { parts: self.parts.clone(), signed: Arc::new(Signed { authorization: Some(authorization), secrets }) })
    }

    /// Carries out a read: waits for its turn, tries again after passing troubles, and returns the whole decompressed body.
    pub async fn read(&self, read: &Read) -> Result<Bytes, ConnectorError> {
        Ok(self.asked(read, true).await?)
    }

    /// The same with headers of the request's own.
    pub async fn read_with(&self, read: &Read, headers: &HeaderMap) -> Result<Bytes, ConnectorError> {
        Ok(self.often(|| Asked::read(read, Some(headers))).await?)
    }

    /// The same with a single attempt.
    pub async fn read_once(&self, read: &Read) -> Result<Bytes, ConnectorError> {
        Ok(self.asked(read, false).await?)
    }

    /// The same with headers of the request's own.
    pub async fn read_once_with(&self, read: &Read, headers: &HeaderMap) -> Result<Bytes, ConnectorError> {
        Ok(self.once(Asked::read(read, Some(headers))).await?)
    }

    /// Carries out a read, by several attempts or one; a refusal tells its status.
    pub async fn asked(&self, read: &Read, patient: bool) -> Result<Bytes, Refusal> {
        if patient { self.often(|| Asked::read(read, None)).await } else { self.once(Asked::read(read, None)).await }
    }

    async fn often<'a>(&self, asked: impl Fn() -> Asked<'a>) -> Result<Bytes, Refusal> {
        let parts = &*self.parts;
        let mut pauses = Pauses::new(parts.limits(), parts.seed());
        loop {
            let refusal = match self.once(asked()).await {
                Ok(body) => return Ok(body),
                Err(refusal) => refusal,
            };
            let Some(pause) = pauses.after(&refusal.error) else { return Err(refusal) };
            tracing::debug!(kind = refusal.error.kind(), pause_ms = pause.as_millis(), "reading again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Carries out a write: waits for its turn, sends it once, and returns the whole decompressed body. After an error it may have
    /// been carried out all the same.
    pub async fn write(&self, write: &Write) -> Result<Bytes, ConnectorError> {
        Ok(self.once(Asked::write(write, None)).await?)
    }

    /// The same with headers of the request's own.
    pub async fn write_with(&self, write: &Write, headers: &HeaderMap) -> Result<Bytes, ConnectorError> {
        Ok(self.once(Asked::write(write, Some(headers))).await?)
    }

    /// Carries out a change in the same way; created (201) and done without an answer (204) are successes too.
    pub async fn change(&self, change: &Change) -> Result<Bytes, Refusal> {
        let method = match change.verb {
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Delete => Method::DELETE,
        };
        self.once(Asked { method, url: &change.url, body: change.body.as_ref(), expect: change.expect, headers: None }).await
    }

    async fn once(&self, asked: Asked<'_>) -> Result<Bytes, Refusal> {
        let parts = &*self.parts;
        parts.outbound.check(asked.url).map_err(|d| blocked(&d))?;
        parts.take_turn().await;
        let host = asked.url.host_str().unwrap_or_default().to_owned();
        let host = host.as_str();
        let changes = !matches!(asked.method, Method::GET);
        let expect = asked.expect;
        let mut response = self.send(asked).await.map_err(|e| broken(&e, host))?;
        let status = response.status();
        if status != StatusCode::OK && !(changes && matches!(status, StatusCode::CREATED | StatusCode::NO_CONTENT)) {
            let retry = header(&response, RETRY_AFTER);
            let start = beginning(&mut response).await;
            let error = refused(status, retry.as_deref(), &start, &self.signed.secrets, parts.outbound.clock.now());
            return Err(Refusal { status: Some(status.as_u16()), error });
        }
        let kind = header(&response, CONTENT_TYPE).unwrap_or_default();
        let body = whole(&mut response, parts.limits().body, host).await?;
        if let Some(expect) = expect {
            expect.check(&kind, &body)?;
        }
        Ok(body)
    }

    async fn send(&self, asked: Asked<'_>) -> Result<Response, reqwest::Error> {
        let mut request = self.parts.http.request(asked.method, asked.url.clone());
        if let Some(authorization) = &self.signed.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(expect) = asked.expect {
            request = request.header(ACCEPT, expect.accept());
        }
        if let Some((body, kind)) = asked.body {
            request = request.header(CONTENT_TYPE, *kind).body(body.clone());
        }
        if let Some(headers) = asked.headers {
            request = request.headers(headers.clone());
        }
        request.send().await
    }
}

/// The header that says who asks; `None` when it cannot be sent.
fn header_of(scheme: &str, token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("{scheme} {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn build(outbound: &Outbound, base: &Url) -> Result<reqwest::Client, reqwest::Error> {
    let limits = &outbound.limits;
    let builder = reqwest::Client::builder()
        .user_agent(concat!("Rialto/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .dns_resolver(GuardedResolver(outbound.guard.clone()))
        .connect_timeout(limits.connect)
        .read_timeout(limits.idle)
        .timeout(limits.request)
        .tls_version_min(reqwest::tls::Version::TLS_1_2);
    // Without redirects a plain address never needs the system's certificates.
    if base.scheme() == "https" { builder.https_only(true).build() } else { builder.tls_certs_only([]).build() }
}

impl Parts {
    fn limits(&self) -> &Limits {
        &self.outbound.limits
    }

    /// Differs from call to call, so that clients that failed together do not return together.
    fn seed(&self) -> u64 {
        self.outbound.clock.now().0.unsigned_abs() ^ self.calls.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    async fn take_turn(&self) {
        while let Err(early) = self.pace.check() {
            tokio::time::sleep(early.wait_time_from(DefaultClock::default().now())).await;
        }
    }
}

fn header(response: &Response, name: reqwest::header::HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// The first bytes of an error answer, as far as they come.
async fn beginning(response: &mut Response) -> Vec<u8> {
    let mut start = Vec::new();
    while start.len() < ERROR_BODY
        && let Ok(Some(chunk)) = response.chunk().await
    {
        start.extend_from_slice(&chunk);
    }
    start.truncate(ERROR_BODY);
    start
}

async fn whole(response: &mut Response, limit: usize, host: &str) -> Result<Bytes, ConnectorError> {
    let too_large = || ConnectorError::Protocol { detail: format!("an answer larger than {limit} bytes") };
    let announced = response.content_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    if announced > limit {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(announced);
    while let Some(chunk) = response.chunk().await.map_err(|e| broken(&e, host))? {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}
