//! The session, server role. [spec: HTTP long-polling, WebSocket, Upgrade, Heartbeat]
//!
//! ```text
//! link          GET               POST              websocket attached   frame               timer
//! POLLING       hold              deliver           -> PROBING           -                   -
//! PROBING       hold              deliver           refuse it            2probe -> PROBED    upgrade -> POLLING
//!                                                                        other -> POLLING
//! PROBED        hold, `6` at once deliver           refuse it            5 -> WEBSOCKET      upgrade -> POLLING
//!                                                                        other -> POLLING
//! WEBSOCKET     refuse, code 3    refuse, code 3    refuse it            deliver             -
//! ```
//! A websocket that is lost in PROBING or PROBED leaves the polling session as it was. Heartbeat
//! timers belong to the session, not to the link: a peer that stops answering in the middle of an
//! upgrade is timed out like any other.
//!
//! ```text
//! phase         close()           peer's `1`        error, lost link     close timer
//! OPEN          -> CLOSING        -> CLOSED         -> CLOSED            -
//! CLOSING       stay              -> CLOSED         -> CLOSED            -> CLOSED
//! CLOSED        stay              stay              stay                 -
//! ```
//! CLOSING drains the outbox; the application has been told `Closed` already. In CLOSED a held GET
//! is still answered (`1`, or `6` when the peer closed) and a websocket is still closed; then
//! [`Session::is_finished`]. A client that closes by POST often has a GET on its way: for a second
//! one GET is answered `6` as if it had been held, so that the order of arrival does not matter.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::inbox::Inbox;
use super::outbox::Outbox;
use super::timer::{Timer, Timers};
use super::{
    CloseReason, Event, Frame, Handshake, Limits, Message, Packet, PacketError, RequestError,
    SendError, Sid, Time, Transport, payload,
};

/// Configuration of sessions in the server role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Time from a pong to the next ping. Default 25 s. Sent to the client in milliseconds.
    pub ping_interval: Duration,
    /// Time the client has to answer a ping. Default 20 s. Sent to the client in milliseconds.
    pub ping_timeout: Duration,
    /// Time a websocket has from its attachment to the end of the upgrade. Default 10 s.
    /// When it is over the websocket is closed and the session goes on polling.
    pub upgrade_timeout: Duration,
    /// Time the client has to take the last packets after [`Session::close`]. Default 30 s.
    pub close_timeout: Duration,
    /// Whether a polling session may move to websocket. Default true.
    pub upgrades: bool,
    /// Limits.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(30),
            upgrades: true,
            limits: Limits::default(),
        }
    }
}

/// What is to be done on the websocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Send this frame.
    Frame(Frame),
    /// Send what was given so far, then close the websocket.
    Close,
}

/// One session in the server role.
///
/// Methods `handle_*` are the world's, plain verbs the application's; `poll_*` are answers, to be
/// taken until `None` after each call of the others.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    sid: Sid,
    link: Link,
    phase: Phase,
    poll: Poll,
    /// A POST's body is being read.
    posting: bool,
    /// A ping waits; it goes before every message.
    ping: bool,
    /// The websocket is to be closed.
    hang_up: bool,
    /// The open packet, until it is sent.
    open: Option<Packet>,
    outbox: Outbox,
    inbox: Inbox,
    timers: Timers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Polling,
    /// A websocket is attached; `true` while `3probe` is to be sent.
    Probing,
    Probed {
        answer: bool,
    },
    Websocket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closing,
    Closed,
}

#[derive(Debug, PartialEq, Eq)]
enum Poll {
    Idle,
    /// A GET waits for something to send. One that came while closing is told `6` before the `1`,
    /// as the reference does.
    Held {
        noop: bool,
    },
    /// A GET is to be answered by this last packet.
    Farewell(Packet),
    /// The client closed while its next GET was on the way: that one is still answered.
    Owed,
}

impl Session {
    /// A new session, about to send its open packet. On polling the handshake's own GET is held.
    pub fn new(sid: Sid, transport: Transport, config: Arc<Config>, now: Time) -> Self {
        let link = match transport {
            Transport::Polling => Link::Polling,
            Transport::Websocket => Link::Websocket,
        };
        let upgrades = if link == Link::Polling && config.upgrades {
            vec![Transport::Websocket]
        } else {
            Vec::new()
        };
        let handshake = Handshake {
            sid,
            upgrades,
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            max_payload: config.limits.max_payload,
        };
        let mut timers = Timers::default();
        timers.set(Timer::Ping, now + config.ping_interval);
        Self {
            sid,
            link,
            phase: Phase::Open,
            poll: if link == Link::Polling { HELD } else { Poll::Idle },
            posting: false,
            ping: false,
            hang_up: false,
            open: Some(Packet::Open(handshake.to_json())),
            outbox: Outbox::new(config.limits.outbox_packets, config.limits.outbox_bytes),
            inbox: Inbox::default(),
            timers,
            config,
        }
    }

    /// The session's id.
    pub fn sid(&self) -> Sid {
        self.sid
    }

    /// What messages travel on now.
    pub fn transport(&self) -> Transport {
        match self.link {
            Link::Polling | Link::Probing | Link::Probed { .. } => Transport::Polling,
            Link::Websocket => Transport::Websocket,
        }
    }

    // The world speaks.

    /// A GET arrived. It is held until [`Session::poll_payload`] answers it.
    ///
    /// # Errors
    /// [`RequestError::SidUnknown`] when the session is over, [`RequestError::BadRequest`] when it
    /// is not polling; also when a GET is held already, which closes the session: one id has two
    /// owners.
    pub fn handle_poll(&mut self, _now: Time) -> Result<(), RequestError> {
        if self.poll == Poll::Owed {
            self.timers.stop(Timer::Close);
            self.poll = Poll::Farewell(Packet::Noop);
            return Ok(());
        }
        self.check_polling()?;
        if self.poll != Poll::Idle {
            self.end(CloseReason::TransportError, Packet::Close);
            return Err(RequestError::BadRequest);
        }
        self.poll = Poll::Held { noop: self.phase == Phase::Closing };
        Ok(())
    }

    /// The connection of the held GET, or of its answer, was lost.
    pub fn handle_poll_aborted(&mut self) {
        self.poll = Poll::Idle;
        if self.link != Link::Websocket {
            self.end(CloseReason::TransportError, Packet::Close);
        }
    }

    /// A POST arrived; its body follows by [`Session::handle_payload`].
    ///
    /// # Errors
    /// [`RequestError::SidUnknown`] when the session is over, [`RequestError::BadRequest`] when it
    /// is not polling; also when another POST is being read, which closes the session.
    pub fn handle_post(&mut self) -> Result<(), RequestError> {
        self.check_polling()?;
        if self.posting {
            self.end(CloseReason::TransportError, Packet::Close);
            return Err(RequestError::BadRequest);
        }
        self.posting = true;
        Ok(())
    }

    /// The POST was answered without a payload: its body was too large.
    pub fn handle_post_refused(&mut self) {
        self.posting = false;
    }

    /// The connection of the POST was lost before its body was complete.
    pub fn handle_post_aborted(&mut self) {
        self.posting = false;
        self.end(CloseReason::TransportError, Packet::Close);
    }

    /// The POST's whole body.
    ///
    /// # Errors
    /// The [`PacketError`] that closed the session; messages before the fault are delivered.
    pub fn handle_payload(&mut self, now: Time, body: Bytes) -> Result<(), PacketError> {
        self.posting = false;
        for packet in payload::decode(body, self.config.limits.max_payload_packets) {
            packet.and_then(|packet| self.handle_packet(now, packet)).inspect_err(|error| {
                self.end(CloseReason::ParseError(error.clone()), Packet::Close);
            })?;
        }
        Ok(())
    }

    /// A websocket with this session's id is attached, to be probed.
    ///
    /// # Errors
    /// [`RequestError::SidUnknown`] when the session is over; [`RequestError::BadRequest`] when
    /// upgrades are off, one is under way or done: the caller closes that websocket, the session
    /// is not touched.
    pub fn handle_upgrade(&mut self, now: Time) -> Result<(), RequestError> {
        if self.phase == Phase::Closed {
            return Err(RequestError::SidUnknown);
        }
        if self.phase != Phase::Open
            || self.link != Link::Polling
            || self.hang_up
            || !self.config.upgrades
        {
            return Err(RequestError::BadRequest);
        }
        self.link = Link::Probing;
        self.timers.set(Timer::Upgrade, now + self.config.upgrade_timeout);
        Ok(())
    }

    /// A frame arrived on the websocket.
    ///
    /// # Errors
    /// The [`PacketError`] that closed the session, or, while probing, the websocket alone.
    pub fn handle_frame(&mut self, now: Time, frame: Frame) -> Result<(), PacketError> {
        let packet = frame.into_packet();
        match (self.link, packet) {
            (Link::Polling, _) => Ok(()),
            (Link::Probing, Ok(Packet::PingProbe)) => {
                self.link = Link::Probed { answer: true };
                Ok(())
            }
            (Link::Probed { .. }, Ok(Packet::Upgrade)) => {
                self.link = Link::Websocket;
                self.timers.stop(Timer::Upgrade);
                self.dismiss_poll(Packet::Noop);
                self.inbox.push(Event::Upgraded);
                Ok(())
            }
            (Link::Probing | Link::Probed { .. }, packet) => {
                let error = packet.map_or_else(|e| e, |p| self.unexpected(&p));
                self.drop_probe();
                Err(error)
            }
            (Link::Websocket, packet) => {
                packet.and_then(|packet| self.handle_packet(now, packet)).inspect_err(|error| {
                    self.end(CloseReason::ParseError(error.clone()), Packet::Close);
                })
            }
        }
    }

    /// The websocket is gone: closed by the peer, or `failed`.
    pub fn handle_websocket_closed(&mut self, failed: bool) {
        self.hang_up = false;
        match self.link {
            Link::Polling => {}
            Link::Probing | Link::Probed { .. } => self.drop_probe(),
            Link::Websocket => {
                let reason =
                    if failed { CloseReason::TransportError } else { CloseReason::TransportClose };
                self.end(reason, Packet::Noop);
            }
        }
        self.hang_up = false;
    }

    /// A deadline passed.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((timer, at)) = self.timers.expired(now) {
            match timer {
                Timer::Ping => {
                    self.ping = true;
                    // Exact to the deadline, unless this side was late itself: that is not the
                    // client's fault.
                    let sent = if now < at + LATE { at } else { now };
                    self.timers.set(Timer::Pong, sent + self.config.ping_timeout);
                }
                Timer::Pong => self.end(CloseReason::PingTimeout, Packet::Close),
                Timer::Upgrade => self.drop_probe(),
                Timer::Close if self.poll == Poll::Owed => self.poll = Poll::Idle,
                Timer::Close => self.end(CloseReason::ForcedClose, Packet::Close),
            }
        }
    }

    // The application speaks.

    /// Queues messages, all or none.
    ///
    /// # Errors
    /// [`SendError::Full`] when the outbox has no room, [`SendError::Closed`] after the end.
    pub fn send<'a, I>(&mut self, messages: I) -> Result<(), SendError>
    where
        I: IntoIterator<Item = &'a Message>,
        I::IntoIter: Clone,
    {
        if self.phase != Phase::Open {
            return Err(SendError::Closed);
        }
        Ok(self.outbox.push(messages)?)
    }

    /// Ends the session when what waits is sent, at the latest after `close_timeout`.
    pub fn close(&mut self, now: Time) {
        if self.phase != Phase::Open {
            return;
        }
        self.phase = Phase::Closing;
        self.timers.stop_all();
        self.timers.set(Timer::Close, now + self.config.close_timeout);
        self.ping = false;
        if self.link != Link::Websocket {
            self.drop_probe();
        }
        self.inbox.push(Event::Closed(CloseReason::ForcedClose));
    }

    // The machine answers.

    /// The body for the held GET, when there is something to send.
    pub fn poll_payload(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.poll, Poll::Idle) {
            Poll::Idle => None,
            Poll::Owed => {
                self.poll = Poll::Owed;
                None
            }
            Poll::Farewell(packet) => {
                let mut body = Vec::new();
                packet.write_polling(&mut body);
                Some(body.into())
            }
            Poll::Held { noop } => {
                let body = self.payload(noop);
                if body.is_none() {
                    self.poll = Poll::Held { noop };
                }
                body
            }
        }
    }

    /// What to do next on the websocket.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if self.hang_up {
            self.hang_up = false;
            return Some(Transmit::Close);
        }
        let frame = match self.link {
            Link::Polling | Link::Probing | Link::Probed { answer: false } => return None,
            Link::Probed { answer: true } => {
                self.link = Link::Probed { answer: false };
                Packet::PongProbe.into_frame()
            }
            Link::Websocket => match self.next_packet() {
                Some(packet) => packet.into_frame(),
                None if self.phase == Phase::Closing => {
                    self.end(CloseReason::ForcedClose, Packet::Close);
                    self.hang_up = false;
                    return Some(Transmit::Close);
                }
                None => return None,
            },
        };
        Some(Transmit::Frame(frame))
    }

    /// What the application is to know next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.inbox.pop()
    }

    /// When to call [`Session::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Whether [`Session::poll_payload`] has an answer.
    pub fn has_payload(&self) -> bool {
        match self.poll {
            Poll::Idle | Poll::Owed => false,
            Poll::Farewell(_) => true,
            Poll::Held { .. } => {
                matches!(self.link, Link::Probed { .. })
                    || self.phase == Phase::Closing
                    || self.has_packet()
            }
        }
    }

    /// Whether [`Session::poll_transmit`] has an answer.
    pub fn has_transmit(&self) -> bool {
        self.hang_up
            || match self.link {
                Link::Polling | Link::Probing => false,
                Link::Probed { answer } => answer,
                Link::Websocket => self.has_packet() || self.phase == Phase::Closing,
            }
    }

    /// Whether the websocket is to be closed even if it takes no frame now.
    pub fn wants_hang_up(&self) -> bool {
        self.hang_up
    }

    /// Whether an event waits for [`Session::poll_event`].
    pub fn has_event(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Whether the world may read on: the application keeps up.
    pub fn wants_input(&self) -> bool {
        self.inbox.wants_input(&self.config.limits)
    }

    /// Whether the outbox is at most half full.
    pub fn has_room(&self) -> bool {
        self.outbox.has_room()
    }

    /// Whether messages can still be sent.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether nothing is left to do, on any connection; the session can be forgotten.
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Closed && self.poll == Poll::Idle && !self.hang_up
    }

    fn handle_packet(&mut self, now: Time, packet: Packet) -> Result<(), PacketError> {
        match packet {
            // Packets behind a close are dropped, as in the reference.
            _ if self.phase == Phase::Closed => {}
            Packet::Message(message) => {
                if self.phase == Phase::Open {
                    self.inbox.push(Event::Message(message));
                }
            }
            Packet::Pong | Packet::PongProbe => {
                if self.phase == Phase::Open {
                    self.timers.stop(Timer::Pong);
                    self.timers.set(Timer::Ping, now + self.config.ping_interval);
                }
            }
            Packet::Close => {
                let owed = self.poll == Poll::Idle && self.link != Link::Websocket;
                self.end(CloseReason::TransportClose, Packet::Noop);
                if owed {
                    self.poll = Poll::Owed;
                    self.timers.set(Timer::Close, now + OWED);
                }
            }
            Packet::Upgrade | Packet::Noop => {}
            Packet::Open(_) | Packet::Ping | Packet::PingProbe => {
                return Err(self.unexpected(&packet));
            }
        }
        Ok(())
    }

    fn check_polling(&self) -> Result<(), RequestError> {
        match (self.phase, self.link) {
            (Phase::Closed, _) => Err(RequestError::SidUnknown),
            (_, Link::Websocket) => Err(RequestError::BadRequest),
            _ => Ok(()),
        }
    }

    fn has_packet(&self) -> bool {
        self.open.is_some() || self.ping || !self.outbox.is_empty()
    }

    /// What goes next on the transport in use.
    fn next_packet(&mut self) -> Option<Packet> {
        if let Some(open) = self.open.take() {
            return Some(open);
        }
        if std::mem::take(&mut self.ping) {
            return Some(Packet::Ping);
        }
        self.outbox.pop().map(Packet::Message)
    }

    /// A payload of all that waits, as far as `max_payload` allows.
    fn payload(&mut self, noop: bool) -> Option<Bytes> {
        let mut encoder = payload::Encoder::new(self.config.limits.max_payload);
        while let Some(packet) = self.next_fitting(&encoder) {
            encoder.push(packet);
        }
        let probed = matches!(self.link, Link::Probed { .. });
        if self.phase == Phase::Closing && self.outbox.is_empty() {
            if encoder.is_empty() && noop {
                encoder.push(Packet::Noop);
            }
            // Without room for it, it goes with the next GET.
            if encoder.fits(&Packet::Close) {
                encoder.push(Packet::Close);
                self.end(CloseReason::ForcedClose, Packet::Close);
            }
        } else if encoder.is_empty() && probed {
            encoder.push(Packet::Noop);
        }
        (!encoder.is_empty()).then(|| encoder.finish())
    }

    fn next_fitting(&mut self, encoder: &payload::Encoder) -> Option<Packet> {
        if self.open.is_none() && !self.ping {
            let front = self.outbox.front()?;
            // A clone of a message shares its bytes.
            if !encoder.fits(&Packet::Message(front.clone())) {
                return None;
            }
        }
        self.next_packet()
    }

    /// Answers the held GET, if there is one, by this packet.
    fn dismiss_poll(&mut self, packet: Packet) {
        if matches!(self.poll, Poll::Held { .. }) {
            self.poll = Poll::Farewell(packet);
        }
    }

    /// Back to polling alone.
    fn drop_probe(&mut self) {
        if matches!(self.link, Link::Probing | Link::Probed { .. }) {
            self.link = Link::Polling;
            self.hang_up = true;
            self.timers.stop(Timer::Upgrade);
        }
    }

    /// The end. A held GET is answered by `farewell`.
    fn end(&mut self, reason: CloseReason, farewell: Packet) {
        if self.phase == Phase::Closed {
            return;
        }
        self.drop_probe();
        if self.phase == Phase::Open {
            self.inbox.push(Event::Closed(reason));
        }
        self.phase = Phase::Closed;
        self.hang_up |= self.link == Link::Websocket;
        self.dismiss_poll(farewell);
        self.timers.stop_all();
        self.outbox.clear();
        self.ping = false;
        self.open = None;
    }

    fn unexpected(&self, packet: &Packet) -> PacketError {
        let state = match self.link {
            Link::Polling => "polling",
            Link::Probing => "waiting for a probe",
            Link::Probed { .. } => "waiting for an upgrade",
            Link::Websocket => "on websocket",
        };
        PacketError::Unexpected { packet: packet.name(), state }
    }
}

/// How long a closed session answers a GET that was on its way.
const OWED: Duration = Duration::from_secs(1);

/// How late a timer may fire without a deadline that follows from it moving too.
const LATE: Duration = Duration::from_millis(50);

const HELD: Poll = Poll::Held { noop: false };
