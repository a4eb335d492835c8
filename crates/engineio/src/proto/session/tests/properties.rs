//! Any list of operations keeps order, loses nothing while open, keeps every cap, never panics.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::pair::{self, Pair};
use crate::proto::server::Config;
use crate::proto::*;

#[derive(Clone, Debug)]
enum Op {
    Poll,
    AbortPoll,
    Post(Vec<u8>),
    Upgrade,
    Frame(String),
    Binary,
    WebsocketClosed(bool),
    Send(u8),
    Close,
    Pass(u16),
    TakePayload,
    TakeFrame,
    TakeEvent,
}

fn op() -> impl Strategy<Value = Op> {
    let wire = prop_oneof![
        Just("4a".to_owned()),
        Just("2probe".to_owned()),
        Just("5".to_owned()),
        Just("3".to_owned()),
        Just("1".to_owned()),
        ".{0,3}",
    ];
    prop_oneof![
        3 => Just(Op::Poll),
        1 => Just(Op::AbortPoll),
        2 => prop_oneof![
            Just(b"4a\x1e4b".to_vec()),
            Just(b"3".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6)
        ].prop_map(Op::Post),
        2 => Just(Op::Upgrade),
        4 => wire.prop_map(Op::Frame),
        1 => Just(Op::Binary),
        1 => any::<bool>().prop_map(Op::WebsocketClosed),
        4 => any::<u8>().prop_map(Op::Send),
        1 => Just(Op::Close),
        2 => any::<u16>().prop_map(Op::Pass),
        3 => Just(Op::TakePayload),
        3 => Just(Op::TakeFrame),
        3 => Just(Op::TakeEvent),
    ]
}

proptest! {
    #[test]
    fn any_operations_keep_the_caps(ops in proptest::collection::vec(op(), 0..80), websocket: bool) {
        let mut config = Config::default();
        config.limits.outbox_packets = 3;
        config.limits.outbox_bytes = 600;
        let transport = if websocket { Transport::Websocket } else { Transport::Polling };
        let mut server = pair::server_with(transport, config);
        let (mut now, mut waiting, mut closed) = (Time::ZERO, 0_usize, 0);
        for op in ops {
            match op {
                Op::Poll => drop(server.handle_poll(now)),
                Op::AbortPoll => server.handle_poll_aborted(),
                Op::Post(body) => if server.handle_post().is_ok() {
                    drop(server.handle_payload(now, Bytes::from(body)));
                },
                Op::Upgrade => drop(server.handle_upgrade(now)),
                Op::Frame(text) => drop(server.handle_frame(now, Frame::Text(text.into()))),
                Op::Binary => drop(server.handle_frame(now, Frame::Binary(Bytes::new()))),
                Op::WebsocketClosed(failed) => server.handle_websocket_closed(failed),
                Op::Send(len) => match server.send(&[Bytes::from(vec![0; len as usize]).into()]) {
                    Ok(()) => waiting += 1,
                    Err(SendError::Full(full)) => {
                        prop_assert!(full.waiting == 3 || full.waiting_bytes + full.bytes > 600);
                    }
                    Err(SendError::Closed) => prop_assert!(!server.is_open()),
                },
                Op::Close => server.close(now),
                Op::Pass(millis) => {
                    now = now + Duration::from_millis(millis.into());
                    server.handle_timeout(now);
                }
                Op::TakePayload => if let Some(body) = server.poll_payload() {
                    let messages = payload::decode(body, 100)
                        .filter(|p| matches!(p, Ok(Packet::Message(_)))).count();
                    prop_assert!(messages <= waiting);
                    waiting -= messages;
                },
                Op::TakeFrame => if let Some(Transmit::Frame(Frame::Binary(_))) = server.poll_transmit() {
                    waiting -= 1;
                },
                Op::TakeEvent => if let Some(Event::Closed(_)) = server.poll_event() {
                    closed += 1;
                },
            }
            prop_assert!(!server.is_open() || waiting <= 3);
            prop_assert!(closed <= 1, "one end");
        }
    }

    /// Messages from both sides at any step of an upgrade, a lost websocket included, arrive once
    /// and in order.
    #[test]
    fn an_upgrade_never_loses_or_reorders(sends in proptest::collection::vec(0_usize..4, 1..30)) {
        let mut pair = Pair::upgrading();
        let mut number = 0;
        for count in sends {
            for _ in 0..count {
                pair.send(number);
                number += 1;
            }
            pair.step();
        }
        pair.run();
        let sent: Vec<_> = (0..number).map(|n| n.to_string()).collect();
        prop_assert_eq!(pair.server_got(), sent.clone());
        prop_assert_eq!(pair.client_got(), sent);
        prop_assert_eq!(pair.server.transport(), Transport::Websocket);
    }
}
