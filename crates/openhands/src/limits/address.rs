//! The address that a request counts for: its peer's, or the one that a proxy names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::HeaderMap;

/// The address at the other end of a request's connection. It is in the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What counts as one address. Of IPv6 it is the first 64 bits: a client has all addresses below them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address(IpAddr);

impl Address {
    /// The peer's address, or the one that a proxy's headers name last: what stands before it may
    /// be made up by the client.
    ///
    /// A proxy writes `X-Forwarded-For` or `Forwarded` [RFC 7239] and may pass the other one on as
    /// the client sent it. When both are there and disagree, neither is believed: such requests
    /// count as the proxy's own, so that a liar shares a limit with liars only.
    pub(super) fn new(peer: Option<&Peer>, proxied: Option<&HeaderMap>) -> Self {
        let forwarded = proxied.and_then(|headers| {
            let common = last(headers, FORWARDED_FOR).map(node);
            let standard = last(headers, FORWARDED).map(|element| node(parameter(element, "for")?));
            match (common, standard) {
                (Some(common), Some(standard)) => common.filter(|_| common == standard),
                (one, other) => one.or(other).flatten(),
            }
        });
        let address = forwarded.or(peer.map(|peer| peer.0));
        Self(match address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & NETWORK).into(),
            v4 => v4,
        })
    }
}

/// The last element of a list that may be spread over several header lines.
fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let line = headers.get_all(name).iter().next_back()?;
    // An element that is not text names no address.
    Some(line.to_str().unwrap_or_default().rsplit(',').next()?.trim())
}

/// A parameter of an element of `Forwarded`, without its quotes.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"'))
}

/// The address of a node: an address alone, in brackets, or with a port after it.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";
const NETWORK: u128 = !0 << 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_believed_only_when_it_is_said_to_be_there() {
        let peer = Peer("127.0.0.1".parse().unwrap());
        for (lines, proxied, expected) in [
            (&["192.0.2.1"][..], false, "127.0.0.1"),
            (&["192.0.2.1"], true, "192.0.2.1"),
            (&["10.0.0.1, 192.0.2.1"], true, "192.0.2.1"),
            (&["10.0.0.1", "192.0.2.2"], true, "192.0.2.2"),
            (&["nonsense"], true, "127.0.0.1"),
            (&[], true, "127.0.0.1"),
            (&["::ffff:192.0.2.1"], true, "192.0.2.1"),
            (&["2001:db8:1:2:3:4:5:6"], true, "2001:db8:1:2::"),
            (&["192.0.2.1:4711"], true, "192.0.2.1"),
            (&["10.0.0.1:1, 192.0.2.1:65535"], true, "192.0.2.1"),
            (&["[2001:db8:1:2::6]:4711"], true, "2001:db8:1:2::"),
            (&["[2001:db8:1:2::6]"], true, "2001:db8:1:2::"),
            (&["192.0.2.1:99999"], true, "127.0.0.1"),
            (&["[192.0.2.1]"], true, "127.0.0.1"),
            (&["unknown"], true, "127.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            let address = Address::new(Some(&peer), proxied.then_some(&headers));
            assert_eq!(address.0.to_string(), expected, "{lines:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_and_a_contradiction_is_not_believed() {
        let peer = Peer("127.0.0.1".parse().unwrap());
        for (common, standard, expected) in [
            (None, "for=192.0.2.1", "192.0.2.1"),
            (None, "For=\"192.0.2.1:4711\";proto=https;by=10.0.0.1", "192.0.2.1"),
            (None, "proto=https;for=\"[2001:db8:1:2::6]:4711\"", "2001:db8:1:2::"),
            (None, "for=10.0.0.1, for=192.0.2.1", "192.0.2.1"),
            (None, "for=_hidden", "127.0.0.1"),
            (None, "for=unknown", "127.0.0.1"),
            (None, "by=192.0.2.1", "127.0.0.1"),
            (Some("192.0.2.1"), "for=192.0.2.1", "192.0.2.1"),
            (Some("192.0.2.1"), "for=192.0.2.2", "127.0.0.1"),
            (Some("nonsense"), "for=192.0.2.2", "127.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(FORWARDED, standard.parse().unwrap());
            if let Some(common) = common {
                headers.append(FORWARDED_FOR, common.parse().unwrap());
            }
            let address = Address::new(Some(&peer), Some(&headers));
            assert_eq!(address.0.to_string(), expected, "{common:?} {standard}");
        }
    }
}
