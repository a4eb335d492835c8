//! Whose address a request has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;

/// The other end of the connection a request came on; in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What counts as one address: of IPv6 the first 64 bits, for whoever has one has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address(IpAddr);

impl Address {
    /// That of the peer, or with a proxy's headers the last of `X-Forwarded-For`: what stands before
    /// it the client may have made up.
    pub(super) fn new(peer: Option<&Peer>, proxied: Option<&HeaderMap>) -> Self {
        let forwarded = proxied
            .and_then(|headers| headers.get_all(FORWARDED).iter().next_back())
            .and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        let address = forwarded.or(peer.map(|peer| peer.0));
        Self(match address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & NETWORK).into(),
            v4 => v4,
        })
    }
}

const FORWARDED: &str = "x-forwarded-for";
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
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED, line.parse().unwrap());
            }
            let address = Address::new(Some(&peer), proxied.then_some(&headers));
            assert_eq!(address.0.to_string(), expected, "{lines:?}");
        }
    }
}
