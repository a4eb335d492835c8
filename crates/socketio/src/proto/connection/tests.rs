use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineio::proto::{Message, Time};
use proptest::prelude::*;

use super::*;
use crate::proto::json::JsonError;

fn at(seconds: u64) -> Time {
    Time::from_origin(Duration::from_secs(seconds))
}

/// A connection, and its events as text.
struct Peer {
    connection: Connection,
    now: Time,
}

impl Peer {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self { connection: Connection::new(Arc::new(config), at(0)), now: at(0) }
    }

    fn implicit() -> Self {
        Self::with(Config { implicit_connect: true, ..Config::default() })
    }

    /// Has joined `/`.
    fn joined() -> Self {
        let mut peer = Self::new();
        assert_eq!(peer.text("0"), Ok(vec!["connect /".to_owned()]));
        assert_eq!(peer.accept("/"), Some(r#"40{"sid":"id"}"#.to_owned()));
        peer
    }

    fn message(&mut self, message: Message) -> Result<Vec<String>, PeerError> {
        let events = match self.connection.handle_message(self.now, message) {
            Ok(events) => events,
            Err(Error::Peer(error)) => return Err(error),
            Err(Error::Misuse(misuse)) => panic!("{misuse}"),
        };
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

fn name(namespace: &str) -> Namespace {
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
    let joined: Vec<_> = peer.connection.joined().map(Namespace::as_str).collect();
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
fn events_before_the_answer_are_the_applications_business() {
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

    // Both left at once: after its own DISCONNECT a client has nothing more to say.
    let mut peer = Peer::joined();
    peer.disconnect("/");
    assert_eq!(peer.text("1"), Ok(vec![]));
    assert_eq!(peer.text(r#"2["hi"]"#), not_joined("EVENT"));
}

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
    // CVE-2026-69185: nothing is left open behind a complete packet.
    let mut peer = Peer::joined();
    peer.text(r#"51-["x"]"#).unwrap();
    assert_eq!(peer.binary(b"a").unwrap().len(), 1);
    assert_eq!(peer.binary(b"b"), Err(PeerError::UnexpectedBinary { len: 1 }));
}

#[test]
fn attachments_are_bounded_in_number_bytes_and_time() {
    let config = Config { max_attachments: 2, max_attachment_bytes: 3, ..Config::default() };
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

    // Asking is not joining, and being refused is not either.
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
    let mut peer = Peer::with(Config { max_namespaces: 2, ..Config::default() });
    peer.text("0/a").unwrap();
    peer.accept("/a").unwrap();
    peer.text("0/b").unwrap();
    peer.accept("/b").unwrap();
    peer.disconnect("/a").unwrap();
    // One that was left makes room.
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

#[derive(Clone, Debug)]
enum Op {
    Text(String),
    Binary(Vec<u8>),
    Accept(usize),
    Refuse(usize),
    Disconnect(usize),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let namespaces = prop_oneof![Just(""), Just("/a,"), Just("/b,"), Just("/c,"), Just("/b")];
    let rest = prop_oneof![
        4 => Just(r#"["e",{"_placeholder":true,"num":0}]"#),
        2 => Just(""),
        1 => prop_oneof![Just("{}"), Just("[1]"), Just(r#"["connect"]"#), Just("x")],
    ];
    let kind = prop_oneof![
        Just("0"),
        Just("1"),
        Just("2"),
        Just("31"),
        Just("51-"),
        Just("62-1"),
        Just("4")
    ];
    let text = (kind, namespaces, rest)
        .prop_map(|(kind, namespace, rest)| format!("{kind}{namespace}{rest}"));
    prop_oneof![
        4 => text.prop_map(Op::Text),
        3 => prop_oneof![Just("0"), Just("0/a"), Just("0/b"), Just("1"), Just("1/a,")].prop_map(|t| Op::Text(t.to_owned())),
        1 => ".{0,6}".prop_map(Op::Text),
        2 => proptest::collection::vec(any::<u8>(), 0..4).prop_map(Op::Binary),
        3 => (0..4_usize).prop_map(Op::Accept),
        1 => (0..4_usize).prop_map(Op::Refuse),
        2 => (0..4_usize).prop_map(Op::Disconnect),
        1 => (0..30_u64).prop_map(Op::Wait),
    ]
}

proptest! {
    #[test]
    fn any_operations_keep_the_caps_and_never_panic(
        ops in proptest::collection::vec(op(), 0..40),
        implicit_connect in any::<bool>(),
    ) {
        let config = Config {
            implicit_connect,
            max_namespaces: 2,
            max_attachments: 2,
            max_attachment_bytes: 5,
            ..Config::default()
        };
        let names = ["/", "/a", "/b", "/c"].map(name);
        let mut connection = Connection::new(Arc::new(config), at(0));
        let (mut seconds, mut failed) = (0, false);
        let mut joined: Vec<&Namespace> = Vec::new();
        for op in ops {
            let message = match op {
                Op::Text(text) => Message::from(text.as_str()),
                Op::Binary(data) => Message::Binary(data.into()),
                Op::Accept(n) => {
                    joined.extend(connection.accept(&names[n], "id").map(|_| &names[n]));
                    continue;
                }
                Op::Refuse(n) => {
                    let refused = connection.refuse(&names[n], "no", None);
                    prop_assert!(refused.is_none() || !joined.contains(&&names[n]));
                    continue;
                }
                Op::Disconnect(n) => {
                    let left = connection.disconnect(&names[n]).is_some();
                    prop_assert_eq!(left, joined.contains(&&names[n]));
                    joined.retain(|name| **name != names[n]);
                    continue;
                }
                Op::Wait(by) => {
                    seconds += by;
                    failed |= connection.handle_timeout(at(seconds)).is_err();
                    continue;
                }
            };
            let events = match connection.handle_message(at(seconds), message) {
                Ok(events) => events,
                Err(error) => {
                    prop_assert_eq!(failed, error == Error::Misuse(Misuse::Closed));
                    failed = true;
                    continue;
                }
            };
            prop_assert!(!failed);
            for event in events {
                if let Event::Disconnect { namespace } = event {
                    joined.retain(|name| **name != namespace);
                }
            }
            prop_assert!(connection.namespaces.len() <= 2);
            joined.sort();
            prop_assert!(connection.joined().eq(joined.iter().copied()));
        }
    }
}
