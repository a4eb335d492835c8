//! The server role: clients ask to join namespaces, the application answers. [spec: Packet types]
//!
//! ```text
//! state of a namespace   CONNECT        EVENT, ACK   DISCONNECT        binary, text
//! (none)                 -> CONNECTING  error        error             as `Reassembly` says,
//! CONNECTING             error (1)      yield        yield -> (none)   in every state
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
//! reference. LEFT is ours: packets that were on their way when this side left are not an error.

#[cfg(test)]
mod tests;
mod version;

use std::sync::Arc;

use engineio::proto::{Message, Time};

pub use self::version::Version;
use super::{Event, Events, Incoming, Read, States, unexpected};
use crate::proto::packet::Announced;
use crate::proto::{
    Body, ConnectionConfig, Encoded, Error, NamespaceName, Packet, PeerError, RawJson, encode,
};

/// The machine between an engine session and the application, server role.
///
/// Messages and timeouts come in by `handle_message` and `handle_timeout`. The application answers
/// an [`Event::Connect`] with `accept` or `refuse`. `poll_timeout` says when the machine needs the
/// time, `poll_transmit` returns what it sends by itself.
///
/// ```
/// use std::sync::Arc;
/// use engineio::proto::Time;
/// use socketio::proto::{ConnectionConfig, ServerConnection, Event};
/// let mut connection = ServerConnection::new(Arc::new(ConnectionConfig::default()), Time::ZERO);
/// for event in connection.handle_message(Time::ZERO, "0".into())? {
///     let Event::Connect { namespace, .. } = event else { continue };
///     let answer = connection.accept(&namespace, "wZX3oN0bSVIhsaknAAAI").unwrap();
///     assert_eq!(&answer.text().wire()[..], br#"40{"sid":"wZX3oN0bSVIhsaknAAAI"}"#);
/// }
/// # Ok::<(), socketio::proto::Error>(())
/// ```
#[derive(Debug)]
pub struct ServerConnection {
    version: Version,
    incoming: Incoming,
    namespaces: States<State>,
    /// The deadline for the first namespace to be joined; `None` once it is.
    connect_deadline: Option<Time>,
    /// Boxed: most connections never have one.
    transmit: Option<Box<Encoded>>,
    /// Whether no message came yet.
    fresh: bool,
}

#[derive(Debug)]
enum State {
    /// CONNECT came; the application has not answered yet.
    Connecting {
        /// The client did not send the CONNECT. If it sends one later, that is not a second one.
        implicit: bool,
    },
    Joined {
        /// The answer for the CONNECT that may follow an implicit one.
        again: Option<Box<Encoded>>,
    },
    /// This side sent DISCONNECT; the peer may not know yet.
    Left,
}

impl ServerConnection {
    /// Creates a connection of protocol v5, whose engine session opened at `now`.
    pub fn new(config: Arc<ConnectionConfig>, now: Time) -> Self {
        Self::with_version(config, Version::V5, now)
    }

    /// Like [`ServerConnection::new`], for any version. Call [`ServerConnection::open`] first.
    pub fn with_version(config: Arc<ConnectionConfig>, version: Version, now: Time) -> Self {
        Self {
            connect_deadline: Some(now + config.connect_timeout),
            incoming: Incoming::new(Arc::clone(&config), version.limits(&config).map(Box::new)),
            version,
            namespaces: States::default(),
            transmit: None,
            fresh: true,
        }
    }

    /// Returns the CONNECT for `/` that a client of v4 makes by opening the connection.
    pub fn open(&mut self) -> Option<Event> {
        if self.version != Version::V4 || self.namespaces.len() > 0 {
            return None;
        }
        let namespace = NamespaceName::default();
        // Some clients send a CONNECT nevertheless.
        self.namespaces.insert(namespace.clone(), State::Connecting { implicit: true });
        Some(Event::Connect { namespace, auth: None })
    }

    /// Whether [`ServerConnection::handle_message`] may read `now` for this message: the
    /// attachments of a packet have a deadline. For all other messages any time will do.
    pub fn asks_time(&self, message: &Message) -> bool {
        Incoming::asks_time(message)
    }

    /// Takes a message of the engine.
    ///
    /// # Errors
    /// [`Error::Peer`]: close the engine session. [`Misuse::Closed`](crate::proto::Misuse::Closed) for every
    /// message after that.
    pub fn handle_message(&mut self, now: Time, message: Message) -> Result<Events, Error> {
        self.incoming.check_open()?;
        let events = self.read(now, message);
        self.fresh = false;
        self.incoming.failed = events.is_err();
        Ok(events?)
    }

    /// Does what is due at `now`.
    ///
    /// # Errors
    /// [`Error::Peer`] when no namespace was joined, or a packet not completed, in time: close the
    /// engine session.
    pub fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        let Incoming { config, reassembly, .. } = &mut self.incoming;
        let timeout = reassembly.handle_timeout(now, config).and_then(|()| {
            match self.connect_deadline.take_if(|at| *at <= now) {
                Some(_) => Err(PeerError::ConnectTimeout { within: config.connect_timeout }),
                None => Ok(()),
            }
        });
        self.incoming.failed |= timeout.is_err();
        Ok(timeout?)
    }

    /// When [`ServerConnection::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        let deadlines = [self.connect_deadline, self.incoming.reassembly.poll_timeout()];
        deadlines.into_iter().flatten().min().filter(|_| !self.incoming.failed)
    }

    /// Returns what the machine sends by itself: the second answer after an implicit connect. Call
    /// it after each message.
    pub fn poll_transmit(&mut self) -> Option<Encoded> {
        self.transmit.take().map(|answer| *answer)
    }

    /// Lets the client join, and returns the answer. Send it before anything else in this
    /// namespace. `None` if the client does not wait for an answer any more.
    pub fn accept(&mut self, namespace: &NamespaceName, sid: &str) -> Option<Encoded> {
        self.accept_with_pid(namespace, sid, None)
    }

    /// Like [`ServerConnection::accept`], with the private id by which the client may recover its
    /// session.
    pub fn accept_with_pid(
        &mut self,
        namespace: &NamespaceName,
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

    /// Refuses the client, and returns the answer to send. `None` if the client does not wait for
    /// an answer any more.
    ///
    /// The client sees `message`. For a namespace that does not exist it is
    /// [`INVALID_NAMESPACE`](encode::INVALID_NAMESPACE).
    pub fn refuse(
        &mut self,
        namespace: &NamespaceName,
        message: &str,
        data: Option<&RawJson>,
    ) -> Option<Encoded> {
        let state = self.namespaces.of(namespace)?;
        let State::Connecting { .. } = state else { return None };
        self.namespaces.remove(namespace);
        Some(self.version.refuse(namespace, message, data))
    }

    /// Disconnects the client from a namespace, and returns the packet to send. `None` if it has
    /// not joined.
    pub fn disconnect(&mut self, namespace: &NamespaceName) -> Option<Encoded> {
        let state = self.namespaces.of_mut(namespace)?;
        let State::Joined { .. } = state else { return None };
        *state = State::Left;
        Some(encode::disconnect(namespace))
    }

    /// Whether the client has joined.
    pub fn is_joined(&self, namespace: &NamespaceName) -> bool {
        matches!(self.namespaces.of(namespace), Some(State::Joined { .. }))
    }

    /// The namespaces the client has joined.
    pub fn joined(&self) -> impl Iterator<Item = &NamespaceName> {
        let joined = |state: &State| matches!(state, State::Joined { .. });
        self.namespaces.iter().filter(move |(_, state)| joined(state)).map(|(name, _)| name)
    }

    fn read(&mut self, now: Time, message: Message) -> Result<Events, PeerError> {
        let namespaces = &self.namespaces;
        let (first, packet) = match self.incoming.read(message, |name| namespaces.known(name))? {
            Read::Attachment(packet) => (None, packet),
            Read::Packet(announced, attachments) => {
                let first = self.connect_implicitly(&announced)?;
                // Check first: no attachments are gathered for a packet that will be refused.
                if announced.attachments > 0 {
                    self.is_welcome(&announced.packet)?;
                }
                (first, self.incoming.gather(now, announced, attachments)?)
            }
        };
        let second = packet.map_or(Ok(None), |packet| self.event(packet))?;
        Ok(Events { first, second })
    }

    /// The CONNECT that is implied by an event for `/` as the first packet, where the configuration
    /// allows that.
    fn connect_implicitly(
        &mut self,
        announced: &Announced,
    ) -> Result<Option<Box<Event>>, PeerError> {
        let Packet { namespace, body } = &announced.packet;
        let is_event = matches!(body, Body::Event { .. });
        let is_implicit = self.fresh && self.incoming.config.implicit_connect;
        if !(is_implicit && is_event && namespace.is_root()) {
            return Ok(None);
        }
        Ok(Some(Box::new(self.connect(namespace.clone(), None, true)?)))
    }

    /// The table: what a packet means in the state of its namespace.
    fn event(&mut self, packet: Packet) -> Result<Option<Event>, PeerError> {
        let is_welcome = match packet.body {
            Body::Connect { .. } => true,
            _ => self.is_welcome(&packet)?,
        };
        let Packet { namespace, body } = packet;
        let event = match body {
            Body::Connect { auth } => return self.join(namespace, auth),
            Body::Disconnect => {
                self.namespaces.remove(&namespace);
                Event::Disconnect { namespace }
            }
            Body::Event { args, ack_id } => Event::Event { namespace, args, ack_id },
            Body::Ack { id, args } => Event::Ack { namespace, id, args },
            Body::ConnectError { .. } => {
                return Err(unexpected("CONNECT_ERROR", "it is for servers to send"));
            }
        };
        Ok(is_welcome.then_some(event))
    }

    /// The column of CONNECT.
    fn join(
        &mut self,
        namespace: NamespaceName,
        auth: Option<RawJson>,
    ) -> Result<Option<Event>, PeerError> {
        let (namespace, auth) = self.version.split(namespace, auth, &self.incoming.config)?;
        match self.namespaces.of_mut(&namespace) {
            None | Some(State::Left) => self.connect(namespace, auth, false).map(Some),
            Some(State::Connecting { implicit }) if *implicit => {
                *implicit = false;
                Ok(None)
            }
            Some(State::Joined { again }) if again.is_some() => {
                self.transmit = again.take();
                Ok(None)
            }
            Some(_) => Err(unexpected("CONNECT", "its namespace is taken")),
        }
    }

    /// Whether the application gets a packet for this namespace. An error if the packet must not
    /// come.
    fn is_welcome(&self, packet: &Packet) -> Result<bool, PeerError> {
        match self.namespaces.of(&packet.namespace) {
            Some(State::Connecting { .. } | State::Joined { .. }) => Ok(true),
            Some(State::Left) => Ok(false),
            None => Err(unexpected(packet.body.name(), "its namespace is not joined")),
        }
    }

    fn connect(
        &mut self,
        namespace: NamespaceName,
        auth: Option<RawJson>,
        implicit: bool,
    ) -> Result<Event, PeerError> {
        let max = self.incoming.config.max_namespaces;
        if self.namespaces.len() >= max && self.namespaces.of(&namespace).is_none() {
            // Make room by forgetting a namespace that was left. The only effect: a late packet for
            // it is an error again.
            let left = self.namespaces.iter().find(|(_, state)| matches!(state, State::Left));
            let Some(left) = left.map(|(name, _)| name.clone()) else {
                return Err(PeerError::TooManyNamespaces { count: self.namespaces.len() + 1, max });
            };
            self.namespaces.remove(&left);
        }
        self.namespaces.insert(namespace.clone(), State::Connecting { implicit });
        Ok(Event::Connect { namespace, auth })
    }
}
