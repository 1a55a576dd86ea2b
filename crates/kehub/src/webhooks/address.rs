//! Which addresses a webhook may have, and which of them are really called.
//!
//! A host is resolved when it is called, and only addresses that may be called are ever connected
//! to: a name that leads elsewhere the second time leads nowhere.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::{Host, Url};

/// Characters in the address of a webhook.
pub(crate) const URL_CHARS_MAX: usize = 2048;
/// What an address has to be, for people.
pub(crate) const EXPECTED: &str =
    "an address like https://example.com/hook, without credentials and fragment";

/// Reads the address of a webhook; `None` if it cannot be called.
pub(crate) fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (is_web && is_plain && url.has_host()).then_some(url)
}

/// Which addresses may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Whether private ones may: those of this machine and its networks.
    pub(crate) private: bool,
}

impl Reach {
    /// Whether an address may be called that names no host but an IP address.
    pub(crate) fn allows_literal(self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.allows(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.allows(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => true,
        }
    }

    fn allows(self, address: IpAddr) -> bool {
        self.private || is_public(address)
    }
}

/// Whether an address is one of the open internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public_v4(mapped),
            None => is_public_v6(address),
        },
    }
}

/// What the registry of special-purpose addresses lists (RFC 6890 and later): the first address of
/// each range, and how many bits its addresses share.
const SPECIAL_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    // Carriers' own networks; a cloud keeps its metadata there.
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local, where most clouds keep theirs.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved, broadcast.
    ([224, 0, 0, 0], 3),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|(first, shared)| {
        (u32::from_be_bytes(*first) ^ address.to_bits()).leading_zeros() >= *shared
    })
}

/// Only what is given out for the internet at all, `2000::/3`, without its special parts.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Protocols' own, tunnels to IPv4 addresses among them; documentation.
        [0x2001, 0..=0x01ff | 0x0db8, ..]
        | [0x3fff, 0..=0x0fff, ..]
        // A tunnel to any IPv4 address.
        | [0x2002, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Resolves hosts, and gives only addresses that may be called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver(pub(super) Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            // The port is set by who connects.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> = found.map_err(|_| Unreachable::Unknown)?.collect();
            if found.is_empty() {
                return Err(Unreachable::Unknown.into());
            }
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(Unreachable::Refused.into());
            }
            let allowed: Addrs = Box::new(allowed.into_iter());
            Ok(allowed)
        })
    }
}

/// Why a host leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreachable {
    /// It has no address.
    Unknown,
    /// It has none that may be called.
    Refused,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unreachable::Unknown => "the host has no address",
            Unreachable::Refused => "the host has no address that may be called",
        })
    }
}

impl std::error::Error for Unreachable {}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTSIDE: Reach = Reach { private: false };

    fn allowed(url: &str) -> bool {
        OUTSIDE.allows_literal(&parse(url).unwrap())
    }

    #[test]
    fn addresses_of_the_open_internet_are_called() {
        for host in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "[2606:4700::1111]",
            "[2001:200::1]",
            "[::ffff:1.1.1.1]",
            "example.com",
        ] {
            assert!(allowed(&format!("https://{host}/hook")), "{host}");
        }
    }

    #[test]
    fn addresses_of_machines_and_their_networks_are_not() {
        for host in [
            "0.0.0.0",
            "10.1.2.3",
            "100.100.100.200",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:169.254.169.254]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[3fff::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[ff02::1]",
        ] {
            assert!(!allowed(&format!("http://{host}:8080/hook")), "{host}");
            let url = parse(&format!("http://{host}/")).unwrap();
            assert!(Reach { private: true }.allows_literal(&url), "{host}");
        }
    }

    #[test]
    fn only_plain_web_addresses_are_read() {
        for text in [
            "",
            "example.com",
            "/hook",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "http://",
            "https://user@example.com/",
            "https://:secret@example.com/",
            "https://example.com/#part",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse("HTTPS://Example.com:8443/hook?a=b").is_some());
    }

    #[tokio::test]
    async fn a_name_leads_only_to_addresses_that_may_be_called() {
        let resolve = |private| {
            let name = "localhost".parse().unwrap();
            Resolver(Reach { private }).resolve(name)
        };
        let Err(error) = resolve(false).await else { panic!("it leads somewhere") };
        assert_eq!(error.downcast_ref(), Some(&Unreachable::Refused));
        let found = resolve(true).await.unwrap().collect::<Vec<_>>();
        assert!(found.iter().all(|address| address.ip().is_loopback()) && !found.is_empty());
    }
}
