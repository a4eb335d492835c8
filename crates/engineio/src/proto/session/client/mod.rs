//! The session, client role. [spec: HTTP long-polling, WebSocket, Upgrade, Heartbeat]
//!
//! ```text
//! link        GET                POST              websocket
//! POLLING     one at a time      one at a time     asked for once -> PROBING
//! PROBING     one at a time      one at a time     open: `2probe`; `3probe` -> PAUSING; lost -> POLLING
//! PAUSING     none new           none new          none in flight: `5` -> WEBSOCKET; lost -> POLLING
//! WEBSOCKET   none               none              all packets
//! ```
//! ```text
//! phase       open packet   close()      peer's `1`   error, lost link   timer
//! OPENING     -> OPEN       -> CLOSED    error        -> CLOSED          -> CLOSED
//! OPEN        error         -> CLOSING   -> CLOSED    -> CLOSED          no ping in time -> CLOSED
//! CLOSING     error         stay         -> CLOSED    -> CLOSED          -> CLOSED
//! CLOSED      stay          stay         stay         stay               -
//! ```
//! CLOSING drains the outbox, then sends `1` on polling or closes the websocket. The server pings; a
//! ping that does not come within `pingInterval + pingTimeout` ends the session.
//!
//! `input.rs` holds what the world tells a session, `output.rs` what the session answers.

mod input;
mod output;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::queues::{Inbox, Outbox};
use super::timers::{Timer, Timers};
use super::{Event, Limits, Outgoing, SendError, Time};
use crate::proto::{CloseReason, Handshake, Message, Packet, PacketError, Sid, Transport};

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

/// One session in the client role.
///
/// Methods `handle_*` are called by the world, plain verbs by the application. After each of them
/// take the answers, `poll_*`, until they are `None`.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    handshake: Option<Handshake>,
    link: Link,
    phase: Phase,
    /// A GET is under way.
    getting: bool,
    /// A POST is under way.
    posting: bool,
    /// The close packet is in that POST.
    said_close: bool,
    /// [`Request::Websocket`] is to be asked for.
    wants_websocket: bool,
    /// The websocket is to be closed.
    hang_up: bool,
    /// The probe is to be sent.
    probe: bool,
    /// A pong is to be sent. It goes before every message.
    pong: bool,
    outbox: Outbox,
    inbox: Inbox,
    timers: Timers,
    reason: Option<CloseReason>,
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
    /// A new session. On websocket the driver opens the connection itself, before or after this.
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
            outbox: Outbox::new(&config.limits),
            inbox: Inbox::default(),
            timers,
            reason: None,
            config,
        }
    }

    /// The server's handshake, once it has arrived.
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

    /// Queues messages, all or none. Before the handshake they wait for it.
    ///
    /// # Errors
    /// [`SendError::Full`] when the outbox has no room, [`SendError::Closed`] after the end.
    pub fn send<'a>(&mut self, messages: impl Into<Outgoing<'a>>) -> Result<(), SendError> {
        self.check_open()?;
        Ok(self.outbox.push(messages.into())?)
    }

    /// Queues messages from the first on while there is room, and drops the rest. Returns how many
    /// were queued. Before the handshake they wait for it.
    ///
    /// # Errors
    /// [`SendError::Closed`] after the end.
    pub fn send_some(&mut self, messages: Vec<Message>) -> Result<usize, SendError> {
        self.check_open()?;
        Ok(self.outbox.push_some(messages))
    }

    fn check_open(&self) -> Result<(), SendError> {
        if self.is_open() { Ok(()) } else { Err(SendError::Closed) }
    }

    /// Ends the session once everything queued is sent, at the latest after `timeout`. Before the
    /// handshake it ends at once and drops everything queued.
    pub fn close(&mut self, now: Time) {
        match self.phase {
            Phase::Opening => self.end(CloseReason::ForcedClose),
            Phase::Open => {
                self.phase = Phase::Closing;
                self.timers.stop_all();
                self.timers.set(Timer::Close, now + self.config.timeout);
                self.drop_probe();
                self.tell_closed(CloseReason::ForcedClose);
            }
            Phase::Closing | Phase::Closed => {}
        }
    }

    /// Ends the session at once and drops everything queued.
    pub fn discard(&mut self) {
        self.end(CloseReason::ForcedClose);
    }

    /// Whether messages can still be sent. Before the handshake they can: they wait for it.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Opening | Phase::Open)
    }

    /// Why the session is over, or about to be.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.reason.as_ref()
    }

    /// Whether nothing is left to do.
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Closed && !self.hang_up
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
            self.tell_closed(reason);
        }
        self.phase = Phase::Closed;
        self.hang_up |= self.link == Link::Websocket;
        self.timers.stop_all();
        self.outbox.clear();
        self.pong = false;
    }

    fn tell_closed(&mut self, reason: CloseReason) {
        self.reason = Some(reason.clone());
        self.inbox.push(Event::Closed(reason));
    }
}

fn unexpected(packet: &Packet, state: &'static str) -> PacketError {
    PacketError::Unexpected { packet: packet.name(), state }
}
