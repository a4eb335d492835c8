//! Packets on their way out: encoded for a socket, made messages of the engine, and queued in its outbox.
//!
//! Every packet of the server reaches the engine here. Packets come from emissions (`socket/emit.rs`),
//! acks, broadcasts and the session's own answers; messages go to the engine's outbox, which takes all
//! messages of a packet or none. Messages of one packet must never be separated.

use std::any::Any;
use std::sync::Arc;

#[cfg(feature = "msgpack")]
use bytes::Bytes;
use engineio::proto::{Message, Outgoing, SendError, Sid};
use engineio::server::Sender;
use serde::Serialize;

use super::context::Context;
use super::hooks::Hooks;
use super::{EmitError, IncomingEvent, SlowConsumer, Socket};
use crate::handler::{EventSocket, FromEvent, HandlerError};
use crate::proto::{Args, ArgsError, EncodeError, Encoded, encode};
#[cfg(feature = "msgpack")]
use crate::proto::{Codec, msgpack};

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
    /// only when no listener or log reads it.
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

impl Socket {
    /// Sends encoded packets in order, as many as the outbox has room for, and returns how many.
    /// Send the rest after [`Socket::ready`].
    ///
    /// Cheaper than a [`Socket::send`] for each: all packets share one lock and one wake-up.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`].
    pub fn send_some<'a>(
        &self,
        packets: impl IntoIterator<Item = &'a Encoded>,
    ) -> Result<usize, EmitError> {
        let packets: Vec<&Encoded> = packets.into_iter().collect();
        let context = self.context();
        if context.config.recovery.is_none()
            && let Some(messages) = context.single_messages(&packets)
        {
            let sent = self.transmit_some(messages)?;
            if self.has_outgoing() {
                for packet in &packets[..sent] {
                    Self::notify_outgoing(std::slice::from_ref(self), packet);
                }
            }
            return Ok(sent);
        }
        // Each gets an offset, or is several messages of which none may be missing.
        for (sent, packet) in packets.iter().enumerate() {
            match self.send(packet) {
                Err(EmitError::Full(_)) => return Ok(sent),
                other => other?,
            }
        }
        Ok(packets.len())
    }

    /// Queues a packet of any kind.
    pub(crate) fn transmit(&self, outgoing: &SharedPacket) -> Result<(), EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        Ok(outgoing.send(self.engine())?)
    }

    /// Queues a packet of any kind that only this socket receives.
    pub(crate) fn answer(&self, packet: SocketPacket) -> Result<(), EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        Ok(self.context().send(self.engine(), packet)?)
    }

    /// Queues messages in order while there is room, and returns how many.
    pub(crate) fn transmit_some(&self, messages: Vec<Message>) -> Result<usize, EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        Ok(self.engine().send_some(messages)?)
    }

    /// Queues an event of a broadcast, or a volatile one. If there is no room, a volatile event is
    /// dropped; for others [`SlowConsumer`] decides.
    pub(crate) fn deliver(&self, outgoing: &SharedPacket, volatile: bool) {
        let hooks = &self.context().hooks;
        if volatile && !self.is_writable() {
            return Hooks::count(&hooks.volatile_dropped);
        }
        let Err(EmitError::Full(full)) = self.transmit(outgoing) else { return };
        match self.context().config.slow_consumer {
            _ if volatile => Hooks::count(&hooks.volatile_dropped),
            SlowConsumer::Drop => Hooks::count(&hooks.slow_dropped),
            SlowConsumer::Close => {
                tracing::warn!(socket = %self.id(), %full, "slow consumer closed");
                Hooks::count(&hooks.slow_closed);
                self.engine().close();
            }
        }
    }

    /// Encodes an event for this socket.
    pub(crate) fn event<T: Serialize + ?Sized>(
        &self,
        ack_id: Option<u64>,
        event: &str,
        args: &T,
    ) -> Result<SocketPacket, EncodeError> {
        let name = self.namespace_name();
        #[cfg(feature = "msgpack")]
        if self.is_alone() {
            return msgpack::event(name, ack_id, event, args).map(SocketPacket::Packed);
        }
        encode::event(name, ack_id, event, args).map(SocketPacket::Encoded)
    }

    /// Like [`Socket::event`], with arguments as they were received.
    pub(crate) fn event_args(
        &self,
        ack_id: Option<u64>,
        event: &str,
        args: &Args,
    ) -> Result<SocketPacket, EncodeError> {
        let name = self.namespace_name();
        #[cfg(feature = "msgpack")]
        if self.is_alone() {
            return msgpack::event_args(name, ack_id, event, args).map(SocketPacket::Packed);
        }
        Ok(encode::event_args(name, ack_id, event, args)?.into())
    }

    /// Encodes an ack for this socket.
    pub(crate) fn ack<T: Serialize + ?Sized>(
        &self,
        id: u64,
        args: &T,
    ) -> Result<SocketPacket, EncodeError> {
        let name = self.namespace_name();
        #[cfg(feature = "msgpack")]
        if self.is_packed() {
            return msgpack::ack(name, id, args).map(SocketPacket::Packed);
        }
        encode::ack(name, id, args).map(SocketPacket::Encoded)
    }

    /// Like [`Socket::ack`], with arguments as they were received.
    pub(crate) fn ack_args(&self, id: u64, args: &Args) -> Result<SocketPacket, EncodeError> {
        let name = self.namespace_name();
        #[cfg(feature = "msgpack")]
        if self.is_packed() {
            return msgpack::ack_args(name, id, args).map(SocketPacket::Packed);
        }
        Ok(encode::ack_args(name, id, args).into())
    }

    #[cfg(feature = "msgpack")]
    fn is_packed(&self) -> bool {
        matches!(self.context().connection.codec, Codec::MessagePack)
    }

    /// Whether an event is only ever read as MessagePack by this socket's client: no listener looks
    /// at it and no log keeps it. Only then may it be written without its JSON form.
    #[cfg(feature = "msgpack")]
    fn is_alone(&self) -> bool {
        self.is_packed() && self.context().config.recovery.is_none() && !self.has_outgoing()
    }
}

/// How handlers reach this socket.
impl EventSocket for Socket {
    type Error = EmitError;

    fn id(&self) -> Sid {
        self.id()
    }

    fn send_ack<T: Serialize + ?Sized>(&self, id: u64, args: &T) -> Result<(), EmitError> {
        self.answer(self.ack(id, args)?)
    }

    fn send_ack_args(&self, id: u64, args: &Args) -> Result<(), EmitError> {
        self.answer(self.ack_args(id, args)?)
    }

    fn acks_refusals(&self) -> bool {
        self.context().config.ack_refusals
    }

    fn report(&self, error: &HandlerError) {
        self.context().hooks.report(self, error);
    }

    fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.state()
    }
}

impl FromEvent<Self> for Socket {
    fn from_event(event: &mut IncomingEvent) -> Result<Self, ArgsError> {
        Ok(event.socket().clone())
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
        if matches!(self.connection.codec, Codec::MessagePack) {
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
