//! Packets on their way out: in the form in which they leave, as messages of the engine.
//!
//! Every packet of the server reaches the engine here. Packets come from sockets, broadcasts and
//! the session's own answers; messages go to the engine's outbox, which takes all messages of a
//! packet or none. Messages of one packet must never be separated.

#[cfg(feature = "msgpack")]
use bytes::Bytes;
use engineio::proto::{Message, Outgoing, SendError};
use engineio::server::Sender;

use super::context::Context;
use crate::proto::Encoded;
#[cfg(feature = "msgpack")]
use crate::proto::{self, msgpack};

/// A packet as messages that any number of receivers share.
pub(crate) struct SharedPacket {
    messages: Messages,
    compress: bool,
}

/// A packet for one socket, encoded in the form in which it leaves. Cloning copies no bytes.
#[derive(Clone)]
pub(crate) enum SocketPacket {
    /// Still readable: listeners may ask for its arguments.
    Encoded(Encoded),
    #[cfg(feature = "msgpack")]
    Packed(Bytes),
}

/// Most packets are one message: they need no list.
enum Messages {
    One(Message),
    Several(Vec<Message>),
}

impl SharedPacket {
    /// Sets whether transports may compress it. Default true.
    pub(crate) fn compress(self, compress: bool) -> Self {
        Self { compress, ..self }
    }

    pub(crate) fn send(&self, engine: &Sender) -> Result<(), SendError> {
        let messages = match &self.messages {
            Messages::One(message) => std::slice::from_ref(message),
            Messages::Several(messages) => messages,
        };
        let messages = Outgoing::from(messages);
        engine.send(if self.compress { messages } else { messages.uncompressed() })
    }
}

impl SocketPacket {
    /// The packet as others can read it. None when it was written as MessagePack, which happens
    /// only when nobody reads it.
    pub(crate) fn encoded(&self) -> Option<&Encoded> {
        match self {
            Self::Encoded(packet) => Some(packet),
            #[cfg(feature = "msgpack")]
            Self::Packed(_) => None,
        }
    }
}

impl From<Encoded> for SocketPacket {
    fn from(packet: Encoded) -> Self {
        Self::Encoded(packet)
    }
}

impl Context {
    /// A packet as messages; made once, they serve all receivers.
    pub(crate) fn outgoing(&self, packet: &Encoded) -> SharedPacket {
        SharedPacket { messages: self.messages(packet.clone()), compress: true }
    }

    /// Like [`Context::outgoing`], for a packet with one receiver.
    pub(crate) fn outgoing_of(&self, packet: &SocketPacket) -> SharedPacket {
        SharedPacket { messages: self.messages_of(packet.clone()), compress: true }
    }

    /// Sends a packet to one receiver, which gets its bytes unshared.
    pub(crate) fn send(&self, engine: &Sender, packet: SocketPacket) -> Result<(), SendError> {
        match self.messages_of(packet) {
            Messages::One(message) => engine.send(message),
            Messages::Several(messages) => engine.send(messages),
        }
    }

    /// Sends packets that belong together: all or none.
    pub(crate) fn send_together(
        &self,
        engine: &Sender,
        packets: Vec<Encoded>,
    ) -> Result<(), SendError> {
        let mut messages = Vec::with_capacity(packets.len());
        for packet in packets {
            match self.messages(packet) {
                Messages::One(message) => messages.push(message),
                Messages::Several(several) => messages.extend(several),
            }
        }
        engine.send(messages)
    }

    /// The packets as messages, if each of them is a single message.
    pub(crate) fn single_messages(&self, packets: &[&Encoded]) -> Option<Vec<Message>> {
        let one = |packet: &&Encoded| match self.messages((*packet).clone()) {
            Messages::One(message) => Some(message),
            Messages::Several(_) => None,
        };
        packets.iter().map(one).collect()
    }

    fn messages_of(&self, packet: SocketPacket) -> Messages {
        match packet {
            SocketPacket::Encoded(packet) => self.messages(packet),
            #[cfg(feature = "msgpack")]
            SocketPacket::Packed(packet) => Messages::One(packet.into()),
        }
    }

    fn messages(&self, packet: Encoded) -> Messages {
        #[cfg(feature = "msgpack")]
        if matches!(self.connection.codec, proto::Codec::MessagePack) {
            return match msgpack::encode(&packet) {
                Ok(packed) => Messages::One(packed.into()),
                Err(error) => {
                    tracing::error!(%error, "packet not sent: it cannot be MessagePack");
                    Messages::Several(Vec::new())
                }
            };
        }
        match packet.into_messages() {
            (text, None) => Messages::One(text),
            (text, Some(attachments)) => {
                let attachments = attachments.iter().cloned().map(Message::Binary);
                Messages::Several(std::iter::once(text).chain(attachments).collect())
            }
        }
    }
}
