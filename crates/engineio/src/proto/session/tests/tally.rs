//! Figures, and ends without a drain.

use std::time::Duration;

use super::*;

#[test]
fn packets_and_bytes_are_counted_once_each_way() {
    let mut server = pair::server(Transport::Polling);
    let open = server.poll_payload().unwrap();
    server.handle_post().unwrap();
    server.handle_payload(Time::ZERO, Bytes::from_static(b"4a\x1e4bc")).unwrap();
    let tally = server.take_tally();
    assert_eq!((tally.packets_in, tally.bytes_in), (2, 6));
    assert_eq!((tally.packets_out, tally.bytes_out), (1, open.len() as u64));

    server.handle_upgrade(Time::ZERO).unwrap();
    server.handle_frame(Time::ZERO, frame("2probe")).unwrap();
    server.poll_transmit().unwrap();
    server.handle_frame(Time::ZERO, frame("5")).unwrap();
    server.send(&["d".into(), "ef".into()]).unwrap();
    while server.poll_transmit().is_some() {}
    let tally = server.take_tally();
    assert_eq!((tally.packets_in, tally.bytes_in), (2, 7));
    assert_eq!((tally.packets_out, tally.bytes_out), (3, 11));
    assert_eq!((tally.upgrades, tally.failed_upgrades), (1, 0));
    assert_eq!(server.take_tally(), Tally::default());
}

#[test]
fn probes_have_a_limit_in_the_life_of_a_session() {
    let mut server = pair::server(Transport::Polling);
    let max = Config::default().max_probes;
    for _ in 0..max {
        server.handle_upgrade(Time::ZERO).unwrap();
        server.handle_websocket_closed(false);
    }
    assert_eq!(server.handle_upgrade(Time::ZERO), Err(RequestError::BadRequest));
    assert!(server.is_open());
    assert_eq!(server.take_tally().failed_upgrades, u64::from(max));
}

#[test]
fn discarding_drops_what_waits_on_either_transport() {
    let mut server = pair::server(Transport::Polling);
    server.poll_payload();
    server.send(&["dropped".into()]).unwrap();
    server.discard();
    assert!(server.is_finished());
    assert_eq!(server.close_reason(), Some(&CloseReason::ForcedClose));

    let mut server = pair::server(Transport::Websocket);
    server.send(&["dropped".into()]).unwrap();
    server.close(Time::ZERO + Duration::from_secs(1));
    server.discard();
    assert_eq!(server.poll_transmit(), Some(Transmit::Close));
    assert!(server.is_finished());
    let events = std::iter::from_fn(|| server.poll_event());
    assert_eq!(texts(events), ["forced close"], "told once");
}
