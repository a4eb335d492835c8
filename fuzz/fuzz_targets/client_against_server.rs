//! A client's session against a server's. The network between them delivers in any order that the
//! transports allow, and may cut the websocket while it is probed. Both sides must receive what the
//! other sent, once and in order, and all of it unless a session ended.
//!
//! Input: a first byte for the transports (`w` websocket, `p` polling, other: upgrading); then
//! operations, each the letter in [`Op`]. Any other byte stands for
//! the operation that its remainder selects.

#![no_main]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use engineio::proto::client::{self, Request};
use engineio::proto::{
    CloseReason, Event, Frame, Message, RequestError, Sid, Time, Transmit, Transport, server,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|ops: Ops| {
    let mut pair = Pair::new(ops.transports);
    for op in ops.list {
        pair.op(op);
        pair.events();
    }
    pair.settle();
});

#[derive(Debug)]
struct Ops {
    transports: u8,
    list: Vec<Op>,
}

impl<'a> Arbitrary<'a> for Ops {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let transports = u.bytes(1)?[0];
        let list = std::iter::from_fn(|| (!u.is_empty()).then(|| u.arbitrary()));
        Ok(Self { transports, list: list.collect::<Result<_, _>>()? })
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    /// `r`: the client's next request leaves.
    Request,
    /// `g`: the GET reaches the server.
    Get,
    /// `p`: the POST reaches the server, and is answered there.
    Post,
    /// `u`: the request for a websocket reaches the server.
    Upgrade,
    /// `a`: the server answers its GET.
    Answer,
    /// `G`: the answer to the GET reaches the client.
    Got,
    /// `P`: the answer to the POST reaches the client.
    Posted,
    /// `U`: the client hears that its websocket is open.
    Upgraded,
    /// `t`, `T`: the client, the server sends its next frame.
    Transmit(Side),
    /// `f`, `F`: a frame reaches the client, the server.
    Frame(Side),
    /// `s`, `S`: the client, the server sends a message.
    Send(Side),
    /// `x`: the websocket is cut, unless the client has moved to it.
    Cut,
    /// `n`: the server notices a cut.
    Notice,
    /// `c`, `C`: the client, the server closes.
    Close(Side),
    /// `+`: 700 ms pass.
    Pass,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

const OPS: [(u8, Op); 19] = [
    (b'r', Op::Request),
    (b'g', Op::Get),
    (b'p', Op::Post),
    (b'u', Op::Upgrade),
    (b'a', Op::Answer),
    (b'G', Op::Got),
    (b'P', Op::Posted),
    (b'U', Op::Upgraded),
    (b't', Op::Transmit(Side::Client)),
    (b'T', Op::Transmit(Side::Server)),
    (b'f', Op::Frame(Side::Client)),
    (b'F', Op::Frame(Side::Server)),
    (b's', Op::Send(Side::Client)),
    (b'S', Op::Send(Side::Server)),
    (b'x', Op::Cut),
    (b'n', Op::Notice),
    (b'c', Op::Close(Side::Client)),
    (b'C', Op::Close(Side::Server)),
    (b'+', Op::Pass),
];

impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let byte = u.bytes(1)?[0];
        let named = OPS.into_iter().find(|(letter, _)| *letter == byte);
        Ok(named.unwrap_or(OPS[usize::from(byte) % OPS.len()]).1)
    }
}

struct Pair {
    client: client::Session,
    server: server::Session,
    now: Time,
    upgrades: bool,
    /// Requests on their way, and those that the server holds.
    get: Option<Leg>,
    post: Option<Leg>,
    websocket: Option<Leg>,
    body: Bytes,
    /// The answer to the GET; `None` for a refusal.
    answer: Option<Bytes>,
    /// Frames on their way; `None` for a side whose end of the websocket is closed.
    to_client: Option<VecDeque<Frame>>,
    to_server: Option<VecDeque<Frame>>,
    sent: [usize; 2],
    received: [usize; 2],
    ended: [Option<CloseReason>; 2],
    /// Which sides' applications have closed.
    closed: [bool; 2],
    /// Time passed, the client closed before the handshake, or a POST reached a closed server:
    /// messages on their way may be lost.
    excused: bool,
}

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leg {
    ToServer,
    /// Only a GET can stay there.
    Held,
    /// Answered or refused.
    ToClient(bool),
}

impl Pair {
    fn new(transports: u8) -> Self {
        let mut client = client::Config {
            upgrade: transports != b'p',
            timeout: Duration::from_secs(4),
            upgrade_timeout: Duration::from_secs(2),
            ..client::Config::default()
        };
        // Neither side may send more than the other announces.
        client.limits.max_payload = 120;
        let mut server = server::Config {
            ping_interval: Duration::from_secs(3),
            ping_timeout: Duration::from_secs(2),
            upgrade_timeout: Duration::from_secs(2),
            close_timeout: Duration::from_secs(4),
            ..server::Config::default()
        };
        server.limits.max_payload = 120;
        let websocket = transports == b'w';
        let transport = if websocket { Transport::Websocket } else { Transport::Polling };
        let sid = Sid::from_entropy([0; Sid::ENTROPY]);
        let frames = websocket.then(VecDeque::new);
        Self {
            client: client::Session::new(transport, Arc::new(client), Time::ZERO),
            server: server::Session::new(sid, transport, Arc::new(server), Time::ZERO),
            now: Time::ZERO,
            upgrades: transports != b'p' && !websocket,
            get: None,
            post: None,
            websocket: None,
            body: Bytes::new(),
            answer: None,
            to_client: frames.clone(),
            to_server: frames,
            sent: [0; 2],
            received: [0; 2],
            ended: [None, None],
            closed: [false; 2],
            excused: false,
        }
    }

    /// Whether anything happened.
    fn op(&mut self, op: Op) -> bool {
        match op {
            Op::Request => self.request(),
            Op::Get => self.get_arrives(),
            Op::Post => self.post_arrives(),
            Op::Upgrade => self.upgrade_arrives(),
            Op::Answer => self.answer_leaves(),
            Op::Got => self.got(),
            Op::Posted => self.posted(),
            Op::Upgraded => self.upgraded(),
            Op::Transmit(Side::Client) => self.client_transmits(),
            Op::Transmit(Side::Server) => self.server_transmits(),
            Op::Frame(Side::Client) => {
                let frame = self.to_client.as_mut().and_then(VecDeque::pop_front);
                frame.is_some_and(|frame| {
                    let result = self.client.handle_frame(self.now, frame);
                    self.faultless(result.err().is_some());
                    true
                })
            }
            Op::Frame(Side::Server) => {
                let frame = self.to_server.as_mut().and_then(VecDeque::pop_front);
                frame.is_some_and(|frame| {
                    let result = self.server.handle_frame(self.now, frame);
                    self.faultless(result.err().is_some());
                    true
                })
            }
            Op::Send(side) => self.send(side),
            Op::Cut => self.cut(),
            Op::Notice => self.notice(),
            Op::Close(side) => self.close(side),
            Op::Pass => {
                self.now = self.now + Duration::from_millis(700);
                self.excused = true;
                self.client.handle_timeout(self.now);
                self.server.handle_timeout(self.now);
                true
            }
        }
    }

    /// Checks that neither side breaks the protocol, unless a timer or a close has overtaken the other side.
    fn faultless(&self, fault: bool) {
        assert!(!fault || self.excused || self.is_closing(), "a fault between our own");
    }

    fn request(&mut self) -> bool {
        let Some(request) = self.client.poll_request() else { return false };
        let slot = match request {
            Request::Get { sid } => {
                assert_eq!(sid.is_none(), self.client.handshake().is_none());
                &mut self.get
            }
            Request::Post { body, .. } => {
                let max = self.client.handshake().map_or(0, |handshake| handshake.max_payload);
                assert!(body.len() <= max, "{} bytes, the limit is {max}", body.len());
                self.body = body;
                &mut self.post
            }
            Request::Websocket { .. } => &mut self.websocket,
        };
        assert_eq!(slot.replace(Leg::ToServer), None, "one at a time");
        true
    }

    fn get_arrives(&mut self) -> bool {
        if self.get != Some(Leg::ToServer) {
            return false;
        }
        // The handshake's own GET is held from the start.
        if self.client.handshake().is_none() {
            self.get = Some(Leg::Held);
            return true;
        }
        let result = self.server.handle_poll(self.now);
        self.get = Some(self.held_or_refused(result));
        true
    }

    fn held_or_refused(&self, result: Result<(), RequestError>) -> Leg {
        self.faultless(result.is_err());
        if result.is_ok() { Leg::Held } else { Leg::ToClient(false) }
    }

    fn post_arrives(&mut self) -> bool {
        if self.post != Some(Leg::ToServer) {
            return false;
        }
        let result = self.server.handle_post();
        self.faultless(result.is_err());
        // The refusal by a server that closed may overtake its last answer to a GET.
        self.excused |= result.is_err();
        if result.is_ok() {
            let fault = self.server.handle_payload(self.now, self.body.clone());
            assert_eq!(fault, Ok(()), "a client wrote what is none");
        }
        self.post = Some(Leg::ToClient(result.is_ok()));
        true
    }

    fn upgrade_arrives(&mut self) -> bool {
        if self.websocket != Some(Leg::ToServer) {
            return false;
        }
        let result = self.server.handle_upgrade(self.now);
        self.faultless(result.is_err());
        self.websocket = Some(Leg::ToClient(result.is_ok()));
        if result.is_ok() {
            self.to_server = Some(VecDeque::new());
            self.to_client = Some(VecDeque::new());
        }
        true
    }

    fn answer_leaves(&mut self) -> bool {
        if self.get != Some(Leg::Held) {
            return false;
        }
        let Some(body) = self.server.poll_payload() else { return false };
        self.answer = Some(body);
        self.get = Some(Leg::ToClient(true));
        true
    }

    fn got(&mut self) -> bool {
        let Some(Leg::ToClient(good)) = self.get else { return false };
        self.get = None;
        match self.answer.take() {
            Some(body) => {
                let result = self.client.handle_payload(self.now, body);
                assert_eq!(result, Ok(()), "a server wrote what is none");
            }
            None => {
                assert!(!good);
                self.client.handle_request_failed();
            }
        }
        true
    }

    fn posted(&mut self) -> bool {
        let Some(Leg::ToClient(good)) = self.post else { return false };
        self.post = None;
        if good {
            self.client.handle_posted()
        } else {
            self.client.handle_request_failed()
        }
        true
    }

    fn upgraded(&mut self) -> bool {
        let Some(Leg::ToClient(good)) = self.websocket else { return false };
        self.websocket = None;
        if good && self.to_client.is_some() {
            self.client.handle_websocket_open(self.now);
        } else {
            self.client.handle_websocket_closed(true);
        }
        true
    }

    fn client_transmits(&mut self) -> bool {
        // The client's end is open once it has been told so.
        if self.to_client.is_none() || self.websocket.is_some() {
            return false;
        }
        match self.client.poll_transmit() {
            None => return false,
            Some(Transmit::Frame(frame)) => {
                if let Some(frames) = &mut self.to_server {
                    frames.push_back(frame);
                }
            }
            Some(Transmit::Close) => {
                self.to_client = None;
                while self.op(Op::Frame(Side::Server)) {}
                self.notice();
            }
        }
        true
    }

    fn server_transmits(&mut self) -> bool {
        if self.to_server.is_none() {
            return false;
        }
        match self.server.poll_transmit() {
            None => return false,
            Some(Transmit::Frame(frame)) => {
                if let Some(frames) = &mut self.to_client {
                    frames.push_back(frame);
                }
            }
            Some(Transmit::Close) => {
                self.to_server = None;
                if self.websocket.is_none() {
                    while self.op(Op::Frame(Side::Client)) {}
                    self.client.handle_websocket_closed(false);
                }
                self.to_client = None;
            }
        }
        true
    }

    fn send(&mut self, side: Side) -> bool {
        let number = self.sent[side as usize];
        // Every third is binary, and long.
        let message: Message = match number % 3 {
            2 => Bytes::from(format!("{number:040}")).into(),
            _ => number.to_string().as_str().into(),
        };
        let result = match side {
            Side::Client => self.client.send(message.clone()),
            Side::Server => self.server.send(message.clone()),
        };
        self.sent[side as usize] += usize::from(result.is_ok());
        result.is_ok()
    }

    fn cut(&mut self) -> bool {
        // After `5` the websocket is the session: cutting it would end both.
        if self.client.transport() == Transport::Websocket || self.to_client.is_none() {
            return false;
        }
        self.to_client = None;
        self.to_server.iter_mut().for_each(VecDeque::clear);
        if self.websocket.is_none() {
            self.client.handle_websocket_closed(true);
        }
        true
    }

    /// Tells the server that the client's end is closed.
    fn notice(&mut self) -> bool {
        let hears = self.to_client.is_none() && self.to_server.take().is_some();
        if hears {
            self.server.handle_websocket_closed(false);
        }
        hears
    }

    fn close(&mut self, side: Side) -> bool {
        self.closed[side as usize] = true;
        match side {
            Side::Client => {
                self.excused |= self.client.handshake().is_none();
                self.client.close(self.now);
            }
            Side::Server => self.server.close(self.now),
        }
        true
    }

    fn events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            self.event(Side::Client, event);
        }
        while let Some(event) = self.server.poll_event() {
            self.event(Side::Server, event);
        }
    }

    fn event(&mut self, side: Side, event: Event) {
        assert_eq!(self.ended[side as usize], None, "{event:?} after the end");
        match event {
            Event::Message(message) => {
                let number = self.received[side as usize];
                self.received[side as usize] += 1;
                let bytes = match &message {
                    Message::Text(text) => text.as_bytes(),
                    Message::Binary(data) => data,
                };
                let text = std::str::from_utf8(bytes).expect("what was sent");
                assert_eq!(text.parse(), Ok(number), "lost, twice or out of order");
            }
            Event::Closed(reason) => {
                let why = self.excused || self.is_closing();
                assert!(why, "{side:?} ended without a reason: {reason}");
                self.ended[side as usize] = Some(reason);
            }
            Event::Open(_) => assert_eq!(side, Side::Client),
            Event::Upgraded => assert!(self.upgrades),
        }
    }

    fn is_closing(&self) -> bool {
        self.closed.contains(&true)
    }

    /// Lets everything arrive without time passing; then nothing may be missing.
    fn settle(&mut self) {
        const DELIVERIES: [Op; 13] = [
            Op::Notice,
            Op::Request,
            Op::Get,
            Op::Post,
            Op::Upgrade,
            Op::Answer,
            Op::Got,
            Op::Posted,
            Op::Upgraded,
            Op::Transmit(Side::Client),
            Op::Transmit(Side::Server),
            Op::Frame(Side::Client),
            Op::Frame(Side::Server),
        ];
        let mut rounds = 0;
        loop {
            let mut moved = false;
            for op in DELIVERIES {
                moved |= self.op(op);
                self.events();
            }
            if !moved {
                break;
            }
            rounds += 1;
            assert!(rounds < 100 + self.sent[0] + self.sent[1], "they never come to rest");
        }
        let [client_got, server_got] = self.received;
        let [client_sent, server_sent] = self.sent;
        assert!(server_got <= client_sent && client_got <= server_sent);
        // A close in the middle of an upgrade may lose its race.
        if self.excused || (self.upgrades && self.is_closing()) {
            return;
        }
        if !self.closed[Side::Server as usize] {
            assert_eq!(server_got, client_sent, "the server misses some");
        }
        if !self.closed[Side::Client as usize] {
            assert_eq!(client_got, server_sent, "the client misses some");
        }
        let [client_ended, server_ended] = self.ended.clone().map(|reason| reason.is_some());
        assert_eq!(client_ended, self.is_closing());
        assert_eq!(server_ended, self.is_closing());
    }
}
