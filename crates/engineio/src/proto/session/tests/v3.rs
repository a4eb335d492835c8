//! Sessions of protocol 3: framing by what the client reads, and heartbeats the other way round.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn session(transport: Transport, base64: bool) -> server::Session {
    let sid = Sid::from_entropy([0; 15]);
    let mut server =
        server::Session::new_v3(sid, transport, base64, Arc::new(Config::default()), Time::ZERO);
    let open = match transport {
        Transport::Polling => server.poll_payload().unwrap(),
        Transport::Websocket => match server.poll_transmit() {
            Some(Transmit::Frame(Frame::Text(open))) => open,
            other => panic!("{other:?}"),
        },
    };
    assert!(open.ends_with(br#""pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#));
    assert_eq!(server.protocol(), Protocol::V3);
    server
}

fn post(server: &mut server::Session, body: &'static str) -> Result<(), PacketError> {
    server.handle_post().unwrap();
    server.handle_payload(Time::ZERO, Bytes::from_static(body.as_bytes()))
}

fn get(server: &mut server::Session) -> Bytes {
    server.handle_poll(Time::ZERO).unwrap();
    server.poll_payload().unwrap()
}

fn messages() -> [Message; 2] {
    ["€😀".into(), Bytes::from_static(&[1, 2]).into()]
}

#[test]
fn the_open_packet_of_a_payload_has_its_length() {
    let sid = Sid::from_entropy([0; 15]);
    let config = Arc::new(Config::default());
    let mut server = server::Session::new_v3(sid, Transport::Polling, false, config, Time::ZERO);
    let open = server.poll_payload().unwrap();
    assert!(open.starts_with(br#"118:0{"sid":"AAAA"#), "{open:?}");
    assert_eq!(open.len(), 118 + 4);
}

#[test]
fn payloads_take_the_form_that_the_client_reads() {
    let mut server = session(Transport::Polling, true);
    server.send(&messages()).unwrap();
    assert_eq!(get(&mut server), "4:4€😀6:b4AQI=");

    let mut server = session(Transport::Polling, false);
    server.send(&messages()).unwrap();
    let body = get(&mut server);
    assert!(crate::proto::v3::payload::is_binary(&body));
    assert_eq!(&body[..], b"\x00\x08\xff4\xe2\x82\xac\xf0\x9f\x98\x80\x01\x03\xff\x04\x01\x02");
}

#[test]
fn payloads_of_the_client_come_as_text_and_as_binary() {
    let mut server = session(Transport::Polling, false);
    post(&mut server, "4:4€😀6:b4AQI=").unwrap();
    server.handle_post().unwrap();
    let body = Bytes::from_static(b"\x00\x02\xff4a\x01\x02\xff\x04\x03");
    server.handle_binary_payload(Time::ZERO, body).unwrap();
    let events = std::iter::from_fn(|| server.poll_event());
    assert_eq!(texts(events), ["€😀", "<0102>", "a", "<03>"]);
}

#[test]
fn a_binary_payload_in_protocol_4_closes_the_session() {
    let mut server = pair::server(Transport::Polling);
    server.handle_post().unwrap();
    let body = Bytes::from_static(b"\x00\x02\xff4a");
    server.handle_binary_payload(Time::ZERO, body).unwrap();
    assert_eq!(server.poll_event(), Some(closed_by(TransportFault::PostKind)));
}

#[test]
fn frames_take_the_form_that_the_client_reads() {
    for (base64, binary) in [
        (false, Frame::Binary(Bytes::from_static(&[4, 1, 2]))),
        (true, Frame::Text(Bytes::from_static(b"b4AQI="))),
    ] {
        let mut server = session(Transport::Websocket, base64);
        server.send(&messages()).unwrap();
        assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame("4€😀"))));
        assert_eq!(server.poll_transmit(), Some(Transmit::Frame(binary)));
        server.handle_frame(Time::ZERO, Frame::Binary(Bytes::from_static(&[4, 7]))).unwrap();
        server.handle_frame(Time::ZERO, frame("b4CA==")).unwrap();
        let events = std::iter::from_fn(|| server.poll_event());
        assert_eq!(texts(events), ["<07>", "<08>"]);
    }
}

#[test]
fn the_websocket_of_an_upgrade_has_a_form_of_its_own() {
    let mut server = session(Transport::Polling, true);
    server.handle_upgrade(Time::ZERO).unwrap();
    server.handle_upgrade_base64(false);
    server.handle_frame(Time::ZERO, frame("2probe")).unwrap();
    assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame("3probe"))));
    assert_eq!(get(&mut server), "1:6");
    server.handle_frame(Time::ZERO, frame("5")).unwrap();
    server.send(&messages()[1..]).unwrap();
    let binary = Frame::Binary(Bytes::from_static(&[4, 1, 2]));
    assert_eq!(server.poll_transmit(), Some(Transmit::Frame(binary)));
}

#[test]
fn pings_are_answered_and_only_probe_is_echoed() {
    for (ping, pong) in [("2", "3"), ("2probe", "3probe"), ("2x", "3")] {
        let mut server = session(Transport::Websocket, false);
        server.handle_frame(Time::ZERO, frame(ping)).unwrap();
        assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame(pong))), "{ping}");
        assert_eq!(server.poll_transmit(), None);
    }
    let mut server = session(Transport::Polling, false);
    post(&mut server, "1:2").unwrap();
    post(&mut server, "1:2").unwrap();
    assert_eq!(get(&mut server), "1:3", "a client that does not read is owed one pong");
}

#[test]
fn a_client_lives_as_long_as_it_pings() {
    let mut server = session(Transport::Websocket, false);
    let both = Duration::from_secs(45);
    let mut now = Time::ZERO;
    for _ in 0..3 {
        assert_eq!(server.poll_timeout(), Some(now + both), "the server never pings");
        now = now + Duration::from_secs(44);
        server.handle_timeout(now);
        server.handle_frame(now, frame("2")).unwrap();
        assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame("3"))));
    }
    server.handle_frame(now + Duration::from_secs(1), frame("4a")).unwrap();
    server.handle_timeout(now + both);
    let events = std::iter::from_fn(|| server.poll_event());
    assert_eq!(texts(events), ["a", "ping timeout"], "a message is no ping");
}

#[test]
fn a_pong_of_the_client_is_a_heartbeat_in_the_wrong_direction() {
    let mut server = session(Transport::Websocket, false);
    let error = server.handle_frame(Time::ZERO, frame("3")).unwrap_err();
    assert_eq!(server.poll_event(), Some(closed_by(TransportFault::Unexpected(error))));
}

#[test]
fn closing_speaks_the_same_framing() {
    let mut server = session(Transport::Polling, false);
    server.handle_poll(Time::ZERO).unwrap();
    post(&mut server, "1:1").unwrap();
    assert_eq!(server.poll_payload().unwrap(), "1:6");
    assert_eq!(texts(std::iter::from_fn(|| server.poll_event())), ["transport close"]);

    let mut server = session(Transport::Polling, false);
    server.send(&["a".into()]).unwrap();
    server.close(Time::ZERO);
    assert_eq!(get(&mut server), "2:4a");
    assert_eq!(get(&mut server), "1:61:1");
    assert!(server.is_finished());

    let mut server = session(Transport::Polling, false);
    assert_eq!(post(&mut server, "abc"), Err(PacketError::NoLength));
    let reason = CloseReason::ParseError(PacketError::NoLength);
    assert_eq!(server.poll_event(), Some(Event::Closed(reason)));
}

proptest! {
    #[test]
    fn any_bytes_end_a_session_once_at_most(
        bodies in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..12)), 0..6),
        transport in prop_oneof![Just(Transport::Polling), Just(Transport::Websocket)],
        base64: bool,
    ) {
        let mut server = session(transport, base64);
        for (binary, body) in bodies {
            let body = Bytes::from(body);
            if transport == Transport::Websocket {
                let is_text = !binary && std::str::from_utf8(&body).is_ok();
                let frame = if is_text { Frame::Text(body) } else { Frame::Binary(body) };
                let _ = server.handle_frame(Time::ZERO, frame);
                while server.poll_transmit().is_some() {}
            } else if server.handle_post().is_ok() {
                let _ = match binary {
                    true => server.handle_binary_payload(Time::ZERO, body),
                    false => server.handle_payload(Time::ZERO, body),
                };
            }
        }
        let told = std::iter::from_fn(|| server.poll_event())
            .filter(|event| matches!(event, Event::Closed(_)))
            .count();
        prop_assert_eq!(told, usize::from(!server.is_open()));
    }
}
