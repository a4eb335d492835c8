//! Implicit connects.

use super::*;

#[test]
fn an_event_first_joins_if_it_is_allowed() {
    let mut peer = Peer::implicit();
    assert_eq!(peer.text(r#"2["hi"]"#).unwrap(), ["connect /", "event / hi  +0"]);
    assert_eq!(peer.accept("/"), Some(r#"40{"sid":"id"}"#.to_owned()));
    // One explicit CONNECT is answered as the implicit one was.
    assert_eq!(peer.connection.poll_transmit(), None);
    assert_eq!(peer.text("0"), Ok(vec![]));
    assert_eq!(
        peer.connection.poll_transmit().map(|e| wire(&e)),
        Some(r#"40{"sid":"id"}"#.to_owned())
    );
    assert_eq!(peer.connection.poll_transmit(), None);
    assert!(peer.text("0").is_err());

    // Before the answer one answer is enough.
    let mut peer = Peer::implicit();
    assert_eq!(peer.text(r#"21["hi"]"#).unwrap(), ["connect /", "event / #1 hi  +0"]);
    assert_eq!(peer.text("0"), Ok(vec![]));
    assert!(peer.accept("/").is_some());
    assert_eq!(peer.connection.poll_transmit(), None);
    assert!(peer.text("0").is_err());

    let mut peer = Peer::implicit();
    assert_eq!(peer.text(r#"51-["hi"]"#).unwrap(), ["connect /"]);
    assert_eq!(peer.binary(b"a").unwrap(), ["event / hi  +1"]);
    assert_eq!(peer.refuse("/"), Some(r#"44{"message":"Invalid namespace"}"#.to_owned()));
    assert_eq!(peer.text(r#"2["hi"]"#), not_joined("EVENT"));
}

#[test]
fn only_an_event_for_the_root_joins_implicitly_and_only_as_the_first_packet() {
    assert_eq!(Peer::new().text(r#"2["hi"]"#), not_joined("EVENT"));
    assert_eq!(Peer::implicit().text(r#"2/admin,["hi"]"#), not_joined("EVENT"));
    assert_eq!(Peer::implicit().text("31[]"), not_joined("ACK"));
    let mut peer = Peer::implicit();
    peer.text("0/admin").unwrap();
    assert_eq!(peer.text(r#"2["hi"]"#), not_joined("EVENT"));
    let mut peer = Peer::implicit();
    assert_eq!(peer.one("0"), "connect /");
    assert!(peer.text("0").is_err());
}
