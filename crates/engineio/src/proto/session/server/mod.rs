//! The session, server role. [spec: HTTP long-polling, WebSocket, Upgrade, Heartbeat]
//!
//! ```text
//! link          GET               POST              websocket attached   frame               timer
//! POLLING       hold              deliver           -> PROBING           -                   -
//! PROBING       hold              deliver           refuse it            2probe -> PROBED    upgrade -> POLLING
//!                                                                        5 -> WEBSOCKET
//!                                                                        other -> POLLING
//! PROBED        hold, `6` at once deliver           refuse it            5 -> WEBSOCKET      upgrade -> POLLING
//!                                                                        other -> POLLING
//! WEBSOCKET     refuse, code 3    refuse, code 3    refuse it            deliver             -
//! ```
//! Losing the websocket in PROBING or PROBED leaves the polling session as it was. Heartbeat timers
//! belong to the session, not to the link: a peer that stops answering in the middle of an upgrade
//! is timed out like any other.
//!
//! ```text
//! phase         close()           peer's `1`        error, lost link     close timer
//! OPEN          -> CLOSING        -> CLOSED         -> CLOSED            -
//! CLOSING       stay              -> CLOSED         -> CLOSED            -> CLOSED
//! CLOSED        stay              stay              stay                 -
//! ```
//! In protocol 4 the server pings and waits for the pong. In protocol 3 the client pings and each
//! ping is answered; a ping that does not come within `ping_interval + ping_timeout` ends the
//! session.
//!
//! The application is told `Closed` on the way into CLOSING. CLOSING then drains the outbox; in
//! PROBED it first waits for the upgrade to end. In CLOSED a held GET is still answered (by `1`, or
//! by `6` when the peer closed) and a websocket is still closed; then [`Session::is_finished`]. A
//! client that closes by POST often has its next GET on the way. For one second such a GET is
//! answered `6` as if it had been held, so that the order of arrival does not matter.
//!
//! `input.rs` holds what the world tells a session, `output.rs` what the session answers.

mod input;
mod output;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::framing::Framing;
use super::queues::{Inbox, Outbox};
use super::timers::{Timer, Timers};
use super::{Event, Limits, Outgoing, SendError, Tally, Time};
use crate::proto::{
    CloseReason, Handshake, Message, Packet, PacketError, Protocol, Sid, Transport,
};

/// Configuration of sessions in the server role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Time from a pong to the next ping. Default 25 s. Sent to the client in milliseconds.
    /// In protocol 3, the time after which the client pings.
    pub ping_interval: Duration,
    /// Time the client has to answer a ping. Default 20 s. Sent to the client in milliseconds.
    pub ping_timeout: Duration,
    /// Time a websocket has from its attachment to the end of the upgrade. Default 10 s.
    /// After it the websocket is closed and the session goes on polling.
    pub upgrade_timeout: Duration,
    /// Time the client has to take the last packets after [`Session::close`]. Default 30 s.
    pub close_timeout: Duration,
    /// Whether a polling session may move to websocket. Default true.
    pub upgrades: bool,
    /// Most websockets attached for an upgrade in the life of one session. Default 8.
    /// One more is opened and closed at once, as in the reference, and the session goes on polling.
    pub max_probes: u32,
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
            max_probes: 8,
            limits: Limits::default(),
        }
    }
}

/// One session in the server role.
///
/// Methods `handle_*` are called by the world, plain verbs by the application. After each of them
/// take the answers, `poll_*`, until they are `None`.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    sid: Sid,
    framing: Framing,
    link: Link,
    phase: Phase,
    get: HeldGet,
    /// A POST's body is being read.
    posting: bool,
    /// A ping, or in protocol 3 a pong, that waits to be sent. It goes before every message. There
    /// is room for one: a client that pings without reading gets one pong for all its pings.
    heartbeat: Option<Packet>,
    /// Websockets attached so far.
    probes: u32,
    /// The websocket is to be closed.
    hang_up: bool,
    /// The open packet in its wire form, until it is sent.
    open: Option<Bytes>,
    outbox: Outbox,
    /// The payload that is being made, or was made last, holds a packet that may be compressed.
    compress: bool,
    inbox: Inbox,
    timers: Timers,
    reason: Option<CloseReason>,
    tally: Tally,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Polling,
    /// A websocket is attached; `2probe` has not come.
    Probing,
    /// `2probe` has come; `answer` while `3probe` is to be sent.
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
enum HeldGet {
    /// No GET waits.
    None,
    /// A GET waits for something to send. With `noop` it came while the session was closing: the
    /// reference tells such a GET `6` before the `1`.
    Held { noop: bool },
    /// A GET waits, and this last packet answers it.
    Farewell(Packet),
    /// No GET waits, but the client closed while its next GET was on the way: that one is answered.
    Owed,
}

impl Session {
    /// A new session of protocol 4, about to send its open packet. On polling, the GET of the
    /// handshake counts as held.
    pub fn new(sid: Sid, transport: Transport, config: Arc<Config>, now: Time) -> Self {
        let framing = Framing { protocol: Protocol::V4, base64: false, websocket_base64: false };
        Self::with_framing(sid, transport, framing, config, now)
    }

    /// A new session of protocol 3, otherwise like [`Session::new`]. With `base64`, binary data is
    /// sent as base64 because the client cannot read it otherwise.
    pub fn new_v3(
        sid: Sid,
        transport: Transport,
        base64: bool,
        config: Arc<Config>,
        now: Time,
    ) -> Self {
        let framing = Framing { protocol: Protocol::V3, base64, websocket_base64: base64 };
        Self::with_framing(sid, transport, framing, config, now)
    }

    fn with_framing(
        sid: Sid,
        transport: Transport,
        framing: Framing,
        config: Arc<Config>,
        now: Time,
    ) -> Self {
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
        let mut session = Self {
            sid,
            framing,
            link,
            phase: Phase::Open,
            get: if link == Link::Polling { HELD } else { HeldGet::None },
            posting: false,
            heartbeat: None,
            probes: 0,
            hang_up: false,
            open: Some(handshake.to_wire()),
            outbox: Outbox::new(&config.limits),
            compress: true,
            inbox: Inbox::default(),
            timers: Timers::default(),
            reason: None,
            tally: Tally::default(),
            config,
        };
        session.expect_heartbeat(now);
        session
    }

    /// The session's id.
    pub fn sid(&self) -> Sid {
        self.sid
    }

    /// The protocol the client speaks.
    pub fn protocol(&self) -> Protocol {
        self.framing.protocol
    }

    /// What messages travel on now.
    pub fn transport(&self) -> Transport {
        match self.link {
            Link::Polling | Link::Probing | Link::Probed { .. } => Transport::Polling,
            Link::Websocket => Transport::Websocket,
        }
    }

    // The application speaks.

    /// Queues messages, all or none.
    ///
    /// # Errors
    /// [`SendError::Full`] when the outbox has no room, [`SendError::Closed`] after the end.
    pub fn send<'a>(&mut self, messages: impl Into<Outgoing<'a>>) -> Result<(), SendError> {
        self.check_open()?;
        Ok(self.outbox.push(messages.into())?)
    }

    /// Queues messages from the first on while there is room, and drops the rest. Returns how many
    /// were queued.
    ///
    /// # Errors
    /// [`SendError::Closed`] after the end.
    pub fn send_some(&mut self, messages: Vec<Message>) -> Result<usize, SendError> {
        self.check_open()?;
        Ok(self.outbox.push_some(messages))
    }

    fn check_open(&self) -> Result<(), SendError> {
        if self.phase == Phase::Open { Ok(()) } else { Err(SendError::Closed) }
    }

    /// Ends the session once everything queued is sent, at the latest after `close_timeout`.
    pub fn close(&mut self, now: Time) {
        if self.phase != Phase::Open {
            return;
        }
        self.phase = Phase::Closing;
        // After its probe an upgrade goes on: the client may have stopped polling already, and gets
        // what is queued once it is on the websocket.
        if self.link == Link::Probing {
            self.drop_probe();
        }
        self.timers.stop(Timer::Ping);
        self.timers.stop(Timer::Pong);
        self.timers.set(Timer::Close, now + self.config.close_timeout);
        self.heartbeat = None;
        self.tell_closed(CloseReason::ForcedClose);
    }

    /// Ends the session at once and drops everything queued.
    pub fn discard(&mut self) {
        self.end(CloseReason::ForcedClose, Packet::Close);
    }

    /// Whether messages can still be sent.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Why the session is over, or about to be.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.reason.as_ref()
    }

    /// Takes the figures counted since they were last taken.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Whether nothing is left to do on any connection: the session can be forgotten.
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Closed && self.get == HeldGet::None && !self.hang_up
    }

    /// Has this packet answer the held GET, if there is one.
    fn dismiss_get(&mut self, packet: Packet) {
        if matches!(self.get, HeldGet::Held { .. }) {
            self.get = HeldGet::Farewell(packet);
        }
    }

    /// Gives the upgrade up: back to polling alone.
    fn drop_probe(&mut self) {
        if matches!(self.link, Link::Probing | Link::Probed { .. }) {
            self.link = Link::Polling;
            self.hang_up = true;
            self.tally.failed_upgrades += 1;
            self.timers.stop(Timer::Upgrade);
        }
    }

    /// Ends the session. A held GET is answered by `farewell`.
    fn end(&mut self, reason: CloseReason, farewell: Packet) {
        if self.phase == Phase::Closed {
            return;
        }
        self.drop_probe();
        if self.phase == Phase::Open {
            self.tell_closed(reason);
        }
        self.phase = Phase::Closed;
        self.hang_up |= self.link == Link::Websocket;
        self.dismiss_get(farewell);
        self.timers.stop_all();
        self.outbox.clear();
        self.heartbeat = None;
        self.open = None;
    }

    fn tell_closed(&mut self, reason: CloseReason) {
        self.reason = Some(reason.clone());
        self.inbox.push(Event::Closed(reason));
    }

    /// Starts the time until the next heartbeat: this side's ping, or in protocol 3 the client's.
    fn expect_heartbeat(&mut self, now: Time) {
        let Config { ping_interval, ping_timeout, .. } = *self.config;
        match self.framing.protocol {
            Protocol::V4 => self.timers.set(Timer::Ping, now + ping_interval),
            Protocol::V3 => self.timers.set(Timer::Pong, now + ping_interval + ping_timeout),
        }
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

const HELD: HeldGet = HeldGet::Held { noop: false };
