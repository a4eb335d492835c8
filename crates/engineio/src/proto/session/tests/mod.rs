//! The two roles run against each other in virtual time; and each row of the server's table.

mod closing;
mod pair;
mod properties;
mod tally;
mod upgrade;
mod v3;

use bytes::Bytes;
use pair::{Pair, texts};

use super::server::Config;
use crate::proto::*;

fn frame(text: &'static str) -> Frame {
    Frame::Text(Bytes::from_static(text.as_bytes()))
}

fn closed_by(fault: TransportFault) -> Event {
    Event::Closed(CloseReason::TransportError(fault))
}

#[test]
fn a_direct_websocket_begins_with_the_open_packet_and_no_upgrades() {
    let mut server = pair::server(Transport::Websocket);
    let Some(Transmit::Frame(Frame::Text(open))) = server.poll_transmit() else { panic!() };
    assert_eq!(
        &open[..],
        br#"0{"sid":"AAAAAAAAAAAAAAAAAAAA","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
    );
    assert_eq!(server.poll_transmit(), None);
}

#[test]
fn messages_travel_both_ways_on_both_transports() {
    for mut pair in [Pair::polling(), Pair::websocket()] {
        pair.run();
        pair.client.send(&["a".into(), "b".into(), Bytes::from_static(b"\x01").into()]).unwrap();
        pair.server.send(&["c".into(), "d".into()]).unwrap();
        pair.run();
        assert_eq!(pair.server_got(), ["a", "b", "<01>"]);
        assert_eq!(pair.client_got(), ["c", "d"]);
    }
}

#[test]
fn messages_sent_before_the_handshake_wait_for_it() {
    let mut pair = Pair::polling();
    pair.client.send(&["early".into()]).unwrap();
    pair.run();
    assert_eq!(pair.server_got(), ["early"]);
}

#[test]
fn a_quiet_session_lives_by_its_heartbeat() {
    for mut pair in [Pair::polling(), Pair::websocket()] {
        pair.run();
        pair.pass(std::time::Duration::from_secs(600));
        assert!(pair.server.is_open());
        pair.client.send(&["still here".into()]).unwrap();
        pair.run();
        assert_eq!(pair.server_got(), ["still here"]);
    }
}

#[test]
fn a_client_that_does_not_answer_is_timed_out() {
    for mut pair in [Pair::polling(), Pair::websocket()] {
        pair.run();
        pair.client_is_dead = true;
        pair.pass(std::time::Duration::from_millis(44_999));
        assert!(pair.server.is_open());
        pair.pass(std::time::Duration::from_millis(1));
        assert_eq!(pair.server_closed(), Some(CloseReason::PingTimeout));
    }
}

#[test]
fn a_server_that_does_not_ping_is_timed_out() {
    let mut pair = Pair::websocket();
    pair.run();
    pair.server_is_dead = true;
    pair.pass(std::time::Duration::from_secs(45));
    assert_eq!(pair.client_closed(), Some(CloseReason::PingTimeout));
}

#[test]
fn a_session_is_writable_while_what_is_sent_would_leave_at_once() {
    let mut server = pair::server(Transport::Polling);
    assert!(!server.is_writable(), "the open packet goes before");
    server.poll_payload();
    assert!(!server.is_writable(), "no GET is held");
    server.handle_poll(Time::ZERO).unwrap();
    assert!(server.is_writable());
    server.send(&["a".into()]).unwrap();
    assert!(!server.is_writable(), "something waits");
    server.poll_payload();
    server.handle_poll(Time::ZERO).unwrap();
    server.close(Time::ZERO);
    assert!(!server.is_writable(), "nothing is sent any more");

    let mut server = pair::server(Transport::Websocket);
    assert!(!server.is_writable());
    server.poll_transmit();
    assert!(server.is_writable());
}

#[test]
fn a_payload_may_be_compressed_if_one_of_its_packets_may() {
    let mut server = pair::server(Transport::Polling);
    server.poll_payload();
    assert!(server.may_compress(), "the open packet");
    for (plain, more, may) in [("a", None, false), ("b", Some("c"), true), ("d", None, false)] {
        server.send(Outgoing::from(plain).uncompressed()).unwrap();
        server.send(more.map(Message::from).as_slice()).unwrap();
        server.handle_poll(Time::ZERO).unwrap();
        server.poll_payload();
        assert_eq!(server.may_compress(), may, "{plain}");
    }
}

#[test]
fn a_second_get_closes_the_session_and_the_first_is_answered_close() {
    let mut server = pair::server(Transport::Polling);
    assert!(server.poll_payload().is_some());
    server.handle_poll(Time::ZERO).unwrap();
    assert_eq!(server.handle_poll(Time::ZERO), Err(RequestError::BadRequest));
    assert_eq!(server.poll_payload().as_deref(), Some(&b"1"[..]));
    assert_eq!(server.poll_event(), Some(closed_by(TransportFault::SecondPoll)));
    assert!(server.is_finished());
}

#[test]
fn a_second_post_closes_the_session() {
    let mut server = pair::server(Transport::Polling);
    server.handle_post().unwrap();
    assert_eq!(server.handle_post(), Err(RequestError::BadRequest));
    assert_eq!(server.poll_event(), Some(closed_by(TransportFault::SecondPost)));
}

#[test]
fn an_aborted_get_closes_the_session() {
    let mut server = pair::server(Transport::Polling);
    server.handle_poll_aborted();
    assert_eq!(server.poll_event(), Some(closed_by(TransportFault::PollAborted)));
    assert!(server.is_finished());
}

#[test]
fn a_refused_post_leaves_the_session() {
    let mut server = pair::server(Transport::Polling);
    server.handle_post().unwrap();
    server.handle_post_refused();
    assert!(server.is_open());
    assert_eq!(server.handle_post(), Ok(()));
}

#[test]
fn the_clients_close_packet_is_answered_by_noop_and_what_follows_is_dropped() {
    let mut server = pair::server(Transport::Polling);
    server.poll_payload();
    server.handle_poll(Time::ZERO).unwrap();
    server.handle_post().unwrap();
    server.handle_payload(Time::ZERO, Bytes::from_static(b"4a\x1e1\x1e4b")).unwrap();
    assert_eq!(server.poll_payload().as_deref(), Some(&b"6"[..]));
    assert_eq!(texts(std::iter::from_fn(|| server.poll_event())), ["a", "transport close"]);
}

#[test]
fn a_get_on_its_way_when_the_client_closes_is_answered_once() {
    let mut server = pair::server(Transport::Polling);
    server.poll_payload();
    server.handle_post().unwrap();
    server.handle_payload(Time::ZERO, Bytes::from_static(b"1")).unwrap();
    assert!(!server.is_finished());
    assert_eq!(server.handle_poll(Time::ZERO), Ok(()));
    assert_eq!(server.poll_payload().as_deref(), Some(&b"6"[..]));
    assert_eq!(server.handle_poll(Time::ZERO), Err(RequestError::SidUnknown));
    assert!(server.is_finished());

    let mut server = pair::server(Transport::Polling);
    server.poll_payload();
    server.handle_post().unwrap();
    server.handle_payload(Time::ZERO, Bytes::from_static(b"1")).unwrap();
    server.handle_timeout(server.poll_timeout().unwrap());
    assert!(server.is_finished());
}

#[test]
fn closing_answers_a_held_get_by_close_and_a_later_one_by_noop_and_close() {
    let mut server = pair::server(Transport::Polling);
    server.poll_payload();
    server.handle_poll(Time::ZERO).unwrap();
    server.close(Time::ZERO);
    assert_eq!(server.poll_payload().as_deref(), Some(&b"1"[..]));
    assert!(server.is_finished());

    let mut server = pair::server(Transport::Polling);
    server.poll_payload();
    server.close(Time::ZERO);
    assert!(!server.is_finished());
    server.handle_poll(Time::ZERO).unwrap();
    assert_eq!(server.poll_payload().as_deref(), Some(&b"6\x1e1"[..]));
    assert!(server.is_finished());
}

#[test]
fn closing_drains_what_waits_and_forgets_a_client_that_never_comes() {
    let mut server = pair::server(Transport::Polling);
    server.poll_payload();
    server.send(&["last".into()]).unwrap();
    server.close(Time::ZERO);
    assert_eq!(server.send(&["late".into()]), Err(SendError::Closed));
    for expected in [&b"4last"[..], b"6\x1e1"] {
        server.handle_poll(Time::ZERO).unwrap();
        assert_eq!(server.poll_payload().as_deref(), Some(expected));
    }
    assert!(server.is_finished());

    let mut server = pair::server(Transport::Polling);
    server.poll_payload();
    server.close(Time::ZERO);
    let deadline = server.poll_timeout().unwrap();
    assert_eq!(deadline, Time::ZERO + Config::default().close_timeout);
    server.handle_timeout(deadline);
    assert!(server.is_finished());
}

#[test]
fn closing_a_websocket_drains_what_waits_and_hangs_up() {
    let mut server = pair::server(Transport::Websocket);
    server.poll_transmit();
    server.send(&["last".into()]).unwrap();
    server.close(Time::ZERO);
    assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame("4last"))));
    assert_eq!(server.poll_transmit(), Some(Transmit::Close));
    assert!(server.is_finished());
}

#[test]
fn what_is_no_packet_or_not_the_clients_to_send_closes() {
    for (wire, reason) in [
        ("", "parse error"),
        ("abc", "parse error"),
        ("7", "parse error"),
        ("b!", "parse error"),
        ("2", "transport error"),
        ("2probe", "transport error"),
        ("0{}", "transport error"),
    ] {
        let mut server = pair::server(Transport::Websocket);
        let error = server.handle_frame(Time::ZERO, frame(wire)).unwrap_err();
        let told = server.close_reason().unwrap().clone();
        assert_eq!((told.as_str(), told.to_string()), (reason, format!("{reason}: {error}")));
        assert_eq!(server.poll_event(), Some(Event::Closed(told)));
        server.poll_transmit();
        assert!(server.is_finished(), "{wire}");

        let mut server = pair::server(Transport::Polling);
        server.poll_payload();
        server.handle_post().unwrap();
        assert!(server.handle_payload(Time::ZERO, Bytes::from(wire)).is_err(), "{wire}");
        assert!(!server.is_open());
    }
}

#[test]
fn an_unasked_pong_an_upgrade_and_a_noop_do_no_harm() {
    let mut server = pair::server(Transport::Websocket);
    for wire in ["3", "3probe", "5", "6"] {
        assert_eq!(server.handle_frame(Time::ZERO, frame(wire)), Ok(()));
    }
    assert!(server.is_open());
}

#[test]
fn payloads_respect_max_payload() {
    let mut config = Config::default();
    config.limits.max_payload = 10;
    let mut server = pair::server_with(Transport::Polling, config);
    server.poll_payload();
    server.send(&["aaaa".into(), "bbbb".into(), "cccccccccccccccc".into()]).unwrap();
    for expected in [&b"4aaaa"[..], b"4bbbb", b"4cccccccccccccccc"] {
        server.handle_poll(Time::ZERO).unwrap();
        assert_eq!(server.poll_payload().as_deref(), Some(expected));
    }
}

#[test]
fn a_ping_goes_before_waiting_messages() {
    let mut server = pair::server(Transport::Websocket);
    server.poll_transmit();
    server.send(&["a".into()]).unwrap();
    server.handle_timeout(server.poll_timeout().unwrap());
    assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame("2"))));
    assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame("4a"))));
}

#[test]
fn reading_stops_while_the_application_lags() {
    let mut config = Config::default();
    config.limits.inbox_packets = 2;
    let mut server = pair::server_with(Transport::Websocket, config);
    server.handle_frame(Time::ZERO, frame("4a")).unwrap();
    assert!(server.wants_input());
    server.handle_frame(Time::ZERO, frame("4b")).unwrap();
    assert!(!server.wants_input());
    server.poll_event();
    assert!(server.wants_input());
}
