//! States of a namespace, by wire text.

mod implicit;
mod limits;
mod operations;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineio::proto::{Message, Time};

use super::*;
use crate::proto::Misuse;

fn at(seconds: u64) -> Time {
    Time::from_origin(Duration::from_secs(seconds))
}

/// A connection, and its events as text.
struct Peer {
    connection: ServerConnection,
    now: Time,
}

impl Peer {
    fn new() -> Self {
        Self::with(ConnectionConfig::default())
    }

    fn with(config: ConnectionConfig) -> Self {
        Self { connection: ServerConnection::new(Arc::new(config), at(0)), now: at(0) }
    }

    fn implicit() -> Self {
        Self::with(ConnectionConfig { implicit_connect: true, ..ConnectionConfig::default() })
    }

    /// Has joined `/`.
    fn joined() -> Self {
        let mut peer = Self::new();
        assert_eq!(peer.text("0"), Ok(vec!["connect /".to_owned()]));
        assert_eq!(peer.accept("/"), Some(r#"40{"sid":"id"}"#.to_owned()));
        peer
    }

    fn message(&mut self, message: Message) -> Result<Vec<String>, PeerError> {
        let asks = self.connection.asks_time(&message);
        let before = self.connection.poll_timeout();
        let events = match self.connection.handle_message(self.now, message) {
            Ok(events) => events,
            Err(Error::Peer(error)) => return Err(error),
            Err(Error::Misuse(misuse)) => panic!("{misuse}"),
        };
        let after = self.connection.poll_timeout();
        assert!(asks || after.is_none() || after == before, "a deadline of a time not asked for");
        Ok(events.map(|event| Self::describe(&event)).collect())
    }

    fn describe(event: &Event) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match event {
            Event::Connect { namespace, auth: None } => format!("connect {namespace}"),
            Event::Connect { namespace, auth: Some(auth) } => {
                format!("connect {namespace} {auth:?}")
            }
            Event::Event { namespace, args, ack_id } => {
                let id = ack_id.map(|id| format!(" #{id}")).unwrap_or_default();
                let binary: usize = args.attachments().iter().map(Bytes::len).sum();
                format!("event {namespace}{id} {} {} +{binary}", args.name(), text(args.raw()))
            }
            Event::Ack { namespace, id, args } => {
                format!("ack {namespace} #{id} {}", text(args.raw()))
            }
            Event::Disconnect { namespace } => format!("disconnect {namespace}"),
        }
    }

    fn text(&mut self, text: &str) -> Result<Vec<String>, PeerError> {
        self.message(Message::from(text))
    }

    fn one(&mut self, text: &str) -> String {
        let mut events = self.text(text).unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    fn binary(&mut self, data: &'static [u8]) -> Result<Vec<String>, PeerError> {
        self.message(Message::Binary(Bytes::from_static(data)))
    }

    fn accept(&mut self, namespace: &str) -> Option<String> {
        self.connection.accept(&name(namespace), "id").map(|e| wire(&e))
    }

    fn refuse(&mut self, namespace: &str) -> Option<String> {
        let refusal = self.connection.refuse(&name(namespace), encode::INVALID_NAMESPACE, None);
        refusal.map(|e| wire(&e))
    }

    fn disconnect(&mut self, namespace: &str) -> Option<String> {
        self.connection.disconnect(&name(namespace)).map(|e| wire(&e))
    }
}

fn name(namespace: &str) -> NamespaceName {
    namespace.parse().unwrap()
}

fn wire(encoded: &Encoded) -> String {
    String::from_utf8(encoded.text().wire().to_vec()).unwrap()
}

fn not_joined(packet: &'static str) -> Result<Vec<String>, PeerError> {
    Err(unexpected(packet, "its namespace is not joined"))
}

#[test]
fn a_client_joins_speaks_and_leaves() {
    let mut peer = Peer::new();
    assert_eq!(peer.one(r#"0{"token":"x"}"#), r#"connect / {"token":"x"}"#);
    assert!(!peer.connection.is_joined(&name("/")));
    assert_eq!(peer.accept("/"), Some(r#"40{"sid":"id"}"#.to_owned()));
    assert!(peer.connection.is_joined(&name("/")));
    assert_eq!(peer.one(r#"0/admin,"#), "connect /admin");
    assert_eq!(peer.accept("/admin"), Some(r#"40/admin,{"sid":"id"}"#.to_owned()));
    assert_eq!(peer.one(r#"2["hi",1]"#), "event / hi 1 +0");
    assert_eq!(peer.one(r#"2/admin,7["hi"]"#), "event /admin #7 hi  +0");
    assert_eq!(peer.one(r#"3/admin,0["ok"]"#), r#"ack /admin #0 "ok""#);
    let joined: Vec<_> = peer.connection.joined().map(NamespaceName::as_str).collect();
    assert_eq!(joined, ["/", "/admin"]);
    assert_eq!(peer.one("1/admin,"), "disconnect /admin");
    assert_eq!(peer.one(r#"2["still here"]"#), "event / still here  +0");
    assert_eq!(peer.one("1"), "disconnect /");
    assert_eq!(peer.connection.joined().count(), 0);
    assert_eq!(peer.one("0"), "connect /");
}

#[test]
fn a_packet_for_a_namespace_not_joined_closes_the_connection() {
    for (text, packet) in [
        (r#"2["hi"]"#, "EVENT"),
        (r#"31[]"#, "ACK"),
        ("1", "DISCONNECT"),
        (r#"51-["hi"]"#, "EVENT"),
        (r#"61-1[]"#, "ACK"),
    ] {
        let mut peer = Peer::new();
        assert_eq!(peer.text(text), not_joined(packet), "{text}");
        assert_eq!(not_joined(packet).unwrap_err().close_reason(), "forced server close");
        let again = peer.connection.handle_message(at(0), "0".into());
        assert!(matches!(again, Err(Error::Misuse(Misuse::Closed))));
        let mut peer = Peer::joined();
        let (kind, rest) = text.split_at(if text.as_bytes()[0] < b'5' { 1 } else { 3 });
        assert_eq!(peer.text(&format!("{kind}/admin,{rest}")), not_joined(packet), "{text}");
    }
}

#[test]
fn a_second_connect_closes_the_connection() {
    let taken = Err(unexpected("CONNECT", "its namespace is taken"));
    let mut peer = Peer::joined();
    assert_eq!(peer.text("0"), taken);
    let mut peer = Peer::new();
    assert_eq!(peer.one("0"), "connect /");
    assert_eq!(peer.text("0"), taken);
}

#[test]
fn a_connect_error_from_a_client_closes_the_connection() {
    for mut peer in [Peer::new(), Peer::joined()] {
        let error = peer.text(r#"4{"message":"x"}"#).unwrap_err();
        assert!(matches!(error, PeerError::Unexpected { packet: "CONNECT_ERROR", .. }));
    }
}

#[test]
fn a_bad_packet_closes_the_connection() {
    for text in ["", "abc", "2{}", r#"2abc["message-with-ack"]"#, r#"50-["a"]"#] {
        let mut peer = Peer::joined();
        let error = peer.text(text).unwrap_err();
        assert_eq!(error.close_reason(), "forced close", "{text}");
        assert_eq!(peer.connection.poll_timeout(), None);
    }
}

#[test]
fn events_before_the_answer_reach_the_application() {
    let mut peer = Peer::new();
    assert_eq!(peer.one("0"), "connect /");
    assert_eq!(peer.one(r#"2["early"]"#), "event / early  +0");
    assert!(peer.accept("/").is_some());
    assert_eq!(peer.one(r#"2["late"]"#), "event / late  +0");
}

#[test]
fn a_refused_namespace_is_not_joined() {
    let mut peer = Peer::new();
    assert_eq!(peer.one("0/random"), "connect /random");
    assert_eq!(
        peer.refuse("/random"),
        Some(r#"44/random,{"message":"Invalid namespace"}"#.to_owned())
    );
    assert_eq!(peer.refuse("/random"), None);
    assert_eq!(peer.accept("/random"), None);
    assert_eq!(peer.one("0/random"), "connect /random");
    assert!(peer.refuse("/random").is_some());
    assert_eq!(peer.text(r#"2/random,["hi"]"#), not_joined("EVENT"));
}

#[test]
fn a_client_that_left_is_not_answered() {
    let mut peer = Peer::new();
    assert_eq!(peer.one("0"), "connect /");
    assert_eq!(peer.one("1"), "disconnect /");
    assert_eq!((peer.accept("/"), peer.refuse("/"), peer.disconnect("/")), (None, None, None));
}

#[test]
fn packets_on_their_way_while_this_side_leaves_are_ignored() {
    let mut peer = Peer::joined();
    assert_eq!(peer.text(r#"51-["half"]"#), Ok(vec![]));
    assert_eq!(peer.disconnect("/"), Some("41".to_owned()));
    assert_eq!(peer.disconnect("/"), None);
    assert!(!peer.connection.is_joined(&name("/")));
    assert_eq!(peer.binary(b"x"), Ok(vec![]));
    assert_eq!(peer.text(r#"2["late"]"#), Ok(vec![]));
    assert_eq!(peer.text(r#"31[]"#), Ok(vec![]));
    assert_eq!(peer.text(r#"51-["late"]"#), Ok(vec![]));
    assert_eq!(peer.binary(b"x"), Ok(vec![]));
    assert_eq!(peer.text(r#"4{"message":"x"}"#).unwrap_err().close_reason(), "forced server close");

    let mut peer = Peer::joined();
    peer.disconnect("/");
    assert_eq!(peer.one("0"), "connect /");
    assert!(peer.accept("/").is_some());
    assert_eq!(peer.one(r#"2["again"]"#), "event / again  +0");

    // Both left at once: after its own DISCONNECT the client may send nothing more.
    let mut peer = Peer::joined();
    peer.disconnect("/");
    assert_eq!(peer.text("1"), Ok(vec![]));
    assert_eq!(peer.text(r#"2["hi"]"#), not_joined("EVENT"));
}
