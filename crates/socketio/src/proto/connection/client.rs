//! The client role: this side asks to join namespaces, the server answers. [spec: Packet types]
//!
//! ```text
//! state of a namespace   CONNECT           CONNECT_ERROR    EVENT, ACK   DISCONNECT
//! (none)                 ignore            ignore           ignore       ignore
//! CONNECTING             -> JOINED, yield  -> (none), yield yield        -> (none), yield
//! JOINED                 error             error            yield        -> (none), yield
//!
//! the application: connect     (none) -> CONNECTING, sends 40 and the auth data
//!                  disconnect  CONNECTING, JOINED -> (none), sends 41
//! ```
//!
//! Packets for a namespace that this side has left, or was refused, may still be on their way: they
//! are ignored, as by the reference's client. Attachments are gathered in every state, since
//! the binary messages come all the same. An error closes the whole connection.

use std::borrow::Cow;
use std::sync::Arc;

use engineio::proto::{Message, Time};
use serde::Deserialize;

use super::{Incoming, Read, States, unexpected};
use crate::proto::{
    Args, Body, ConnectionConfig, Encoded, Error, NamespaceName, Packet, PeerError, RawJson, encode,
};

/// What a message of the server means to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The server let this side in.
    Connect {
        /// The namespace.
        namespace: NamespaceName,
        /// The id of this side's socket.
        sid: String,
        /// The private id by which the session may be recovered, if the server keeps sessions.
        pid: Option<String>,
    },
    /// The server refused the CONNECT.
    ConnectError {
        /// The namespace.
        namespace: NamespaceName,
        /// An object with `message` and, if there is some, `data`; a string from old servers.
        data: RawJson,
    },
    /// A named emission. May come before the server's answer to the CONNECT: keep it until then.
    Event {
        /// The namespace.
        namespace: NamespaceName,
        /// Name and arguments.
        args: Args,
        /// The id to answer, if the server awaits an ack.
        ack_id: Option<u64>,
    },
    /// The answer to an event. Nobody may be waiting for its id.
    Ack {
        /// The namespace.
        namespace: NamespaceName,
        /// The id that was sent.
        id: u64,
        /// Arguments.
        args: Args,
    },
    /// The server disconnected this side.
    Disconnect {
        /// The namespace.
        namespace: NamespaceName,
    },
}

/// The machine between a client's engine session and its application. Protocol v5.
///
/// It does not time the answer to a CONNECT: how long to wait is the application's to say. Events
/// and acks need no permission of the machine: encode them by [`encode`] once a namespace is joined.
///
/// ```
/// use std::sync::Arc;
/// use engineio::proto::Time;
/// use socketio::proto::{ClientConnection, ClientEvent, ConnectionConfig, NamespaceName};
/// let mut connection = ClientConnection::new(Arc::new(ConnectionConfig::default()));
/// let packet = connection.connect(&NamespaceName::default(), None).unwrap();
/// assert_eq!(&packet.text().wire()[..], b"40");
/// let event = connection.handle_message(Time::ZERO, r#"0{"sid":"x"}"#.into())?;
/// assert!(matches!(event, Some(ClientEvent::Connect { sid, .. }) if sid == "x"));
/// # Ok::<(), socketio::proto::Error>(())
/// ```
#[derive(Debug)]
pub struct ClientConnection {
    incoming: Incoming,
    namespaces: States<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Joined,
}

/// The data of the server's answer to a CONNECT.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow)]
    pid: Option<Cow<'a, str>>,
}

impl ClientConnection {
    /// A connection that has joined nothing.
    pub fn new(config: Arc<ConnectionConfig>) -> Self {
        Self { incoming: Incoming::new(config, None), namespaces: States::default() }
    }

    /// Asks to join a namespace, with `auth`, an object, for the server; gives the packet to send.
    /// None when it is joined or asked for already.
    pub fn connect(&mut self, namespace: &NamespaceName, auth: Option<RawJson>) -> Option<Encoded> {
        if self.namespaces.of(namespace).is_some() {
            return None;
        }
        self.namespaces.insert(namespace.clone(), State::Connecting);
        let packet = Packet { namespace: namespace.clone(), body: Body::Connect { auth } };
        Some(encode::packet(&packet))
    }

    /// Leaves a namespace, or gives up joining it; gives the packet to send. None when it is
    /// neither joined nor asked for.
    pub fn disconnect(&mut self, namespace: &NamespaceName) -> Option<Encoded> {
        self.namespaces.of(namespace)?;
        self.namespaces.remove(namespace);
        Some(encode::disconnect(namespace))
    }

    /// Whether the server has let this side in.
    pub fn is_joined(&self, namespace: &NamespaceName) -> bool {
        self.namespaces.of(namespace) == Some(&State::Joined)
    }

    /// Whether [`ClientConnection::handle_message`] may look at `now`, as
    /// [`ServerConnection::asks_time`](super::ServerConnection::asks_time).
    pub fn asks_time(&self, message: &Message) -> bool {
        Incoming::asks_time(message)
    }

    /// Takes a message of the engine.
    ///
    /// # Errors
    /// [`Error::Peer`]: close the engine session. [`Misuse::Closed`](crate::proto::Misuse::Closed)
    /// for every message after that.
    pub fn handle_message(
        &mut self,
        now: Time,
        message: Message,
    ) -> Result<Option<ClientEvent>, Error> {
        self.incoming.check_open()?;
        let event = self.read(now, message);
        self.incoming.failed = event.is_err();
        Ok(event?)
    }

    /// Does what is due at `now`.
    ///
    /// # Errors
    /// [`Error::Peer`] when the attachments of a packet did not come in time: close the engine
    /// session.
    pub fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        let Incoming { config, reassembly, .. } = &mut self.incoming;
        let timeout = reassembly.handle_timeout(now, config);
        self.incoming.failed |= timeout.is_err();
        Ok(timeout?)
    }

    /// When [`ClientConnection::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.incoming.reassembly.poll_timeout().filter(|_| !self.incoming.failed)
    }

    fn read(&mut self, now: Time, message: Message) -> Result<Option<ClientEvent>, PeerError> {
        let namespaces = &self.namespaces;
        let packet = match self.incoming.read(message, |name| namespaces.known(name))? {
            Read::Attachment(packet) => packet,
            Read::Packet(announced, attachments) => {
                self.incoming.gather(now, announced, attachments)?
            }
        };
        packet.map_or(Ok(None), |packet| self.event(packet))
    }

    /// The table: what a packet means in the state of its namespace.
    fn event(&mut self, packet: Packet) -> Result<Option<ClientEvent>, PeerError> {
        let Packet { namespace, body } = packet;
        let Some(state) = self.namespaces.of_mut(&namespace) else { return Ok(None) };
        Ok(Some(match body {
            Body::Connect { .. } | Body::ConnectError { .. } if *state == State::Joined => {
                return Err(unexpected(body.name(), "its namespace is joined"));
            }
            Body::Connect { auth } => {
                let answer = auth.as_ref().and_then(|auth| auth.parse::<Answer<'_>>().ok());
                // A server of Socket.IO 2 sends none: it speaks another protocol.
                let Some(Answer { sid, pid }) = answer else {
                    return Err(PeerError::Payload { packet: "CONNECT", needs: "a sid" });
                };
                let (sid, pid) = (sid.into_owned(), pid.map(Cow::into_owned));
                *state = State::Joined;
                ClientEvent::Connect { namespace, sid, pid }
            }
            Body::ConnectError { data } => {
                self.namespaces.remove(&namespace);
                ClientEvent::ConnectError { namespace, data }
            }
            Body::Disconnect => {
                self.namespaces.remove(&namespace);
                ClientEvent::Disconnect { namespace }
            }
            Body::Event { args, ack_id } => ClientEvent::Event { namespace, args, ack_id },
            Body::Ack { id, args } => ClientEvent::Ack { namespace, id, args },
        }))
    }
}
