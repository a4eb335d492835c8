//! The client's table by wire text, and both roles against each other.

use std::sync::Arc;
use std::time::Duration;

use engineio::proto::{Message, Time};

use super::*;
use crate::proto::{Encoded, Error, encode};

fn at(seconds: u64) -> Time {
    Time::from_origin(Duration::from_secs(seconds))
}

fn name(namespace: &str) -> NamespaceName {
    namespace.parse().unwrap()
}

/// A client, its server, and what each application is told.
struct Pair {
    client: ClientConnection,
    server: ServerConnection,
}

impl Pair {
    fn new() -> Self {
        let config = Arc::new(ConnectionConfig::default());
        let client = ClientConnection::new(Arc::clone(&config));
        Self { client, server: ServerConnection::new(config, at(0)) }
    }

    /// Both have joined `/`.
    fn joined() -> Self {
        let mut pair = Self::new();
        let packet = pair.client.connect(&name("/"), None).unwrap();
        assert!(matches!(&pair.server_takes(&packet)[..], [Event::Connect { .. }]));
        let answer = pair.server.accept(&name("/"), "id").unwrap();
        assert!(matches!(&pair.client_takes(&answer)[..], [ClientEvent::Connect { .. }]));
        pair
    }

    fn server_takes(&mut self, packet: &Encoded) -> Vec<Event> {
        let server = &mut self.server;
        packet.messages().flat_map(|it| server.handle_message(at(0), it).unwrap()).collect()
    }

    fn client_takes(&mut self, packet: &Encoded) -> Vec<ClientEvent> {
        let client = &mut self.client;
        packet.messages().filter_map(|it| client.handle_message(at(0), it).unwrap()).collect()
    }
}

#[test]
fn the_roles_join_speak_and_leave() {
    let mut pair = Pair::new();
    let admin = name("/admin");
    let auth = RawJson::new(r#"{"token":"x"}"#).unwrap();
    let packet = pair.client.connect(&admin, Some(auth.clone())).unwrap();
    assert!(pair.client.connect(&admin, None).is_none());
    let asked = pair.server_takes(&packet);
    assert_eq!(asked, [Event::Connect { namespace: admin.clone(), auth: Some(auth) }]);
    let answer = pair.server.accept_with_pid(&admin, "id", Some("secret")).unwrap();
    let (sid, pid) = ("id".to_owned(), Some("secret".to_owned()));
    let joined = ClientEvent::Connect { namespace: admin.clone(), sid, pid };
    assert_eq!(pair.client_takes(&answer), [joined]);
    assert!(pair.client.is_joined(&admin) && pair.server.is_joined(&admin));

    let data = (bytes::Bytes::from_static(b"ab"), 1);
    let event = encode::event(&admin, Some(7), "hi", &data).unwrap();
    let heard = pair.server_takes(&event);
    let [Event::Event { args, ack_id: Some(7), .. }] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(args.attachments(), [&b"ab"[..]]);
    let ack = encode::ack(&admin, 7, &("ok",)).unwrap();
    assert!(matches!(&pair.client_takes(&ack)[..], [ClientEvent::Ack { id: 7, .. }]));
    assert!(matches!(&pair.client_takes(&event)[..], [ClientEvent::Event { ack_id: Some(7), .. }]));

    let left = pair.client.disconnect(&admin).unwrap();
    assert_eq!(pair.server_takes(&left), [Event::Disconnect { namespace: admin.clone() }]);
    assert!(pair.client.disconnect(&admin).is_none());
    // What the server sent before it knew.
    assert_eq!(pair.client_takes(&event), []);
}

#[test]
fn a_refusal_and_a_disconnect_end_a_namespace_and_it_may_be_joined_again() {
    let mut pair = Pair::joined();
    let admin = name("/admin");
    let packet = pair.client.connect(&admin, None).unwrap();
    pair.server_takes(&packet);
    let refusal = pair.server.refuse(&admin, "no", None).unwrap();
    let data = RawJson::new(r#"{"message":"no"}"#).unwrap();
    let refused = ClientEvent::ConnectError { namespace: admin.clone(), data };
    assert_eq!(pair.client_takes(&refusal), [refused]);
    assert!(pair.client.connect(&admin, None).is_some());

    let end = pair.server.disconnect(&name("/")).unwrap();
    assert_eq!(pair.client_takes(&end), [ClientEvent::Disconnect { namespace: name("/") }]);
    assert!(!pair.client.is_joined(&name("/")));
    let again = pair.client.connect(&name("/"), None).unwrap();
    assert_eq!(pair.server_takes(&again).len(), 1);
}

#[test]
fn a_server_may_not_answer_a_connect_twice_or_without_a_sid() {
    for text in [r#"0{"sid":"id"}"#, r#"4{"message":"no"}"#] {
        let mut client = Pair::joined().client;
        let Err(Error::Peer(error)) = client.handle_message(at(0), text.into()) else {
            panic!("{text}")
        };
        assert!(matches!(error, PeerError::Unexpected { .. }), "{text}");
        let closed = client.handle_message(at(0), "1".into());
        assert_eq!(closed, Err(Error::Misuse(Misuse::Closed)));
    }
    for text in ["0", "0{}", r#"0{"sid":1}"#] {
        let mut client = Pair::new().client;
        client.connect(&name("/"), None).unwrap();
        let needs = PeerError::Payload { packet: "CONNECT", needs: "a sid" };
        assert_eq!(client.handle_message(at(0), text.into()), Err(Error::Peer(needs)), "{text}");
    }
}

#[test]
fn packets_for_a_namespace_that_is_not_joined_are_ignored() {
    let mut client = Pair::joined().client;
    for text in [
        r#"0/a,{"sid":"x"}"#,
        r#"4/a,{"message":"no"}"#,
        r#"2/a,["hi"]"#,
        "3/a,0[]",
        "1/a,",
        r#"51-/a,["hi",{"_placeholder":true,"num":0}]"#,
    ] {
        assert_eq!(client.handle_message(at(0), text.into()), Ok(None), "{text}");
    }
    assert_eq!(client.handle_message(at(0), Message::Binary("ab".into())), Ok(None));
    assert!(client.is_joined(&name("/")));
}

#[test]
fn attachments_that_do_not_come_in_time_close_the_connection() {
    let mut client = Pair::joined().client;
    assert_eq!(client.poll_timeout(), None);
    let text = r#"51-["hi",{"_placeholder":true,"num":0}]"#;
    assert!(client.asks_time(&text.into()));
    assert_eq!(client.handle_message(at(1), text.into()), Ok(None));
    assert_eq!(client.poll_timeout(), Some(at(61)));
    assert_eq!(client.handle_timeout(at(60)), Ok(()));
    assert!(client.handle_timeout(at(61)).is_err());
    assert_eq!(client.poll_timeout(), None);
}
