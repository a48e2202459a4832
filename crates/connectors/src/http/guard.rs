//! Which networks may be reached. Private, local and special networks are refused unless the operator allows them; the
//! addresses of cloud metadata services are refused always.
//!
//! Names are resolved here, all their addresses are checked, and the connection goes to a checked address: there is no
//! second look-up that could answer otherwise.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Net {
    address: IpAddr,
    prefix: u32,
}

impl Net {
    const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    const fn v6(head: [u16; 6], prefix: u32) -> Self {
        let [a, b, c, d, e, f] = head;
        Self { address: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, 0, 0)), prefix }
    }

    /// Whether the address is in the network. An IPv4 network holds no IPv6 addresses, and the other way round.
    pub fn contains(self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let rest = 32 - self.prefix.min(32);
                (u64::from(net.to_bits()) >> rest) == (u64::from(ip.to_bits()) >> rest)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let differ = net.to_bits() ^ ip.to_bits();
                differ.leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }
}

impl FromStr for Net {
    type Err = String;

    /// `10.1.0.0/16`, `fd00::/8`, or a single address.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a network; write it like 10.1.0.0/16, fd00::/8 or 127.0.0.1");
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), |p| p.parse::<u32>().map_err(|_| bad()))?;
        if prefix > most {
            return Err(bad());
        }
        Ok(Self { address, prefix })
    }
}

/// Private, local and special networks, which a remote system has no business to be in unless the operator says so.
const CLOSED: &[Net] = &[
    Net::v4(0, 0, 0, 0, 8),
    Net::v4(10, 0, 0, 0, 8),
    Net::v4(100, 64, 0, 0, 10),
    Net::v4(127, 0, 0, 0, 8),
    Net::v4(169, 254, 0, 0, 16),
    Net::v4(172, 16, 0, 0, 12),
    Net::v4(192, 0, 0, 0, 24),
    Net::v4(192, 0, 2, 0, 24),
    Net::v4(192, 88, 99, 0, 24),
    Net::v4(192, 168, 0, 0, 16),
    Net::v4(198, 18, 0, 0, 15),
    Net::v4(198, 51, 100, 0, 24),
    Net::v4(203, 0, 113, 0, 24),
    Net::v4(224, 0, 0, 0, 4),
    Net::v4(240, 0, 0, 0, 4),
    // Unspecified, loopback, IPv4-compatible.
    Net::v6([0; 6], 96),
    // IPv4-translated and NAT64, which lead back to IPv4.
    Net::v6([0, 0, 0, 0, 0xffff, 0], 96),
    Net::v6([0x64, 0xff9b, 0, 0, 0, 0], 96),
    Net::v6([0x64, 0xff9b, 1, 0, 0, 0], 48),
    Net::v6([0x100, 0, 0, 0, 0, 0], 64),
    // Teredo, ORCHID, documentation, 6to4.
    Net::v6([0x2001, 0, 0, 0, 0, 0], 23),
    Net::v6([0x2001, 0xdb8, 0, 0, 0, 0], 32),
    Net::v6([0x2002, 0, 0, 0, 0, 0], 16),
    Net::v6([0x3fff, 0, 0, 0, 0, 0], 20),
    Net::v6([0x5f00, 0, 0, 0, 0, 0], 16),
    Net::v6([0xfc00, 0, 0, 0, 0, 0], 7),
    Net::v6([0xfe80, 0, 0, 0, 0, 0], 10),
    Net::v6([0xfec0, 0, 0, 0, 0, 0], 10),
    Net::v6([0xff00, 0, 0, 0, 0, 0], 8),
];

/// Metadata services of clouds: they hand out credentials, so nobody can allow them.
const NEVER: &[IpAddr] = &[
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// The host may not be reached. Says nothing about what answers there.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{host} is in a network that this installation does not connect to")]
pub struct Denied {
    pub host: String,
}

/// The networks an operator allows, on top of the public internet.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allow: Vec<Net>,
}

impl Guard {
    /// Reads the operator's networks; the error names the first that cannot be read.
    pub fn new(allow: &[String]) -> Result<Self, String> {
        Ok(Self { allow: allow.iter().map(|n| n.parse()).collect::<Result<_, _>>()? })
    }

    /// Whether a connection to the address may be made.
    pub fn permits(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        if NEVER.contains(&ip) || embedded(ip).is_some_and(|v4| NEVER.contains(&v4)) {
            return false;
        }
        self.allow.iter().any(|n| n.contains(ip)) || !CLOSED.iter().any(|n| n.contains(ip))
    }

    /// Refuses a URL whose host is a forbidden address, or no host at all. Host names pass: the resolver checks them.
    pub fn check_host(&self, url: &Url) -> Result<(), Denied> {
        let permitted = match url.host() {
            Some(Host::Ipv4(ip)) => self.permits(ip.into()),
            Some(Host::Ipv6(ip)) => self.permits(ip.into()),
            Some(Host::Domain(name)) => !name.is_empty(),
            None => false,
        };
        if permitted { Ok(()) } else { Err(Denied { host: url.host_str().unwrap_or("the address").to_owned() }) }
    }

    /// The addresses of a name that may be reached; none is an error.
    pub(super) fn choose(&self, host: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Denied> {
        let chosen: Vec<SocketAddr> = found.filter(|a| self.permits(a.ip())).collect();
        if chosen.is_empty() { Err(Denied { host: host.to_owned() }) } else { Ok(chosen) }
    }
}

/// The IPv4 address that an IPv6 address of a transition mechanism leads to.
fn embedded(ip: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = ip else { return None };
    let bits = v6.to_bits();
    let low = |shift: u32| IpAddr::V4(Ipv4Addr::from_bits((bits >> shift) as u32));
    match v6.segments() {
        [0x2002, ..] => Some(low(80)),
        // Teredo keeps its client inverted.
        [0x2001, 0, ..] => Some(IpAddr::V4(Ipv4Addr::from_bits(!(bits as u32)))),
        [0x64, 0xff9b, ..] | [0, 0, 0, 0, _, _, ..] => Some(low(0)),
        _ => None,
    }
}

/// Resolves names and hands on only permitted addresses.
pub(super) struct GuardedResolver(pub(super) Arc<Guard>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let chosen = guard.choose(&host, found)?;
            Ok(Box::new(chosen.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow: &[&str]) -> Guard {
        Guard::new(&allow.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    /// As a person could write it in the bridge's settings.
    fn refused(guard: &Guard, host: &str) -> bool {
        match Url::parse(&format!("http://{host}/x")) {
            Ok(url) => guard.check_host(&url).is_err(),
            Err(_) => true,
        }
    }

    #[test]
    fn private_local_and_special_addresses_are_refused_however_they_are_written() {
        let guard = guard(&[]);
        let forms = [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "2130706433",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "127.255.255.254",
            "0.0.0.0",
            "0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "0xa.0.0.1",
            "167772161",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.1.1",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.7",
            "192.88.99.1",
            "192.168.0.1",
            "0300.0250.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.9",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[::ffff:0:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1::1]",
            "[100::1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[2002:a00:1::1]",
            "[3fff::1]",
            "[5f00::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1]",
            "[febf::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[fd00:ec2::254]",
            "１２７.0.0.1",
            "127。0。0。1",
        ];
        for form in forms {
            assert!(refused(&guard, form), "{form}");
        }
        assert!(forms.len() >= 40);
    }

    #[test]
    fn public_addresses_and_names_pass() {
        let guard = guard(&[]);
        for form in [
            "8.8.8.8",
            "1.1.1.1",
            "172.32.0.1",
            "172.15.0.1",
            "100.128.0.1",
            "192.169.0.1",
            "[2606:4700::1111]",
            "[2a00:1450::1]",
            "crm.example",
        ] {
            assert!(!refused(&guard, form), "{form}");
        }
    }

    #[test]
    fn an_operator_can_allow_networks_but_never_metadata() {
        let open = guard(&["127.0.0.0/8", "10.1.0.0/16", "fd00::/8", "0.0.0.0/0", "::/0"]);
        for form in ["127.0.0.1", "[::ffff:127.0.0.1]", "10.1.2.3", "[fd12::1]", "[::1]"] {
            assert!(!refused(&open, form), "{form}");
        }
        let never = [
            "169.254.169.254",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::]",
            "[::169.254.169.254]",
            "[fd00:ec2::254]",
            "169.254.170.2",
        ];
        for form in never {
            assert!(refused(&open, form), "{form}");
        }
        let narrow = guard(&["10.1.0.0/16", "127.0.0.1"]);
        assert!(refused(&narrow, "10.2.0.1") && refused(&narrow, "127.0.0.2") && !refused(&narrow, "127.0.0.1"));
    }

    #[test]
    fn networks_that_cannot_be_read_are_named() {
        for bad in ["", "10.0.0.0/33", "::/129", "crm.example", "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/x"] {
            assert!(bad.parse::<Net>().unwrap_err().contains(bad), "{bad}");
        }
    }

    #[test]
    fn only_checked_addresses_of_a_name_are_used() {
        let found = |ips: &[&str]| ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect::<Vec<_>>();
        let guard = guard(&[]);
        let mixed = guard.choose("rebind.example", found(&["8.8.8.8", "127.0.0.1"]).into_iter()).unwrap();
        assert_eq!(mixed, found(&["8.8.8.8"]));
        assert_eq!(guard.choose("in.example", found(&["10.0.0.1", "::1"]).into_iter()).unwrap_err().host, "in.example");
    }
}
