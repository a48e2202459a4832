//! Where a request comes from, for slowing down guesses (`docs/adr/0050`).

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Once;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

use crate::state::App;

const FORWARDED: &str = "x-forwarded-for";

/// Most addresses read of `X-Forwarded-For`.
const MAX_HOPS: usize = 20;

/// Extractor: the address that asks, as it is counted: an IPv4 address, or the /64 network of an IPv6 address, as one host has
/// all of it. Behind a trusted proxy it is what that proxy saw; from anybody else a header is worth nothing.
pub(crate) struct Peer(pub String);

impl FromRequestParts<App> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else { return Ok(Self("unknown".into())) };
        let peer = peer.ip().to_canonical();
        hint(peer, &parts.headers, &app.settings.trusted_proxies);
        Ok(Self(counted(client(peer, &parts.headers, &app.settings.trusted_proxies))))
    }
}

/// The last address on the way that is no trusted proxy. A proxy writes whom it saw at the end of the header; what stands before
/// was sent by the one it saw.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let trusts = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
    let mut seen = peer;
    let lines = headers.get_all(FORWARDED).iter().rev().filter_map(|v| v.to_str().ok());
    for hop in lines.flat_map(|line| line.rsplit(',')).take(MAX_HOPS) {
        if !trusts(seen) {
            break;
        }
        let Some(ip) = address(hop) else { break };
        seen = ip;
    }
    seen
}

/// `192.0.2.1`, `2001:db8::1`, and both as proxies write them with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()))?;
    Some(ip.to_canonical())
}

fn counted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("{}/64", Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Tells the operator once that everybody shares one address.
fn hint(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) {
    static TOLD: Once = Once::new();
    if headers.contains_key(FORWARDED) && !trusted.iter().any(|net| net.contains(&peer)) {
        TOLD.call_once(|| {
            tracing::warn!(%peer, "sign-ins come through a proxy that is not named in http.trusted_proxies: all of them count as one address");
        });
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(peer: &str, lines: &[&'static str]) -> String {
        let trusted: Vec<IpNet> = ["127.0.0.1/32", "10.0.0.0/8"].iter().map(|t| t.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED, HeaderValue::from_static(line));
        }
        counted(client(peer.parse().unwrap(), &headers, &trusted))
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_its_own_word() {
        assert_eq!(of("198.51.100.7", &["203.0.113.1"]), "198.51.100.7", "a stranger's header is worth nothing");
        assert_eq!(of("127.0.0.1", &["203.0.113.1"]), "203.0.113.1");
        assert_eq!(of("127.0.0.1", &["198.51.100.66, 203.0.113.1"]), "203.0.113.1", "what the client wrote itself");
        assert_eq!(of("127.0.0.1", &["198.51.100.66", "203.0.113.1, 10.2.3.4"]), "203.0.113.1", "a chain of proxies");
        assert_eq!(of("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &["nonsense"]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &["203.0.113.1:4711"]), "203.0.113.1");
    }

    #[test]
    fn ipv6_counts_by_its_network() {
        assert_eq!(of("2001:db8:1:2:3:4:5:6", &[]), "2001:db8:1:2::/64");
        assert_eq!(of("10.1.1.1", &["[2001:db8:1:2::9]:443"]), "2001:db8:1:2::/64");
        assert_eq!(of("10.1.1.1", &["::ffff:203.0.113.1"]), "203.0.113.1");
    }
}
