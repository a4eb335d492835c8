//! Moving from polling to websocket, and failing to.

use std::time::Duration;

use super::pair::{self, Pair};
use super::{frame, texts};
use crate::proto::server::Config;
use crate::proto::*;

fn probing() -> server::Session {
    let mut server = pair::server(Transport::Polling);
    server.poll_payload();
    server.handle_upgrade(Time::ZERO).unwrap();
    server
}

#[test]
fn an_upgrade_moves_both_sides_and_loses_nothing() {
    let mut pair = Pair::upgrading();
    let mut number = 0;
    loop {
        pair.send(number);
        number += 1;
        if !pair.step() {
            break;
        }
        if number > 50 {
            break;
        }
    }
    pair.run();
    assert_eq!(pair.server.transport(), Transport::Websocket);
    assert_eq!(pair.client.transport(), Transport::Websocket);
    let sent: Vec<_> = (0..number).map(|n| n.to_string()).collect();
    assert_eq!(pair.server_got(), sent);
    assert_eq!(pair.client_got(), sent);
}

#[test]
fn the_probe_is_answered_and_held_gets_are_let_go() {
    let mut server = probing();
    server.handle_poll(Time::ZERO).unwrap();
    assert_eq!(server.poll_payload(), None);
    server.handle_frame(Time::ZERO, frame("2probe")).unwrap();
    assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame("3probe"))));
    assert_eq!(server.poll_payload().as_deref(), Some(&b"6"[..]));
    server.send(&["over polling".into()]).unwrap();
    assert_eq!(server.poll_transmit(), None);
    server.handle_poll(Time::ZERO).unwrap();
    assert_eq!(server.poll_payload().as_deref(), Some(&b"4over polling"[..]));
    server.send(&["over websocket".into()]).unwrap();
    server.handle_frame(Time::ZERO, frame("5")).unwrap();
    assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame("4over websocket"))));
    assert_eq!(server.handle_poll(Time::ZERO), Err(RequestError::BadRequest));
    assert_eq!(server.handle_post(), Err(RequestError::BadRequest));
    assert!(server.is_open());
}

#[test]
fn anything_but_a_probe_closes_the_websocket_and_leaves_the_session() {
    for wire in ["4a", "1", "2", "x", ""] {
        let mut server = probing();
        assert!(server.handle_frame(Time::ZERO, frame(wire)).is_err(), "{wire}");
        assert_eq!(server.poll_transmit(), Some(Transmit::Close), "{wire}");
        assert!(server.is_open());
        assert_eq!(server.handle_upgrade(Time::ZERO), Ok(()), "a second try may follow");
    }
}

#[test]
fn a_client_may_leave_the_probe_out() {
    let mut server = probing();
    server.handle_poll(Time::ZERO).unwrap();
    server.send("waits").unwrap();
    server.handle_frame(Time::ZERO, frame("5")).unwrap();
    assert_eq!(server.poll_payload().as_deref(), Some(&b"6"[..]), "the held GET is let go");
    assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame("4waits"))), "and loses nothing");
    assert_eq!(server.poll_transmit(), None);
    assert_eq!(server.transport(), Transport::Websocket);
    assert_eq!(server.handle_poll(Time::ZERO), Err(RequestError::BadRequest));
    server.handle_timeout(Time::ZERO + Config::default().upgrade_timeout);
    assert!(server.is_open(), "the deadline of the upgrade is over");
}

#[test]
fn an_upgrade_that_takes_too_long_leaves_the_session() {
    let mut server = probing();
    server.handle_frame(Time::ZERO, frame("2probe")).unwrap();
    server.poll_transmit();
    server.handle_timeout(Time::ZERO + Config::default().upgrade_timeout);
    assert_eq!(server.poll_transmit(), Some(Transmit::Close));
    assert_eq!(server.transport(), Transport::Polling);
    assert!(server.is_open());
}

#[test]
fn a_second_websocket_is_refused_and_the_first_goes_on() {
    let mut server = probing();
    assert_eq!(server.handle_upgrade(Time::ZERO), Err(RequestError::BadRequest));
    server.handle_frame(Time::ZERO, frame("2probe")).unwrap();
    server.handle_frame(Time::ZERO, frame("5")).unwrap();
    assert_eq!(server.handle_upgrade(Time::ZERO), Err(RequestError::BadRequest));
    assert!(server.is_open());
}

#[test]
fn upgrades_can_be_switched_off() {
    let config = Config { upgrades: false, ..Config::default() };
    let mut server = pair::server_with(Transport::Polling, config);
    let open = server.poll_payload().unwrap();
    assert_eq!(Handshake::from_json(&open[1..]).unwrap().upgrades, []);
    assert_eq!(server.handle_upgrade(Time::ZERO), Err(RequestError::BadRequest));
}

#[test]
fn a_websocket_lost_while_probing_leaves_both_sides_polling() {
    for frames_before in 0..3 {
        let mut pair = Pair::upgrading();
        pair.requests();
        pair.answer();
        pair.requests();
        pair.open_websocket();
        pair.client.handle_websocket_open(pair.now);
        for _ in 0..frames_before {
            // `5` is on its way after two rounds: from then on a loss is a loss of the session.
            if pair.client.transport() == Transport::Polling {
                pair.frames();
            }
        }
        if pair.client.transport() == Transport::Websocket {
            continue;
        }
        pair.to_server.clear();
        pair.to_client.clear();
        pair.close_websocket();
        pair.send(7);
        pair.run();
        assert_eq!(pair.server_got(), ["7"], "after {frames_before}");
        assert_eq!(pair.client_got(), ["7"], "after {frames_before}");
    }
}

#[test]
fn a_client_that_falls_silent_in_the_middle_of_an_upgrade_is_timed_out() {
    let mut server = probing();
    let ping = server.poll_timeout().unwrap();
    server.handle_frame(ping, frame("2probe")).unwrap();
    server.handle_timeout(Time::ZERO + Duration::from_secs(25));
    server.handle_frame(Time::ZERO + Duration::from_secs(26), frame("5")).unwrap();
    server.handle_timeout(Time::ZERO + Duration::from_secs(45));
    assert_eq!(
        texts(std::iter::from_fn(|| server.poll_event())),
        ["ping timeout"],
        "the upgrade must not stop the heartbeat"
    );
}

#[test]
fn closing_in_the_middle_of_an_upgrade_closes_the_websocket_too() {
    let mut server = probing();
    server.close(Time::ZERO);
    assert_eq!(server.poll_transmit(), Some(Transmit::Close));
    server.handle_poll(Time::ZERO).unwrap();
    assert_eq!(server.poll_payload().as_deref(), Some(&b"6\x1e1"[..]));
    assert!(server.is_finished());
}

#[test]
fn a_ping_that_comes_before_the_probe_has_left_displaces_neither() {
    let mut client =
        client::Session::new(Transport::Polling, client::Config::default().into(), Time::ZERO);
    let mut server = pair::server(Transport::Polling);
    assert_eq!(client.poll_request(), Some(client::Request::Get { sid: None }));
    client.handle_payload(Time::ZERO, server.poll_payload().unwrap()).unwrap();
    let sid = server.sid();
    assert_eq!(client.poll_request(), Some(client::Request::Websocket { sid }));
    assert_eq!(client.poll_request(), Some(client::Request::Get { sid: Some(sid) }));
    client.handle_websocket_open(Time::ZERO);
    client.handle_payload(Time::ZERO, "2".into()).unwrap();
    assert_eq!(client.poll_transmit(), Some(Transmit::Frame(frame("2probe"))));
    assert_eq!(client.poll_request(), Some(client::Request::Post { sid, body: "3".into() }));
}
