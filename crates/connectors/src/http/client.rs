//! One remote system's client: signed in, paced, guarded, bounded.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use governor::clock::{Clock as _, DefaultClock};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response};
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

/// A client for one remote system. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    parts: Arc<Parts>,
}

struct Parts {
    http: reqwest::Client,
    outbound: Outbound,
    authorization: Option<HeaderValue>,
    secrets: Vec<SecretString>,
    pace: Pace,
    calls: AtomicU64,
}

impl Client {
    pub(super) fn basic(
        outbound: Outbound,
        base: &Url,
        user: &str,
        password: &SecretString,
        per_second: NonZeroU32,
    ) -> Result<Self, String> {
        outbound.check(base).map_err(|d| d.to_string())?;
        let token = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        let mut authorization = HeaderValue::try_from(format!("Basic {token}")).map_err(|_| "the user name cannot be sent".to_owned())?;
        authorization.set_sensitive(true);
        Self::with(outbound, base, user, Some(authorization), vec![password.clone(), token.into()], per_second)
    }

    /// A client whose requests sign in by themselves. `secrets` are kept out of errors.
    pub(super) fn bare(
        outbound: Outbound,
        base: &Url,
        user: &str,
        secrets: Vec<SecretString>,
        per_second: NonZeroU32,
    ) -> Result<Self, String> {
        outbound.check(base).map_err(|d| d.to_string())?;
        Self::with(outbound, base, user, None, secrets, per_second)
    }

    fn with(
        outbound: Outbound,
        base: &Url,
        user: &str,
        authorization: Option<HeaderValue>,
        secrets: Vec<SecretString>,
        per_second: NonZeroU32,
    ) -> Result<Self, String> {
        let http =
            build(&outbound, base).map_err(|_| "no secure connections can be made: the system's certificates cannot be read".to_owned())?;
        let pace = outbound.pace(base, user, per_second);
        Ok(Self { parts: Arc::new(Parts { http, outbound, authorization, secrets, pace, calls: AtomicU64::new(0) }) })
    }

    /// Carries out a read: waits for its turn, tries again after passing troubles, and returns the whole decompressed body.
    pub async fn read(&self, read: &Read) -> Result<Bytes, ConnectorError> {
        self.read_with(read, &HeaderMap::new()).await
    }

    /// The same with headers of the request's own.
    pub async fn read_with(&self, read: &Read, headers: &HeaderMap) -> Result<Bytes, ConnectorError> {
        let parts = &*self.parts;
        parts.outbound.check(&read.url).map_err(|d| blocked(&d))?;
        let mut pauses = Pauses::new(parts.limits(), parts.seed());
        loop {
            let error = match parts.once(&read.url, read.body.as_ref(), read.expect, headers).await {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            let Some(pause) = pauses.after(&error) else { return Err(error) };
            tracing::debug!(kind = error.kind(), pause_ms = pause.as_millis(), "reading again");
            tokio::time::sleep(pause).await;
        }
    }

    /// The same with a single attempt.
    pub async fn read_once(&self, read: &Read) -> Result<Bytes, ConnectorError> {
        self.read_once_with(read, &HeaderMap::new()).await
    }

    /// The same with headers of the request's own.
    pub async fn read_once_with(&self, read: &Read, headers: &HeaderMap) -> Result<Bytes, ConnectorError> {
        self.parts.outbound.check(&read.url).map_err(|d| blocked(&d))?;
        self.parts.once(&read.url, read.body.as_ref(), read.expect, headers).await
    }

    /// Carries out a write: waits for its turn, sends it once, and returns the whole decompressed body. After an error it may have
    /// been carried out all the same.
    pub async fn write(&self, write: &Write) -> Result<Bytes, ConnectorError> {
        self.write_with(write, &HeaderMap::new()).await
    }

    /// The same with headers of the request's own.
    pub async fn write_with(&self, write: &Write, headers: &HeaderMap) -> Result<Bytes, ConnectorError> {
        self.parts.outbound.check(&write.url).map_err(|d| blocked(&d))?;
        self.parts.once(&write.url, Some(&write.body), write.expect, headers).await
    }
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

    async fn once(
        &self,
        url: &Url,
        body: Option<&(Bytes, &'static str)>,
        expect: Expect,
        headers: &HeaderMap,
    ) -> Result<Bytes, ConnectorError> {
        self.take_turn().await;
        let host = url.host_str().unwrap_or_default();
        let mut response = self.send(url, body, expect, headers).await.map_err(|e| broken(&e, host))?;
        let status = response.status();
        if status != reqwest::StatusCode::OK {
            let retry = header(&response, RETRY_AFTER);
            let start = beginning(&mut response).await;
            return Err(refused(status, retry.as_deref(), &start, &self.secrets, self.outbound.clock.now()));
        }
        let kind = header(&response, CONTENT_TYPE).unwrap_or_default();
        let body = whole(&mut response, self.limits().body, host).await?;
        expect.check(&kind, &body)?;
        Ok(body)
    }

    async fn send(
        &self,
        url: &Url,
        body: Option<&(Bytes, &'static str)>,
        expect: Expect,
        headers: &HeaderMap,
    ) -> Result<Response, reqwest::Error> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = self.http.request(method, url.clone()).header(ACCEPT, expect.accept()).headers(headers.clone());
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some((body, kind)) = body {
            request = request.header(CONTENT_TYPE, *kind).body(body.clone());
        }
        request.send().await
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
