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
//! In protocol 4 the server pings and waits for the pong; in protocol 3 the client pings, each ping
//! is answered, and one that does not come within both times ends the session.
//!
//! CLOSING drains the outbox, and in PROBED waits before that for the end of the upgrade; the
//! application has been told `Closed` already. In CLOSED a held GET is still answered (`1`, or `6`
//! when the peer closed) and a websocket is still closed; then [`Session::is_finished`]. A client
//! that closes by POST often has a GET on its way: for a second one GET is answered `6` as if it had
//! been held, so that the order of arrival does not matter.

mod answer;
mod config;
mod world;

use std::sync::Arc;

use bytes::Bytes;

pub use config::Config;

use super::framing::Framing;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::timer::{Timer, Timers};
use super::{
    CloseReason, Event, Frame, Handshake, Message, Packet, PacketError, Protocol, SendError, Sid,
    Tally, Time, Transport,
};

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
    framing: Framing,
    link: Link,
    phase: Phase,
    poll: Poll,
    /// A POST's body is being read.
    posting: bool,
    /// A ping, or in protocol 3 a pong, waits; it goes before every message. A client that pings
    /// without reading is owed one pong.
    heartbeat: Option<Packet>,
    /// Websockets attached so far.
    probes: u32,
    /// The websocket is to be closed.
    hang_up: bool,
    /// The open packet as it travels, until it is sent.
    open: Option<Bytes>,
    outbox: Outbox,
    /// Something that may be compressed was taken out since a payload was begun.
    compress: bool,
    inbox: Inbox,
    timers: Timers,
    reason: Option<CloseReason>,
    tally: Tally,
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
    /// A new session of protocol 4, about to send its open packet. On polling the handshake's own
    /// GET is held.
    pub fn new(sid: Sid, transport: Transport, config: Arc<Config>, now: Time) -> Self {
        let framing = Framing { protocol: Protocol::V4, base64: false, websocket_base64: false };
        Self::with_framing(sid, transport, framing, config, now)
    }

    /// As [`Session::new`], of protocol 3. With `base64` the client reads no binary data.
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
            poll: if link == Link::Polling { HELD } else { Poll::Idle },
            posting: false,
            heartbeat: None,
            probes: 0,
            hang_up: false,
            open: Some(handshake.to_wire()),
            outbox: Outbox::new(config.limits.outbox_packets, config.limits.outbox_bytes),
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
    pub fn send<'a, I>(&mut self, messages: I) -> Result<(), SendError>
    where
        I: IntoIterator<Item = &'a Message>,
        I::IntoIter: Clone,
    {
        self.send_with(messages, true)
    }

    /// As [`Session::send`]; a payload that holds nothing else is not to be compressed, which
    /// [`Session::may_compress`] tells.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn send_uncompressed<'a, I>(&mut self, messages: I) -> Result<(), SendError>
    where
        I: IntoIterator<Item = &'a Message>,
        I::IntoIter: Clone,
    {
        self.send_with(messages, false)
    }

    /// As [`Session::send`], of one message that is given away.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn send_one(&mut self, message: Message) -> Result<(), SendError> {
        self.check_open()?;
        Ok(self.outbox.push_one(message)?)
    }

    /// As [`Session::send`], of messages that are given away.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn send_owned(&mut self, messages: Vec<Message>) -> Result<(), SendError> {
        self.check_open()?;
        Ok(self.outbox.push_owned(messages)?)
    }

    /// Queues messages from the first on while there is room; the rest is dropped. How many it
    /// queued.
    ///
    /// # Errors
    /// [`SendError::Closed`] after the end.
    pub fn send_some(&mut self, messages: Vec<Message>) -> Result<usize, SendError> {
        self.check_open()?;
        Ok(self.outbox.push_some(messages))
    }

    fn send_with<'a, I>(&mut self, messages: I, compress: bool) -> Result<(), SendError>
    where
        I: IntoIterator<Item = &'a Message>,
        I::IntoIter: Clone,
    {
        self.check_open()?;
        Ok(self.outbox.push_with(messages, compress)?)
    }

    fn check_open(&self) -> Result<(), SendError> {
        if self.phase == Phase::Open { Ok(()) } else { Err(SendError::Closed) }
    }

    /// Ends the session when what waits is sent, at the latest after `close_timeout`.
    pub fn close(&mut self, now: Time) {
        if self.phase != Phase::Open {
            return;
        }
        self.phase = Phase::Closing;
        // Behind its probe an upgrade goes on: the client may have stopped to poll, and gets what
        // waits when it is done.
        if self.link == Link::Probing {
            self.drop_probe();
        }
        self.timers.stop(Timer::Ping);
        self.timers.stop(Timer::Pong);
        self.timers.set(Timer::Close, now + self.config.close_timeout);
        self.heartbeat = None;
        self.tell_closed(CloseReason::ForcedClose);
    }

    /// Ends the session at once. What waits is dropped.
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

    /// Takes the figures that were counted since the last time.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Whether nothing is left to do, on any connection; the session can be forgotten.
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Closed && self.poll == Poll::Idle && !self.hang_up
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
            self.tally.failed_upgrades += 1;
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
            self.tell_closed(reason);
        }
        self.phase = Phase::Closed;
        self.hang_up |= self.link == Link::Websocket;
        self.dismiss_poll(farewell);
        self.timers.stop_all();
        self.outbox.clear();
        self.heartbeat = None;
        self.open = None;
    }

    fn tell_closed(&mut self, reason: CloseReason) {
        self.reason = Some(reason.clone());
        self.inbox.push(Event::Closed(reason));
    }

    /// Starts the heartbeat's time anew: until this side's ping, or the client's at the latest.
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

const HELD: Poll = Poll::Held { noop: false };
