//! One connection: the namespaces of one engine session, server role. [spec: Packet types]
//!
//! ```text
//! state of a namespace   CONNECT        EVENT, ACK   DISCONNECT        binary, text
//! (none)                 -> CONNECTING  error        error             as `Reassembly` says,
//! CONNECTING             error (1)      yield        yield -> (none)   whatever the state
//! JOINED                 error (1)      yield        yield -> (none)
//! LEFT                   -> CONNECTING  ignore       ignore -> (none)
//!
//! the application: accept   CONNECTING -> JOINED, sends 40{sid}
//!                  refuse   CONNECTING -> (none), sends 44
//!                  disconnect   JOINED -> LEFT, sends 41
//! ```
//! (1) Once, after an implicit connect: answered with the same `40{sid}`.
//!
//! CONNECT_ERROR is an error in every state. An error closes the whole connection, as in the
//! reference. LEFT is ours: packets that were on their way when this side left are no fault.

mod event;
mod states;
mod table;
#[cfg(test)]
mod tests;
mod version;

use std::sync::Arc;

#[cfg(feature = "msgpack")]
use bytes::Bytes;
use engineio::proto::{Message, Text, Time};

pub use self::event::{Event, Events};
use self::states::States;
pub use self::version::Version;
use super::parser::{Announced, parse_with};
use super::{
    Body, Config, Encoded, Error, Misuse, Namespace, Packet, PeerError, RawJson, Reassembly, encode,
};
#[cfg(feature = "msgpack")]
use super::{Codec, msgpack};

/// The machine between an engine session and the application.
///
/// The world speaks through `handle_message` and `handle_timeout`; the application answers a
/// [`Event::Connect`] with `accept` or `refuse`; the machine asks for time by `poll_timeout` and
/// has what it sends by itself in `poll_transmit`.
///
/// ```
/// use std::sync::Arc;
/// use engineio::proto::Time;
/// use socketio::proto::{Config, Connection, Event};
/// let mut connection = Connection::new(Arc::new(Config::default()), Time::ZERO);
/// for event in connection.handle_message(Time::ZERO, "0".into())? {
///     let Event::Connect { namespace, .. } = event else { continue };
///     let answer = connection.accept(&namespace, "wZX3oN0bSVIhsaknAAAI").unwrap();
///     assert_eq!(&answer.text().wire()[..], br#"40{"sid":"wZX3oN0bSVIhsaknAAAI"}"#);
/// }
/// # Ok::<(), socketio::proto::Error>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    version: Version,
    /// Those of `config`, where the version asks for others.
    limits: Option<Box<Config>>,
    namespaces: States,
    reassembly: Reassembly,
    /// Until the first namespace is joined.
    connect_deadline: Option<Time>,
    /// Apart, for most connections never have one.
    transmit: Option<Box<Encoded>>,
    /// No message came yet.
    fresh: bool,
    failed: bool,
}

#[derive(Debug)]
enum State {
    /// CONNECT came, the application has not answered.
    Connecting {
        /// Nobody sent the CONNECT; one that comes later is no second one.
        implicit: bool,
    },
    Joined {
        /// The answer for the CONNECT that may follow an implicit one.
        again: Option<Box<Encoded>>,
    },
    /// This side sent DISCONNECT; the peer may not know.
    Left,
}

impl Connection {
    /// A connection of protocol v5 whose engine session opened at `now`.
    pub fn new(config: Arc<Config>, now: Time) -> Self {
        Self::with_version(config, Version::V5, now)
    }

    /// As [`Connection::new`], of any version. Ask [`Connection::open`] first.
    pub fn with_version(config: Arc<Config>, version: Version, now: Time) -> Self {
        Self {
            connect_deadline: Some(now + config.connect_timeout),
            limits: version.limits(&config).map(Box::new),
            version,
            config,
            namespaces: States::default(),
            reassembly: Reassembly::default(),
            transmit: None,
            fresh: true,
            failed: false,
        }
    }

    /// The namespace that a client of v4 joins by opening the connection: `/`.
    pub fn open(&mut self) -> Option<Event> {
        if self.version != Version::V4 || self.namespaces.len() > 0 {
            return None;
        }
        let namespace = Namespace::default();
        // Clients of other makes send a CONNECT all the same.
        self.namespaces.insert(namespace.clone(), State::Connecting { implicit: true });
        Some(Event::Connect { namespace, auth: None })
    }

    /// Whether [`Connection::handle_message`] may look at `now`: for a packet whose attachments must
    /// come in time. Any time does for the others.
    pub fn asks_time(&self, message: &Message) -> bool {
        match message {
            Message::Text(text) => matches!(text.as_bytes().first(), Some(b'5' | b'6')),
            Message::Binary(_) => true,
        }
    }

    /// Takes a message of the engine.
    ///
    /// # Errors
    /// [`Error::Peer`]: close the engine session. [`Misuse::Closed`] for every message behind
    /// that.
    pub fn handle_message(&mut self, now: Time, message: Message) -> Result<Events, Error> {
        if self.failed {
            return Err(Misuse::Closed.into());
        }
        #[cfg(feature = "msgpack")]
        let is_packed = self.config.codec == Codec::MessagePack;
        let events = match message {
            #[cfg(feature = "msgpack")]
            Message::Binary(packet) if is_packed => self.packed(now, &packet),
            #[cfg(feature = "msgpack")]
            Message::Text(text) if is_packed => Err(PeerError::UnexpectedText { len: text.len() }),
            Message::Text(text) => self.text(now, &text),
            Message::Binary(data) => {
                let packet = self.reassembly.handle_binary(data, &self.config);
                packet.and_then(|packet| self.events(None, packet))
            }
        };
        self.fresh = false;
        self.failed = events.is_err();
        Ok(events?)
    }

    /// Does what is due at `now`.
    ///
    /// # Errors
    /// [`Error::Peer`] when no namespace was joined, or a packet not completed, in time: close the
    /// engine session.
    pub fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        let timeout = self.reassembly.handle_timeout(now, &self.config).and_then(|()| {
            match self.connect_deadline.take_if(|at| *at <= now) {
                Some(_) => Err(PeerError::ConnectTimeout { within: self.config.connect_timeout }),
                None => Ok(()),
            }
        });
        self.failed |= timeout.is_err();
        Ok(timeout?)
    }

    /// When [`Connection::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        let deadlines = [self.connect_deadline, self.reassembly.poll_timeout()];
        deadlines.into_iter().flatten().min().filter(|_| !self.failed)
    }

    /// What the machine sends by itself: the second answer after an implicit connect. Ask after
    /// each message.
    pub fn poll_transmit(&mut self) -> Option<Encoded> {
        self.transmit.take().map(|answer| *answer)
    }

    /// Lets the client join; send the answer before anything else in this namespace. None when it
    /// waits no more.
    pub fn accept(&mut self, namespace: &Namespace, sid: &str) -> Option<Encoded> {
        self.accept_with_pid(namespace, sid, None)
    }

    /// As [`Connection::accept`], with the private id by which the client may recover its session.
    pub fn accept_with_pid(
        &mut self,
        namespace: &Namespace,
        sid: &str,
        pid: Option<&str>,
    ) -> Option<Encoded> {
        let state = self.namespaces.of_mut(namespace)?;
        let State::Connecting { implicit } = *state else { return None };
        let answer = self.version.accept(namespace, sid, pid);
        *state = State::Joined { again: implicit.then(|| Box::new(answer.clone())) };
        self.connect_deadline = None;
        Some(answer)
    }

    /// Does not let the client join; gives the answer to send. None when it waits no more.
    ///
    /// `message` is for the client's eyes, [`INVALID_NAMESPACE`](encode::INVALID_NAMESPACE) for a
    /// namespace that does not exist.
    pub fn refuse(
        &mut self,
        namespace: &Namespace,
        message: &str,
        data: Option<&RawJson>,
    ) -> Option<Encoded> {
        let state = self.namespaces.of(namespace)?;
        let State::Connecting { .. } = state else { return None };
        self.namespaces.remove(namespace);
        Some(self.version.refuse(namespace, message, data))
    }

    /// Makes the client leave; gives the packet to send. None when it has not joined.
    pub fn disconnect(&mut self, namespace: &Namespace) -> Option<Encoded> {
        let state = self.namespaces.of_mut(namespace)?;
        let State::Joined { .. } = state else { return None };
        *state = State::Left;
        Some(encode::disconnect(namespace))
    }

    /// Whether the client has joined.
    pub fn is_joined(&self, namespace: &Namespace) -> bool {
        matches!(self.namespaces.of(namespace), Some(State::Joined { .. }))
    }

    /// The namespaces the client has joined.
    pub fn joined(&self) -> impl Iterator<Item = &Namespace> {
        let joined = |state: &State| matches!(state, State::Joined { .. });
        self.namespaces.iter().filter(move |(_, state)| joined(state)).map(|(name, _)| name)
    }

    /// A whole packet in one message.
    #[cfg(feature = "msgpack")]
    fn packed(&mut self, now: Time, packet: &Bytes) -> Result<Events, PeerError> {
        let (known, limits) = (&self.namespaces, self.limits.as_deref().unwrap_or(&self.config));
        let name = |name: &str| known.known(name).unwrap_or_else(|| Namespace::from_checked(name));
        if let Some(packet) = msgpack::plain(packet, limits, name) {
            return self.announced(now, Announced { packet, attachments: 0 });
        }
        let (text, attachments) = msgpack::decode(packet, &self.config)?;
        let mut events = self.text(now, &text)?;
        for attachment in attachments {
            let packet = self.reassembly.handle_binary(attachment, &self.config)?;
            events.second = packet.map_or(Ok(None), |packet| self.event(packet))?;
        }
        Ok(events)
    }

    fn text(&mut self, now: Time, text: &Text) -> Result<Events, PeerError> {
        self.reassembly.check_text()?;
        let known = &self.namespaces;
        let limits = self.limits.as_deref().unwrap_or(&self.config);
        let announced = parse_with(text, limits, |name| {
            known.known(name).unwrap_or_else(|| Namespace::from_checked(name))
        })?;
        self.announced(now, announced)
    }

    fn announced(&mut self, now: Time, announced: Announced) -> Result<Events, PeerError> {
        let Packet { namespace, body } = &announced.packet;
        let is_event = matches!(body, Body::Event { .. });
        let implicit = self.fresh && self.config.implicit_connect;
        let connect = if implicit && is_event && namespace.is_root() {
            Some(Box::new(self.connect(namespace.clone(), None, true)?))
        } else {
            None
        };
        // Before attachments are collected for a packet that nobody takes.
        if announced.attachments > 0 {
            self.is_welcome(&announced.packet)?;
        }
        let packet = self.reassembly.handle_text(now, announced, &self.config)?;
        self.events(connect, packet)
    }

    fn events(
        &mut self,
        first: Option<Box<Event>>,
        packet: Option<Packet>,
    ) -> Result<Events, PeerError> {
        let second = packet.map_or(Ok(None), |packet| self.event(packet))?;
        Ok(Events { first, second })
    }
}
