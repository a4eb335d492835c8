//! A connection: which packet may come when, in which namespace. [spec: Packet types]
//!
//! What lives here: one pure machine per role, [`ServerConnection`] and [`ClientConnection`], each
//! with its table of states and packets at the start of its file. What both need stands in this
//! file: packets are read from messages ([`Incoming`]) and their attachments gathered
//! ([`Reassembly`]), and each namespace has a state. Messages of the engine and times come in; packets
//! to send and events for the application go out. After an error no message is taken any more.
//! Start reading at the table in `server`.

mod client;
mod server;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use engineio::proto::{Message, Text, Time};

pub use self::client::{ClientConnection, ClientEvent};
pub use self::server::{ServerConnection, Version};
use super::packet::{Announced, parse_with};
use super::{Args, ConnectionConfig, Misuse, NamespaceName, Packet, PeerError, RawJson};
#[cfg(feature = "msgpack")]
use super::{Codec, msgpack};

/// What a message of the client means to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client asks to join. Answer with [`accept`](ServerConnection::accept) or
    /// [`refuse`](ServerConnection::refuse).
    Connect {
        /// The namespace it asks for. It may not exist.
        namespace: NamespaceName,
        /// An object.
        auth: Option<RawJson>,
    },
    /// A named emission. May come before the application has answered the CONNECT: the application
    /// keeps it until then.
    Event {
        /// The namespace.
        namespace: NamespaceName,
        /// Name and arguments.
        args: Args,
        /// The id to answer, if the client awaits an ack.
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
    /// The client has left.
    Disconnect {
        /// The namespace it left.
        namespace: NamespaceName,
    },
}

/// The events of one message, at most two.
#[derive(Debug, Default)]
#[must_use]
pub struct Events {
    /// The event of an implicit connect, at most once in a connection.
    first: Option<Box<Event>>,
    second: Option<Event>,
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        match self.first.take() {
            Some(first) => Some(*first),
            None => self.second.take(),
        }
    }
}

/// Reads packets from the messages of the peer, and gathers their attachments.
#[derive(Debug)]
struct Incoming {
    config: Arc<ConnectionConfig>,
    /// The limits of packets, where they are not those of `config`.
    limits: Option<Box<ConnectionConfig>>,
    reassembly: Reassembly,
    failed: bool,
}

/// What one message of the engine holds.
enum Read {
    /// A packet, and those of its attachments that came in the same message.
    Packet(Announced, Vec<Bytes>),
    /// An attachment; with the packet that it completes.
    Attachment(Option<Packet>),
}

impl Incoming {
    fn new(config: Arc<ConnectionConfig>, limits: Option<Box<ConnectionConfig>>) -> Self {
        Self { config, limits, reassembly: Reassembly::default(), failed: false }
    }

    /// Refuses everything after an error.
    fn check_open(&self) -> Result<(), Misuse> {
        if self.failed { Err(Misuse::Closed) } else { Ok(()) }
    }

    /// Reads a message. `known` gives the namespace of a name that was seen before, so that its
    /// allocation serves all packets.
    #[inline]
    fn read(
        &mut self,
        message: Message,
        known: impl Fn(&str) -> Option<NamespaceName>,
    ) -> Result<Read, PeerError> {
        let name = |name: &str| known(name).unwrap_or_else(|| NamespaceName::from_checked(name));
        #[cfg(feature = "msgpack")]
        if matches!(self.config.codec, Codec::MessagePack) {
            return match message {
                Message::Binary(packet) => self.read_packed(&packet, name),
                Message::Text(text) => Err(PeerError::UnexpectedText { len: text.len() }),
            };
        }
        match message {
            Message::Text(text) => Ok(Read::Packet(self.parse(&text, name)?, Vec::new())),
            Message::Binary(data) => {
                self.reassembly.handle_binary(data, &self.config).map(Read::Attachment)
            }
        }
    }

    /// Takes a packet that was read; gives it when it is complete.
    #[inline]
    fn gather(
        &mut self,
        now: Time,
        announced: Announced,
        attachments: Vec<Bytes>,
    ) -> Result<Option<Packet>, PeerError> {
        let mut packet = self.reassembly.handle_text(now, announced, &self.config)?;
        for attachment in attachments {
            packet = self.reassembly.handle_binary(attachment, &self.config)?;
        }
        Ok(packet)
    }

    #[inline]
    fn parse(
        &self,
        text: &Text,
        name: impl Fn(&str) -> NamespaceName,
    ) -> Result<Announced, PeerError> {
        self.reassembly.check_text()?;
        parse_with(text, self.limits(), name)
    }

    /// A packet in MessagePack: whole in one message.
    #[cfg(feature = "msgpack")]
    fn read_packed(
        &self,
        packet: &Bytes,
        name: impl Fn(&str) -> NamespaceName,
    ) -> Result<Read, PeerError> {
        if let Some(packet) = msgpack::plain(packet, self.limits(), &name) {
            return Ok(Read::Packet(Announced { packet, attachments: 0 }, Vec::new()));
        }
        let (text, attachments) = msgpack::decode(packet, &self.config)?;
        Ok(Read::Packet(self.parse(&text, name)?, attachments))
    }

    fn limits(&self) -> &ConnectionConfig {
        self.limits.as_deref().unwrap_or(&self.config)
    }

    /// Whether reading a message needs the time: a packet whose attachments are still to come has
    /// a deadline.
    fn asks_time(message: &Message) -> bool {
        match message {
            Message::Text(text) => matches!(text.as_bytes().first(), Some(b'5' | b'6')),
            Message::Binary(_) => true,
        }
    }
}

/// Holds the one packet of a connection that awaits attachments, if there is one.
///
/// Bounded by `max_attachments`, `max_attachment_bytes` and `attachments_timeout`.
#[derive(Debug, Default)]
pub struct Reassembly {
    /// Boxed, because most connections never have one.
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    packet: Packet,
    declared: usize,
    attachments: Vec<Bytes>,
    /// Sum of the lengths of `attachments`.
    bytes: usize,
    deadline: Time,
}

impl Reassembly {
    /// Whether attachments are expected.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Refuses text while attachments are expected.
    ///
    /// # Errors
    /// [`PeerError::TextBetweenAttachments`].
    pub fn check_text(&self) -> Result<(), PeerError> {
        self.waiting.as_ref().map_or(Ok(()), |waiting| {
            let (received, declared) = (waiting.attachments.len(), waiting.declared);
            Err(PeerError::TextBetweenAttachments { received, declared })
        })
    }

    /// Takes the text of a packet. Gives the packet if it is complete.
    ///
    /// # Errors
    /// [`PeerError::TextBetweenAttachments`]; the waiting packet stays.
    pub fn handle_text(
        &mut self,
        now: Time,
        announced: Announced,
        config: &ConnectionConfig,
    ) -> Result<Option<Packet>, PeerError> {
        self.check_text()?;
        let Announced { packet, attachments: declared } = announced;
        if declared == 0 {
            return Ok(Some(packet));
        }
        self.waiting = Some(Box::new(Waiting {
            packet,
            declared,
            attachments: Vec::new(),
            bytes: 0,
            deadline: now + config.attachments_timeout,
        }));
        Ok(None)
    }

    /// Takes an attachment. Gives the packet after its last one.
    ///
    /// # Errors
    /// [`PeerError::UnexpectedBinary`], [`PeerError::AttachmentBytes`], and
    /// [`PeerError::Placeholder`] when the complete packet names an attachment that it does not have.
    pub fn handle_binary(
        &mut self,
        data: Bytes,
        config: &ConnectionConfig,
    ) -> Result<Option<Packet>, PeerError> {
        let Some(mut waiting) = self.waiting.take() else {
            return Err(PeerError::UnexpectedBinary { len: data.len() });
        };
        waiting.bytes = waiting.bytes.saturating_add(data.len());
        if waiting.bytes > config.max_attachment_bytes {
            let (bytes, max) = (waiting.bytes, config.max_attachment_bytes);
            return Err(PeerError::AttachmentBytes { bytes, max });
        }
        waiting.attachments.push(data);
        if waiting.attachments.len() < waiting.declared {
            self.waiting = Some(waiting);
            return Ok(None);
        }
        let Waiting { mut packet, attachments, .. } = *waiting;
        if let Some(args) = packet.body.args_mut() {
            args.attach(attachments)?;
        }
        Ok(Some(packet))
    }

    /// When the waiting packet must be complete.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.waiting.as_ref().map(|waiting| waiting.deadline)
    }

    /// Gives up the waiting packet if it was not complete in time.
    ///
    /// # Errors
    /// [`PeerError::AttachmentsTimeout`].
    pub fn handle_timeout(
        &mut self,
        now: Time,
        config: &ConnectionConfig,
    ) -> Result<(), PeerError> {
        let Some(waiting) = self.waiting.take_if(|waiting| waiting.deadline <= now) else {
            return Ok(());
        };
        Err(PeerError::AttachmentsTimeout {
            received: waiting.attachments.len(),
            declared: waiting.declared,
            within: config.attachments_timeout,
        })
    }
}

/// The state of each namespace: `/` apart, since most connections join only that, and the others
/// sorted by name.
#[derive(Debug)]
struct States<S> {
    root: Option<S>,
    others: Vec<(NamespaceName, S)>,
}

impl<S> Default for States<S> {
    fn default() -> Self {
        Self { root: None, others: Vec::new() }
    }
}

impl<S> States<S> {
    fn len(&self) -> usize {
        usize::from(self.root.is_some()) + self.others.len()
    }

    /// A known namespace other than `/`, by name. Cloning it shares one allocation among all its
    /// packets.
    fn known(&self, name: &str) -> Option<NamespaceName> {
        self.find(name).ok().map(|at| self.others[at].0.clone())
    }

    fn of(&self, namespace: &NamespaceName) -> Option<&S> {
        if namespace.is_root() {
            return self.root.as_ref();
        }
        let at = self.find(namespace.as_str()).ok()?;
        Some(&self.others[at].1)
    }

    fn of_mut(&mut self, namespace: &NamespaceName) -> Option<&mut S> {
        if namespace.is_root() {
            return self.root.as_mut();
        }
        let at = self.find(namespace.as_str()).ok()?;
        Some(&mut self.others[at].1)
    }

    fn insert(&mut self, namespace: NamespaceName, state: S) {
        if namespace.is_root() {
            self.root = Some(state);
            return;
        }
        match self.find(namespace.as_str()) {
            Ok(at) => self.others[at].1 = state,
            Err(at) => {
                // Reserve exactly one: there may be very many connections.
                if self.others.is_empty() {
                    self.others.reserve_exact(1);
                }
                self.others.insert(at, (namespace, state));
            }
        }
    }

    fn remove(&mut self, namespace: &NamespaceName) {
        if namespace.is_root() {
            self.root = None;
        } else if let Ok(at) = self.find(namespace.as_str()) {
            self.others.remove(at);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&NamespaceName, &S)> {
        let others = self.others.iter().map(|(namespace, state)| (namespace, state));
        self.root.iter().map(|state| (&ROOT, state)).chain(others)
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.others.binary_search_by(|(namespace, _)| namespace.as_str().cmp(name))
    }
}

static ROOT: NamespaceName = NamespaceName::ROOT;

fn unexpected(packet: &'static str, state: &'static str) -> PeerError {
    PeerError::Unexpected { packet, state }
}
