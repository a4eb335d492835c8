//! Attachments, and every bound of a connection.

use super::*;
use crate::proto::JsonError;

#[test]
fn attachments_complete_their_packet() {
    let mut peer = Peer::joined();
    let packet = r#"52-7["x",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
    assert_eq!(peer.text(packet), Ok(vec![]));
    assert_eq!(peer.binary(b"ab"), Ok(vec![]));
    let raw = r#"{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}"#;
    assert_eq!(peer.binary(b"c"), Ok(vec![format!("event / #7 x {raw} +3")]));
    assert_eq!(peer.connection.poll_timeout(), None);
    assert_eq!(peer.text(r#"61-3[{"_placeholder":true,"num":0}]"#), Ok(vec![]));
    assert_eq!(peer.binary(b""), Ok(vec![r#"ack / #3 {"_placeholder":true,"num":0}"#.to_owned()]));
}

#[test]
fn text_and_binary_out_of_turn_close_the_connection() {
    let mut peer = Peer::joined();
    assert_eq!(peer.binary(b"abc"), Err(PeerError::UnexpectedBinary { len: 3 }));
    let mut peer = Peer::joined();
    peer.text(r#"52-["x"]"#).unwrap();
    peer.binary(b"a").unwrap();
    // Whatever the text: it is not read.
    let error = PeerError::TextBetweenAttachments { received: 1, declared: 2 };
    assert_eq!(peer.text("garbage"), Err(error));
    let mut peer = Peer::joined();
    peer.text(r#"51-["x",{"_placeholder":true,"num":1}]"#).unwrap();
    let error = PeerError::Placeholder { num: Some(1), attachments: 1 };
    assert_eq!(peer.binary(b"a"), Err(error));
    // CVE-2026-69185: nothing is left open after a complete packet.
    let mut peer = Peer::joined();
    peer.text(r#"51-["x"]"#).unwrap();
    assert_eq!(peer.binary(b"a").unwrap().len(), 1);
    assert_eq!(peer.binary(b"b"), Err(PeerError::UnexpectedBinary { len: 1 }));
}

#[test]
fn attachments_are_bounded_in_number_bytes_and_time() {
    let config = ConnectionConfig {
        max_attachments: 2,
        max_attachment_bytes: 3,
        ..ConnectionConfig::default()
    };
    let joined = || {
        let mut peer = Peer::with(config.clone());
        peer.text("0").unwrap();
        peer.accept("/").unwrap();
        peer.now = at(100);
        peer
    };
    let error = PeerError::TooManyAttachments { declared: 3, max: 2 };
    assert_eq!(joined().text(r#"53-["x"]"#), Err(error));

    let mut peer = joined();
    peer.text(r#"52-["x"]"#).unwrap();
    peer.binary(b"ab").unwrap();
    assert_eq!(peer.binary(b"c").unwrap().len(), 1);
    peer.text(r#"52-["x"]"#).unwrap();
    peer.binary(b"ab").unwrap();
    assert_eq!(peer.binary(b"cd"), Err(PeerError::AttachmentBytes { bytes: 4, max: 3 }));

    let mut peer = joined();
    peer.text(r#"52-["x"]"#).unwrap();
    peer.now = at(159);
    peer.binary(b"ab").unwrap();
    assert_eq!(peer.connection.poll_timeout(), Some(at(160)));
    assert_eq!(peer.connection.handle_timeout(at(159)), Ok(()));
    let within = Duration::from_secs(60);
    let error = PeerError::AttachmentsTimeout { received: 1, declared: 2, within };
    assert_eq!(peer.connection.handle_timeout(at(160)), Err(Error::Peer(error)));
    assert_eq!(peer.connection.poll_timeout(), None);
}

#[test]
fn a_connection_that_joins_nothing_is_closed_in_time() {
    let within = Duration::from_secs(45);
    let timeout = Err(Error::Peer(PeerError::ConnectTimeout { within }));
    let mut peer = Peer::new();
    assert_eq!(peer.connection.poll_timeout(), Some(at(45)));
    assert_eq!(peer.connection.handle_timeout(at(44)), Ok(()));
    assert_eq!(peer.connection.handle_timeout(at(45)), timeout);
    assert_eq!(PeerError::ConnectTimeout { within }.close_reason(), "forced server close");

    // A CONNECT that is not answered or is refused does not count as joined.
    let mut peer = Peer::new();
    peer.text("0").unwrap();
    peer.refuse("/").unwrap();
    peer.text("0/admin").unwrap();
    assert_eq!(peer.connection.handle_timeout(at(45)), timeout);

    let mut peer = Peer::joined();
    assert_eq!(peer.connection.poll_timeout(), None);
    assert_eq!(peer.one("1"), "disconnect /");
    assert_eq!(peer.connection.poll_timeout(), None);
    assert_eq!(peer.connection.handle_timeout(at(1000)), Ok(()));
}

#[test]
fn namespaces_are_bounded() {
    let mut peer =
        Peer::with(ConnectionConfig { max_namespaces: 2, ..ConnectionConfig::default() });
    peer.text("0/a").unwrap();
    peer.accept("/a").unwrap();
    peer.text("0/b").unwrap();
    peer.accept("/b").unwrap();
    peer.disconnect("/a").unwrap();
    // A namespace that was left makes room.
    assert_eq!(peer.one("0/c"), "connect /c");
    assert_eq!(peer.text("0/d"), Err(PeerError::TooManyNamespaces { count: 3, max: 2 }));

    let mut peer = Peer::new();
    let long = format!("0/{}", "n".repeat(511));
    assert_eq!(peer.text(&long).unwrap().len(), 1);
    assert_eq!(
        peer.text(&format!("{long}n")),
        Err(PeerError::NamespaceTooLong { len: 513, max: 512 })
    );
}

#[test]
fn deep_json_closes_the_connection() {
    let mut peer = Peer::joined();
    let nested = |n: usize| format!(r#"2["a",{}{}]"#, "[".repeat(n), "]".repeat(n));
    assert_eq!(peer.text(&nested(127)).unwrap().len(), 1);
    let error = JsonError::TooDeep { depth: 129, max: 128 };
    assert_eq!(peer.text(&nested(128)), Err(PeerError::Json { packet: "EVENT", error }));
}
