//! The session, client role. [spec: HTTP long-polling, WebSocket, Upgrade, Heartbeat]
//!
//! ```text
//! link        GET                POST              websocket
//! POLLING     one at a time      one at a time     asked for once -> PROBING
//! PROBING     one at a time      one at a time     open: `2probe`; `3probe` -> PAUSING; lost -> POLLING
//! PAUSING     none new           none new          none in flight: `5` -> WEBSOCKET; lost -> POLLING
//! WEBSOCKET   none               none              all packets
//! ```
//! Phases are OPENING (until the open packet), OPEN, CLOSING (the outbox drains, then `1`) and
//! CLOSED. The server pings; a ping that does not come within `pingInterval + pingTimeout` ends
//! the session.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::inbox::Inbox;
use super::outbox::Outbox;
use super::server::Transmit;
use super::timer::{Timer, Timers};
use super::{
    CloseReason, Event, Frame, Handshake, Limits, Message, Packet, PacketError, SendError, Sid,
    Time, Transport, TransportFault, payload,
};

/// Configuration of sessions in the client role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether to move from polling to websocket when the server offers it. Default true.
    pub upgrade: bool,
    /// Time the handshake, and later the last packets, may take. Default 20 s.
    pub timeout: Duration,
    /// Time an upgrade may take; then the session goes on polling. Default 10 s.
    pub upgrade_timeout: Duration,
    /// Limits. `max_payload` bounds what the server may send; what this side sends is bounded by
    /// the handshake.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            upgrade: true,
            timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            limits: Limits::default(),
        }
    }
}

/// What is to be done over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A GET; without `sid` it is the handshake. Answer by [`Session::handle_payload`].
    Get {
        /// The session, once there is one.
        sid: Option<Sid>,
    },
    /// A POST with this body. Answer by [`Session::handle_posted`].
    Post {
        /// The session.
        sid: Sid,
        /// The payload.
        body: Bytes,
    },
    /// Open a websocket for this session. Answer by [`Session::handle_websocket_open`].
    Websocket {
        /// The session.
        sid: Sid,
    },
}

/// One session in the client role. Methods as in the server role.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    handshake: Option<Handshake>,
    link: Link,
    phase: Phase,
    getting: bool,
    posting: bool,
    /// The close packet is in a POST.
    said_close: bool,
    /// The websocket to probe is to be asked for.
    wants_websocket: bool,
    hang_up: bool,
    /// The probe is to be sent.
    probe: bool,
    /// A pong waits; it goes before every message.
    pong: bool,
    outbox: Outbox,
    inbox: Inbox,
    timers: Timers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Polling,
    Probing,
    Pausing,
    Websocket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Open,
    Closing,
    Closed,
}

impl Session {
    /// A new session. On websocket the driver has opened the connection, or will.
    pub fn new(transport: Transport, config: Arc<Config>, now: Time) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::Close, now + config.timeout);
        Self {
            handshake: None,
            link: match transport {
                Transport::Polling => Link::Polling,
                Transport::Websocket => Link::Websocket,
            },
            phase: Phase::Opening,
            getting: false,
            posting: false,
            said_close: false,
            wants_websocket: false,
            hang_up: false,
            probe: false,
            pong: false,
            outbox: Outbox::new(config.limits.outbox_packets, config.limits.outbox_bytes),
            inbox: Inbox::default(),
            timers,
            config,
        }
    }

    /// The handshake, once it arrived.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// What messages travel on now.
    pub fn transport(&self) -> Transport {
        match self.link {
            Link::Websocket => Transport::Websocket,
            _ => Transport::Polling,
        }
    }

    // The world speaks.

    /// The body that answered the GET.
    ///
    /// # Errors
    /// The [`PacketError`] that closed the session; messages before the fault are delivered.
    pub fn handle_payload(&mut self, now: Time, body: Bytes) -> Result<(), PacketError> {
        self.getting = false;
        for packet in payload::decode(body, self.config.limits.max_payload_packets) {
            packet.and_then(|packet| self.handle_packet(now, packet)).inspect_err(|error| {
                self.end(CloseReason::ParseError(error.clone()));
            })?;
        }
        Ok(())
    }

    /// The POST was answered `ok`.
    pub fn handle_posted(&mut self) {
        self.posting = false;
        if self.said_close {
            self.end(CloseReason::ForcedClose);
        }
    }

    /// A GET or a POST failed, or was answered by an error.
    pub fn handle_request_failed(&mut self) {
        self.getting = false;
        self.posting = false;
        if self.link != Link::Websocket {
            self.end(CloseReason::TransportError(TransportFault::RequestFailed));
        }
    }

    /// The websocket that was asked for is open.
    pub fn handle_websocket_open(&mut self, now: Time) {
        if self.link == Link::Polling && self.phase == Phase::Open {
            self.link = Link::Probing;
            self.probe = true;
            self.timers.set(Timer::Upgrade, now + self.config.upgrade_timeout);
        } else if self.link != Link::Websocket {
            self.hang_up = true;
        }
    }

    /// A frame arrived on the websocket.
    ///
    /// # Errors
    /// The [`PacketError`] that closed the session, or, while probing, the websocket alone.
    pub fn handle_frame(&mut self, now: Time, frame: Frame) -> Result<(), PacketError> {
        match (self.link, frame.into_packet()) {
            (Link::Polling, _) => Ok(()),
            (Link::Probing, Ok(Packet::PongProbe)) => {
                self.link = Link::Pausing;
                Ok(())
            }
            (Link::Probing | Link::Pausing, packet) => {
                self.drop_probe();
                Err(packet.map_or_else(|e| e, |p| unexpected(&p, "probing")))
            }
            (Link::Websocket, packet) => {
                packet.and_then(|packet| self.handle_packet(now, packet)).inspect_err(|error| {
                    self.end(CloseReason::ParseError(error.clone()));
                })
            }
        }
    }

    /// The websocket is gone, or could not be opened: closed by the peer, or `failed`.
    pub fn handle_websocket_closed(&mut self, failed: bool) {
        match self.link {
            Link::Polling => {}
            Link::Probing | Link::Pausing => self.drop_probe(),
            Link::Websocket => self.end(if failed {
                CloseReason::TransportError(TransportFault::Websocket)
            } else {
                CloseReason::TransportClose
            }),
        }
        self.hang_up = false;
    }

    /// A deadline passed.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((timer, _)) = self.timers.expired(now) {
            match timer {
                Timer::Ping | Timer::Pong => self.end(CloseReason::PingTimeout),
                Timer::Upgrade => self.drop_probe(),
                Timer::Close if self.phase == Phase::Closing => self.end(CloseReason::ForcedClose),
                Timer::Close => {
                    self.end(CloseReason::TransportError(TransportFault::HandshakeTimeout));
                }
            }
        }
    }

    // The application speaks.

    /// Queues messages, all or none. Before the handshake they wait for it.
    ///
    /// # Errors
    /// [`SendError::Full`] when the outbox has no room, [`SendError::Closed`] after the end.
    pub fn send<'a, I>(&mut self, messages: I) -> Result<(), SendError>
    where
        I: IntoIterator<Item = &'a Message>,
        I::IntoIter: Clone,
    {
        match self.phase {
            Phase::Opening | Phase::Open => Ok(self.outbox.push(messages)?),
            Phase::Closing | Phase::Closed => Err(SendError::Closed),
        }
    }

    /// Ends the session when what waits is sent, at the latest after `timeout`. Before the
    /// handshake it ends at once, and what waits is dropped.
    pub fn close(&mut self, now: Time) {
        match self.phase {
            Phase::Opening => self.end(CloseReason::ForcedClose),
            Phase::Open => {
                self.phase = Phase::Closing;
                self.timers.stop_all();
                self.timers.set(Timer::Close, now + self.config.timeout);
                self.drop_probe();
                self.inbox.push(Event::Closed(CloseReason::ForcedClose));
            }
            Phase::Closing | Phase::Closed => {}
        }
    }

    // The machine answers.

    /// What to do next over HTTP.
    pub fn poll_request(&mut self) -> Option<Request> {
        if self.phase == Phase::Closed || self.link == Link::Websocket {
            return None;
        }
        let Some(handshake) = &self.handshake else {
            let first = !std::mem::replace(&mut self.getting, true);
            return first.then_some(Request::Get { sid: None });
        };
        let (sid, max) = (handshake.sid, handshake.max_payload);
        if std::mem::take(&mut self.wants_websocket) {
            return Some(Request::Websocket { sid });
        }
        if self.link == Link::Pausing {
            return None;
        }
        if !self.posting
            && let Some(body) = self.payload(max)
        {
            self.posting = true;
            return Some(Request::Post { sid, body });
        }
        let get = self.phase == Phase::Open && !std::mem::replace(&mut self.getting, true);
        get.then_some(Request::Get { sid: Some(sid) })
    }

    /// What to do next on the websocket.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if std::mem::take(&mut self.hang_up) {
            return Some(Transmit::Close);
        }
        let packet = match self.link {
            Link::Polling => return None,
            Link::Probing if std::mem::take(&mut self.probe) => Packet::PingProbe,
            Link::Probing => return None,
            Link::Pausing if self.getting || self.posting => return None,
            Link::Pausing => {
                self.link = Link::Websocket;
                self.timers.stop(Timer::Upgrade);
                self.inbox.push(Event::Upgraded);
                Packet::Upgrade
            }
            Link::Websocket if self.handshake.is_none() => return None,
            Link::Websocket => match self.next_packet() {
                Some(packet) => packet,
                None if self.phase == Phase::Closing => {
                    self.end(CloseReason::ForcedClose);
                    self.hang_up = false;
                    return Some(Transmit::Close);
                }
                None => return None,
            },
        };
        Some(Transmit::Frame(packet.into_frame()))
    }

    /// What the application is to know next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.inbox.pop()
    }

    /// When to call [`Session::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Whether the world may read on: the application keeps up.
    pub fn wants_input(&self) -> bool {
        self.inbox.wants_input(&self.config.limits)
    }

    /// Whether nothing is left to do.
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Closed && !self.hang_up
    }

    fn handle_packet(&mut self, now: Time, packet: Packet) -> Result<(), PacketError> {
        match (self.phase, packet) {
            (Phase::Closed, _) => {}
            (Phase::Opening, Packet::Open(json)) => self.open(now, Handshake::from_json(&json)?),
            (Phase::Opening, packet) => return Err(unexpected(&packet, "opening")),
            (_, Packet::Message(message)) => {
                if self.phase == Phase::Open {
                    self.inbox.push(Event::Message(message));
                }
            }
            (_, Packet::Ping | Packet::PingProbe) => {
                if self.phase == Phase::Open {
                    self.pong = true;
                    self.expect_ping(now);
                }
            }
            (_, Packet::Close) => self.end(CloseReason::TransportClose),
            (_, Packet::Noop | Packet::Pong | Packet::PongProbe) => {}
            (_, packet) => return Err(unexpected(&packet, "open")),
        }
        Ok(())
    }

    fn open(&mut self, now: Time, handshake: Handshake) {
        self.phase = Phase::Open;
        self.timers.stop(Timer::Close);
        self.wants_websocket = self.config.upgrade
            && self.link == Link::Polling
            && handshake.upgrades.contains(&Transport::Websocket);
        self.inbox.push(Event::Open(handshake.clone()));
        self.handshake = Some(handshake);
        self.expect_ping(now);
    }

    fn expect_ping(&mut self, now: Time) {
        if let Some(handshake) = &self.handshake {
            self.timers.set(Timer::Ping, now + handshake.ping_interval + handshake.ping_timeout);
        }
    }

    fn next_packet(&mut self) -> Option<Packet> {
        match std::mem::take(&mut self.pong) {
            true => Some(Packet::Pong),
            false => self.outbox.pop().map(Packet::Message),
        }
    }

    /// All that waits, as far as the server's `maxPayload` allows; the close packet last.
    fn payload(&mut self, max: usize) -> Option<Bytes> {
        let mut encoder = payload::Encoder::new(max);
        if std::mem::take(&mut self.pong) {
            encoder.push(Packet::Pong);
        }
        while let Some(front) = self.outbox.front() {
            let packet = Packet::Message(front.clone());
            if !encoder.fits(&packet) {
                break;
            }
            encoder.push(packet);
            self.outbox.pop();
        }
        let last = self.phase == Phase::Closing && self.outbox.is_empty();
        if last && encoder.fits(&Packet::Close) {
            encoder.push(Packet::Close);
            self.said_close = true;
        }
        (!encoder.is_empty()).then(|| encoder.finish())
    }

    fn drop_probe(&mut self) {
        if matches!(self.link, Link::Probing | Link::Pausing) {
            self.link = Link::Polling;
            self.probe = false;
            self.hang_up = true;
            self.timers.stop(Timer::Upgrade);
        }
    }

    fn end(&mut self, reason: CloseReason) {
        if self.phase == Phase::Closed {
            return;
        }
        self.drop_probe();
        if self.phase != Phase::Closing {
            self.inbox.push(Event::Closed(reason));
        }
        self.phase = Phase::Closed;
        self.hang_up |= self.link == Link::Websocket;
        self.timers.stop_all();
        self.outbox.clear();
        self.pong = false;
    }
}

fn unexpected(packet: &Packet, state: &'static str) -> PacketError {
    PacketError::Unexpected { packet: packet.name(), state }
}
