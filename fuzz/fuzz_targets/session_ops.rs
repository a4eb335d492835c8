//! The server's session under any list of operations, against a model with two lists: messages sent
//! and messages received. Order is kept, nothing is lost while the session is open or drains,
//! caps hold, and every `has_*` agrees with what its `poll_*` then does.
//!
//! Input: a first byte that is `w` for a session on websocket, `3` for protocol 3, `W` for both;
//! then operations, each the letter in [`Op`], so that people can write seeds by hand. Any other byte
//! stands for the operation that its remainder selects.

#![no_main]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use engineio::proto::server::{Config, Session};
use engineio::proto::{
    CloseReason, Event, Frame, Message, Packet, PacketError, Protocol, RequestError, SendError,
    Sid, Time, Transmit, Transport, payload, v3,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|ops: Ops| {
    let mut model = Model::new(ops.websocket, ops.protocol);
    for op in ops.list {
        model.op(op);
        model.check();
    }
    model.drain();
});

#[derive(Debug)]
struct Ops {
    websocket: bool,
    protocol: Protocol,
    list: Vec<Op>,
}

impl<'a> Arbitrary<'a> for Ops {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let first = u.bytes(1)?[0];
        let websocket = b"wW".contains(&first);
        let protocol = if b"3W".contains(&first) { Protocol::V3 } else { Protocol::V4 };
        let list = std::iter::from_fn(|| (!u.is_empty()).then(|| u.arbitrary()));
        Ok(Self { websocket, protocol, list: list.collect::<Result<_, _>>()? })
    }
}

#[derive(Debug)]
enum Op {
    /// `g`: a GET arrives.
    Get,
    /// `a`: its answer is taken.
    TakePayload,
    /// `x`: the connection of a GET is lost.
    AbortGet,
    /// `P`: a POST begins.
    Post,
    /// `p…\n`: the body of the POST; one begins if none has.
    Payload(Vec<u8>),
    /// `B…\n`: the same, in the binary form of protocol 3.
    BinaryPayload(Vec<u8>),
    /// `o`: the connection of the POST is lost.
    AbortPost,
    /// `l`: the POST is too large.
    RefusePost,
    /// `u`: a websocket is attached.
    Upgrade,
    /// `f…\n`: a text frame.
    Frame(String),
    /// `b…\n`: a binary frame.
    Binary(Vec<u8>),
    /// `t`: the websocket takes what it has to send.
    TakeTransmit,
    /// `d`, `D`: the websocket closes, or fails.
    LoseWebsocket(bool),
    /// `s` and one byte: messages are sent; the byte gives their number and size.
    Send { count: usize, len: usize },
    /// `c`: the application closes.
    Close,
    /// `e`: an event is taken.
    TakeEvent,
    /// `+` and one byte: that many times 100 ms pass.
    Pass(u64),
}

impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        const LETTERS: &[u8] = b"gaxPpolufbtdDsce+B";
        let byte = u.bytes(1)?[0];
        let letter = match LETTERS.contains(&byte) {
            true => byte,
            false => LETTERS[usize::from(byte) % LETTERS.len()],
        };
        Ok(match letter {
            b'g' => Self::Get,
            b'a' => Self::TakePayload,
            b'x' => Self::AbortGet,
            b'P' => Self::Post,
            b'p' => Self::Payload(line(u)?),
            b'B' => Self::BinaryPayload(line(u)?),
            b'o' => Self::AbortPost,
            b'l' => Self::RefusePost,
            b'u' => Self::Upgrade,
            b'b' => Self::Binary(line(u)?),
            b't' => Self::TakeTransmit,
            b'd' => Self::LoseWebsocket(false),
            b'D' => Self::LoseWebsocket(true),
            b's' => {
                let byte = usize::from(u.bytes(1)?[0]);
                Self::Send { count: byte % 4, len: byte / 4 }
            }
            b'c' => Self::Close,
            b'e' => Self::TakeEvent,
            b'+' => Self::Pass(u64::from(u.bytes(1)?[0])),
            _ => Self::Frame(String::from_utf8_lossy(&line(u)?).into_owned()),
        })
    }
}

/// The bytes before the next line feed.
fn line(u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let mut line = Vec::new();
    while !u.is_empty() {
        match u.bytes(1)?[0] {
            b'\n' => break,
            byte => line.push(byte),
        }
    }
    Ok(line)
}

struct Model {
    session: Session,
    config: Config,
    protocol: Protocol,
    now: Time,
    /// A websocket is attached and has not been told to close.
    attached: bool,
    /// A GET waits for its answer.
    held: bool,
    /// A POST's body is awaited.
    posting: bool,
    /// Messages sent and not delivered.
    waiting: VecDeque<Message>,
    /// Packets and bytes refused since the last successful send.
    refused: (usize, usize),
    sent: usize,
    /// Messages received and not taken.
    received: VecDeque<Message>,
    /// The application closed, and since then packets and events were only taken.
    drains: bool,
    upgraded: bool,
    told_closed: bool,
    pong: Time,
    ended: Option<Time>,
}

impl Model {
    fn new(websocket: bool, protocol: Protocol) -> Self {
        let mut config = Config {
            ping_interval: Duration::from_millis(2_000),
            ping_timeout: Duration::from_millis(1_000),
            upgrade_timeout: Duration::from_millis(1_500),
            close_timeout: Duration::from_millis(2_500),
            // The model does not limit probes.
            max_probes: u32::MAX,
            ..Config::default()
        };
        config.limits.max_payload = 150;
        config.limits.max_payload_packets = 5;
        config.limits.outbox_packets = 4;
        config.limits.outbox_bytes = 200;
        config.limits.inbox_packets = 3;
        config.limits.inbox_bytes = 20;
        let transport = if websocket { Transport::Websocket } else { Transport::Polling };
        let sid = Sid::from_entropy([0; Sid::ENTROPY]);
        let shared = Arc::new(config.clone());
        Self {
            session: match protocol {
                Protocol::V4 => Session::new(sid, transport, shared, Time::ZERO),
                Protocol::V3 => Session::new_v3(sid, transport, false, shared, Time::ZERO),
            },
            config,
            protocol,
            now: Time::ZERO,
            attached: websocket,
            held: !websocket,
            posting: false,
            waiting: VecDeque::new(),
            refused: (0, 0),
            sent: 0,
            received: VecDeque::new(),
            drains: false,
            upgraded: websocket,
            told_closed: false,
            pong: Time::ZERO,
            ended: None,
        }
    }

    fn op(&mut self, op: Op) {
        let takes = matches!(op, Op::Get | Op::TakePayload | Op::TakeTransmit | Op::TakeEvent);
        self.drains &= takes || matches!(op, Op::Send { .. } | Op::Close);
        match op {
            Op::Get => self.get(),
            Op::TakePayload => drop(self.take_payload()),
            Op::AbortGet if self.held => {
                self.held = false;
                self.session.handle_poll_aborted();
                assert!(!self.session.is_open() || self.polls() == Some(false));
            }
            Op::Post => drop(self.post()),
            Op::Payload(body) => self.payload(&body, false),
            Op::BinaryPayload(body) => self.payload(&body, true),
            Op::AbortPost if self.posting => {
                self.posting = false;
                self.session.handle_post_aborted();
                assert!(!self.session.is_open());
            }
            Op::RefusePost if self.posting => {
                self.posting = false;
                self.session.handle_post_refused();
            }
            Op::Upgrade => self.upgrade(),
            Op::Frame(text) => self.frame(Frame::Text(text.into())),
            Op::Binary(data) => self.frame(Frame::Binary(data.into())),
            Op::TakeTransmit => drop(self.take_transmit()),
            Op::LoseWebsocket(failed) if self.attached => {
                self.attached = false;
                let polls = self.polls();
                self.session.handle_websocket_closed(failed);
                assert!(polls != Some(false) || !self.session.is_open());
                assert!(polls != Some(true) || self.session.is_open(), "only the probe was lost");
            }
            Op::Send { count, len } => self.send(count, len),
            Op::Close => {
                // During an upgrade it first waits for the upgrade to end.
                self.drains |=
                    self.session.is_open() && !(self.attached && self.polls() == Some(true));
                self.session.close(self.now);
                assert!(!self.session.is_open());
            }
            Op::TakeEvent => drop(self.take_event()),
            Op::Pass(tenths) => {
                self.now = self.now + Duration::from_millis(tenths * 100);
                self.session.handle_timeout(self.now);
                assert!(self.session.poll_timeout().is_none_or(|at| at > self.now));
            }
            Op::AbortGet | Op::AbortPost | Op::RefusePost | Op::LoseWebsocket(_) => {}
        }
    }

    /// Whether an open session polls; `None` if it is not open.
    fn polls(&self) -> Option<bool> {
        self.session.is_open().then(|| self.session.transport() == Transport::Polling)
    }

    fn get(&mut self) {
        let (polls, held) = (self.polls(), self.held);
        let result = self.session.handle_poll(self.now);
        match (polls, held) {
            (Some(true), false) => assert_eq!(result, Ok(())),
            (Some(true), true) => {
                assert_eq!(result, Err(RequestError::BadRequest));
                assert!(!self.session.is_open(), "one id has two owners");
            }
            (Some(false), _) => assert_eq!(result, Err(RequestError::BadRequest)),
            (None, _) => {}
        }
        self.drains &= !(held && result.is_err());
        self.held |= result.is_ok();
    }

    fn take_payload(&mut self) -> bool {
        let has = self.session.has_payload();
        let body = self.session.poll_payload();
        assert_eq!(has, body.is_some());
        let Some(body) = body else { return false };
        assert!(std::mem::take(&mut self.held), "an answer to no GET");
        let (len, max) = (body.len(), self.config.limits.max_payload);
        let binary = v3::payload::is_binary(&body);
        let packets = self.decode(body, binary, usize::MAX);
        let packets: Vec<_> =
            packets.into_iter().map(|packet| packet.expect("what it wrote")).collect();
        assert!(len <= max || packets.len() == 1, "{len} bytes, the limit is {max}");
        let last = packets.len() - 1;
        for (index, packet) in packets.into_iter().enumerate() {
            match packet {
                Packet::Message(message) => self.delivered(&message),
                Packet::Close => assert!(index == last && !self.session.is_open()),
                Packet::Open(_) | Packet::Noop => {}
                packet if self.is_heartbeat(&packet) => {}
                other => panic!("{other} in a payload"),
            }
        }
        true
    }

    fn take_transmit(&mut self) -> bool {
        let has = self.session.has_transmit();
        let transmit = self.session.poll_transmit();
        assert_eq!(has, transmit.is_some());
        let Some(transmit) = transmit else { return false };
        assert!(self.attached, "{transmit:?} without a websocket");
        let polls = self.session.transport() == Transport::Polling;
        match transmit {
            Transmit::Close => self.attached = false,
            Transmit::Frame(frame) => match self.read(frame).expect("what it wrote") {
                Packet::Message(message) if !polls => self.delivered(&message),
                Packet::Open(_) if !polls => {}
                Packet::PongProbe if polls => {}
                packet if !polls && self.is_heartbeat(&packet) => {}
                other => panic!("{other} on the websocket, polls: {polls}"),
            },
        }
        true
    }

    fn read(&self, frame: Frame) -> Result<Packet, PacketError> {
        match self.protocol {
            Protocol::V4 => frame.into_packet(),
            Protocol::V3 => v3::decode_frame(frame),
        }
    }

    fn decode(&self, body: Bytes, binary: bool, max: usize) -> Vec<Result<Packet, PacketError>> {
        match (self.protocol, binary) {
            (Protocol::V4, _) => payload::decode(body, max).collect(),
            (Protocol::V3, false) => v3::payload::decode_text(body, max).collect(),
            (Protocol::V3, true) => v3::payload::decode_binary(body, max).collect(),
        }
    }

    /// Whether this packet is the one by which this side shows that it is alive.
    fn is_heartbeat(&self, packet: &Packet) -> bool {
        match self.protocol {
            Protocol::V4 => *packet == Packet::Ping,
            Protocol::V3 => matches!(packet, Packet::Pong | Packet::PongProbe),
        }
    }

    fn delivered(&mut self, message: &Message) {
        assert_eq!(self.waiting.pop_front().as_ref(), Some(message), "out of order");
    }

    fn post(&mut self) -> bool {
        let result = self.session.handle_post();
        match self.polls() {
            Some(true) => assert_eq!((result, self.posting), (Ok(()), false)),
            Some(false) => assert_eq!(result, Err(RequestError::BadRequest)),
            None => {}
        }
        self.posting |= result.is_ok();
        result.is_ok()
    }

    fn payload(&mut self, body: &[u8], binary: bool) {
        // As a driver does: messages that the application has not taken stop the reading.
        if !self.session.wants_input() || !(self.posting || self.post()) {
            return;
        }
        self.posting = false;
        let body = Bytes::copy_from_slice(body);
        let mut fine = true;
        if self.session.is_open() {
            let max = self.config.limits.max_payload_packets;
            let packets = self.decode(body.clone(), binary, max).into_iter();
            // Protocol 4 has no binary form, so none of it is read.
            fine = !(binary && self.protocol == Protocol::V4)
                && packets
                    .map(|packet| packet.is_ok_and(|p| self.packet(p)))
                    .all(|goes_on| goes_on);
        }
        let was_open = self.session.is_open();
        let result = match binary {
            false => self.session.handle_payload(self.now, body),
            true => self.session.handle_binary_payload(self.now, body),
        };
        assert!(!was_open || fine == self.session.is_open(), "{result:?}");
    }

    fn frame(&mut self, frame: Frame) {
        if !self.attached || !self.session.wants_input() {
            return;
        }
        let polls = self.polls();
        let packet = self.read(frame.clone());
        let fine = polls != Some(false) || packet.is_ok_and(|packet| self.packet(packet));
        let result = self.session.handle_frame(self.now, frame);
        assert!(polls.is_none() || fine == self.session.is_open(), "{result:?}");
    }

    /// Handles a packet as an open session does; false if the packet ends the session.
    fn packet(&mut self, packet: Packet) -> bool {
        match (packet, self.protocol) {
            (Packet::Message(message), _) => self.received.push_back(message),
            (Packet::Pong | Packet::PongProbe, Protocol::V4)
            | (Packet::Ping | Packet::PingProbe, Protocol::V3) => self.pong = self.now,
            (Packet::Upgrade | Packet::Noop, _) => {}
            _ => return false,
        }
        true
    }

    fn upgrade(&mut self) {
        let polls = self.polls();
        let result = self.session.handle_upgrade(self.now);
        if let Some(polls) = polls {
            assert_eq!(result.is_ok(), polls && !self.attached, "{result:?}");
        }
        self.attached |= result.is_ok();
    }

    fn send(&mut self, count: usize, len: usize) {
        let messages: Vec<Message> = (self.sent..self.sent + count)
            .map(|number| match number % 3 {
                0 => Bytes::from(format!("{number:0len$}")).into(),
                _ => format!("{number:0len$}").as_str().into(),
            })
            .collect();
        let added: usize = messages.iter().map(Message::len).sum();
        let (packets, bytes) = (self.waiting.len(), self.waiting_bytes());
        let (max, max_bytes) = (self.config.limits.outbox_packets, self.config.limits.outbox_bytes);
        let fits = packets + count <= max && bytes + added <= max_bytes;
        if messages.len() == 3 && self.session.is_open() {
            return self.send_some(messages);
        }
        match self.session.send(&messages[..]) {
            Ok(()) => {
                assert!(fits || packets == 0);
                self.waiting.extend(messages);
                self.refused = (0, 0);
                self.sent += count;
            }
            Err(SendError::Full(full)) => {
                assert!(!fits && packets > 0, "{full}");
                self.refused = (count, added);
                assert_eq!((full.waiting, full.waiting_bytes), (packets, bytes));
                assert_eq!((full.packets, full.bytes), (count, added));
                assert_eq!((full.max, full.max_bytes), (max, max_bytes));
            }
            Err(SendError::Closed) => assert!(!self.session.is_open()),
            Err(other) => panic!("{other}"),
        }
    }

    /// Takes as many as there is room for, starting with the first.
    fn send_some(&mut self, messages: Vec<Message>) {
        let (queued, before) = (self.session.send_some(messages.clone()), self.sent);
        self.refused = (0, 0);
        for message in messages {
            self.refused = (1, message.len());
            if !self.refused_fits() {
                break;
            }
            self.refused = (0, 0);
            self.waiting.push_back(message);
            self.sent += 1;
        }
        assert!(queued.is_ok_and(|queued| queued == self.sent - before));
    }

    /// Whether the refused message would be queued now.
    fn refused_fits(&self) -> bool {
        let (packets, bytes) = self.refused;
        let limits = &self.config.limits;
        self.waiting.is_empty()
            || (self.waiting.len() + packets <= limits.outbox_packets
                && self.waiting_bytes() + bytes <= limits.outbox_bytes)
    }

    fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(Message::len).sum()
    }

    fn take_event(&mut self) -> bool {
        let has = self.session.has_event();
        let event = self.session.poll_event();
        assert_eq!(has, event.is_some());
        let Some(event) = event else { return false };
        assert!(!self.told_closed, "{event:?} after the end");
        match event {
            Event::Message(message) => assert_eq!(self.received.pop_front(), Some(message)),
            Event::Upgraded => assert!(!std::mem::replace(&mut self.upgraded, true)),
            Event::Closed(reason) => {
                assert!(self.received.is_empty() && !self.session.is_open());
                self.told_closed = true;
                let alive = self.pong + self.config.ping_interval + self.config.ping_timeout;
                assert!(reason != CloseReason::PingTimeout || self.ended >= Some(alive));
            }
            Event::Open(_) => panic!("a server heard a handshake"),
        }
        true
    }

    /// Checks what must hold between any two operations.
    fn check(&mut self) {
        let (session, limits) = (&self.session, &self.config.limits);
        let (bytes, received) =
            (self.received.iter().map(Message::len).sum::<usize>(), self.received.len());
        let full = bytes >= limits.inbox_bytes || received >= limits.inbox_packets;
        assert!(!full || !session.wants_input());
        assert!(received + 2 >= limits.inbox_packets || full || session.wants_input());
        if session.is_open() {
            let half = self.waiting.len() <= limits.outbox_packets / 2
                && self.waiting_bytes() <= limits.outbox_bytes / 2;
            assert_eq!(session.has_room(), half && self.refused_fits());
            assert!(session.poll_timeout().is_some(), "an open session has a heartbeat");
            assert!(!session.is_finished());
        } else {
            self.ended.get_or_insert(self.now);
        }
        if session.is_finished() {
            assert!(!session.has_payload() && !session.has_transmit());
        }
    }

    /// Takes everything that waits, and every event.
    fn drain(&mut self) {
        let whole = self.session.is_open() || self.drains;
        for _ in 0..self.sent + 8 {
            if self.session.transport() == Transport::Polling && !self.held {
                self.get();
            }
            let moved = self.take_payload() | (self.attached && self.take_transmit());
            if !moved {
                break;
            }
        }
        assert!(!whole || self.waiting.is_empty(), "{} messages are lost", self.waiting.len());
        while self.take_event() {}
        assert!(self.received.is_empty());
        assert_eq!(self.told_closed, !self.session.is_open());
        if self.drains {
            assert!(self.session.is_finished());
        }
    }
}
