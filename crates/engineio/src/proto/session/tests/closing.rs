//! Closing while something is under way, or with no room left for the close packet.

use super::pair::{self, Pair, server_with};
use super::*;

/// A client that polls, its message on the way to the server.
fn posting() -> Pair {
    let mut pair = Pair::polling();
    pair.run();
    pair.client.send(&["a".into()]).unwrap();
    pair
}

#[test]
fn a_client_that_closes_while_it_posts_still_says_so() {
    let mut pair = posting();
    let Some(client::Request::Post { body, .. }) = pair.client.poll_request() else { panic!() };
    pair.server.handle_post().unwrap();
    pair.server.handle_payload(pair.now, body).unwrap();
    pair.client.close(pair.now);
    pair.client.handle_posted();
    pair.run();
    assert!(pair.client.is_finished());
    assert_eq!(pair.server_got(), ["a", "transport close"]);
}

#[test]
fn the_close_packet_respects_max_payload_in_both_roles() {
    let mut config = Config::default();
    config.limits.max_payload = 5;
    let mut server = server_with(Transport::Polling, config.clone());
    server.poll_payload();
    server.send(&["last".into()]).unwrap();
    server.close(Time::ZERO);
    for expected in [&b"4last"[..], b"6\x1e1"] {
        server.handle_poll(Time::ZERO).unwrap();
        assert_eq!(server.poll_payload().as_deref(), Some(expected));
    }
    assert!(server.is_finished());

    let client = client::Config { upgrade: false, ..client::Config::default() };
    let mut pair = Pair::new(Transport::Polling, client, config);
    pair.run();
    pair.client.send(&["last".into()]).unwrap();
    pair.client.close(pair.now);
    for expected in [&b"4last"[..], b"1"] {
        let Some(client::Request::Post { body, .. }) = pair.client.poll_request() else { panic!() };
        assert_eq!(body, expected);
        assert!(!pair.client.is_finished());
        pair.client.handle_posted();
    }
    assert!(pair.client.is_finished());
}

/// Closed in the middle of an upgrade, with a message that waits.
fn upgrading() -> server::Session {
    let mut server = pair::server(Transport::Polling);
    server.poll_payload();
    server.handle_upgrade(Time::ZERO).unwrap();
    server.handle_frame(Time::ZERO, frame("2probe")).unwrap();
    assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame("3probe"))));
    server.send(&["last".into()]).unwrap();
    server.close(Time::ZERO);
    server
}

#[test]
fn a_session_that_closes_in_an_upgrade_says_its_last_words_behind_it() {
    let mut server = upgrading();
    assert_eq!(server.poll_transmit(), None);
    server.handle_frame(Time::ZERO, frame("5")).unwrap();
    assert_eq!(server.poll_transmit(), Some(Transmit::Frame(frame("4last"))));
    assert_eq!(server.poll_transmit(), Some(Transmit::Close));
    assert!(server.is_finished());
    let events = texts(std::iter::from_fn(|| server.poll_event()));
    assert_eq!(events, ["forced close"]);
}

#[test]
fn a_session_that_closes_in_an_upgrade_that_fails_says_its_last_words_over_polling() {
    let mut server = upgrading();
    server.handle_timeout(Time::ZERO + Config::default().upgrade_timeout);
    assert_eq!(server.poll_transmit(), Some(Transmit::Close));
    for expected in [&b"4last"[..], b"6\x1e1"] {
        server.handle_poll(Time::ZERO).unwrap();
        assert_eq!(server.poll_payload().as_deref(), Some(expected));
    }
    assert!(server.is_finished());
}
