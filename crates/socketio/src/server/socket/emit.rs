//! Emissions to one socket: encoded, and queued in the engine's outbox.
//!
//! An emission enters here, is encoded by `proto`, and leaves by [`SharedPacket`]. With recovery it goes
//! through the namespace's sockets of this node first, which log it and give it its offset.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use engineio::proto::{Message, Sid};
use serde::Serialize;

use super::Socket;
use crate::handler::{EventSocket, HandlerError};
use crate::proto::{Args, EncodeError, Encoded, encode};
#[cfg(feature = "msgpack")]
use crate::proto::{Codec, msgpack};
use crate::server::hooks::Hooks;
use crate::server::outgoing::{SharedPacket, SocketPacket};
use crate::server::{AckError, EmitError, SlowConsumer};

impl Socket {
    /// Sends an event, with arguments by serde:
    ///
    /// | data | arguments |
    /// |---|---|
    /// | a tuple, an array of fixed length, a tuple struct | as many as it has |
    /// | `()`, whatever serde writes as a unit | none; one that is `null` is `None::<()>` |
    /// | anything else, a `Vec` or a map too | one |
    ///
    /// Values that serde treats as bytes ([`Bytes`](bytes::Bytes), but not `[u8]` or `Vec<u8>`) are
    /// sent as attachments, wherever they stand. An event emitted in a middleware leaves before the
    /// answer to the client's CONNECT; the reference's client keeps it until that answer.
    ///
    /// ```
    /// # fn send(socket: socketio::server::Socket) -> Result<(), socketio::server::EmitError> {
    /// socket.emit("picture", &("cat.png", bytes::Bytes::from_static(&[0x89, 0x50])))
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EmitError::Full`] when the outbox is full because the client does not read: nothing was
    /// queued. [`EmitError::Encode`] when name or data cannot be encoded,
    /// [`EmitError::Disconnected`] when the socket is gone.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        Emission::new(self).emit(event, args)
    }

    /// Sends an event with arguments as they were received: the same bytes, the same attachments.
    ///
    /// # Errors
    /// Those of [`Socket::emit`].
    pub fn emit_args(&self, event: &str, args: &Args) -> Result<(), EmitError> {
        Emission::new(self).emit_args(event, args)
    }

    /// Sends a packet that is encoded already, such as one that many sockets receive.
    ///
    /// # Errors
    /// Those of [`Socket::emit`].
    pub fn send(&self, packet: &Encoded) -> Result<(), EmitError> {
        Emission::new(self).send(packet)
    }

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

    /// Sends an event and waits for the client's ack, at most
    /// [`Config::ack_timeout`](crate::server::Config::ack_timeout).
    ///
    /// # Errors
    /// [`AckError::Emit`] when the event was not queued, [`AckError::Timeout`] when no ack came in
    /// time, [`AckError::TooMany`] when too many acks are awaited, [`AckError::Disconnected`] when
    /// the socket went first.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the ack; the event is still sent.
    pub async fn emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
    ) -> Result<Args, AckError> {
        self.timeout(self.context().config.ack_timeout).emit_with_ack(event, args).await
    }

    /// Like [`Socket::emit_with_ack`], with arguments as they were received.
    ///
    /// # Errors
    /// Those of [`Socket::emit_with_ack`].
    pub async fn emit_args_with_ack(&self, event: &str, args: &Args) -> Result<Args, AckError> {
        self.timeout(self.context().config.ack_timeout).emit_args_with_ack(event, args).await
    }

    /// Begins an emission that is dropped if it cannot leave at once: the outbox is not empty, the
    /// client has no GET open, or its websocket does not take more.
    pub fn volatile(&self) -> Emission<'_> {
        Emission::new(self).volatile()
    }

    /// Begins an emission that transports may compress, or with `false` may not. Default true. Only
    /// answers to long-polling are ever compressed, and only if the engine's configuration says so.
    pub fn compress(&self, compress: bool) -> Emission<'_> {
        Emission::new(self).compress(compress)
    }

    /// Begins an emission whose ack is awaited for this time.
    pub fn timeout(&self, within: Duration) -> Emission<'_> {
        Emission::new(self).timeout(within)
    }

    /// Waits until the outbox is at most half full and has room for what it refused last, or until
    /// the connection is over.
    ///
    /// # Cancel safety
    /// The future holds nothing and may be dropped at any time.
    pub async fn ready(&self) {
        self.engine().ready().await;
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

    fn report(&self, error: &HandlerError) {
        self.context().hooks.report(self, error);
    }

    fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.state()
    }
}

/// How one event is sent to one socket.
#[derive(Clone, Copy, Debug)]
#[must_use = "sends nothing by itself"]
pub struct Emission<'a> {
    socket: &'a Socket,
    volatile: bool,
    compress: bool,
    timeout: Option<Duration>,
}

impl<'a> Emission<'a> {
    fn new(socket: &'a Socket) -> Self {
        Self { socket, volatile: false, compress: true, timeout: None }
    }

    /// See [`Socket::volatile`].
    pub fn volatile(self) -> Self {
        Self { volatile: true, ..self }
    }

    /// See [`Socket::compress`].
    pub fn compress(self, compress: bool) -> Self {
        Self { compress, ..self }
    }

    /// See [`Socket::timeout`].
    pub fn timeout(self, within: Duration) -> Self {
        Self { timeout: Some(within), ..self }
    }

    /// Sends an event. Dropping a volatile one is not an error.
    ///
    /// # Errors
    /// Those of [`Socket::emit`].
    pub fn emit<T: Serialize + ?Sized>(self, event: &str, args: &T) -> Result<(), EmitError> {
        self.send_packet(&self.socket.event(None, event, args)?)
    }

    /// Like [`Emission::emit`], with arguments as they were received.
    ///
    /// # Errors
    /// Those of [`Socket::emit`].
    pub fn emit_args(self, event: &str, args: &Args) -> Result<(), EmitError> {
        self.send_packet(&self.socket.event_args(None, event, args)?)
    }

    /// Like [`Emission::emit`], for a packet that is already encoded.
    ///
    /// # Errors
    /// Those of [`Socket::emit`].
    pub fn send(self, packet: &Encoded) -> Result<(), EmitError> {
        let Self { socket, volatile, compress, .. } = self;
        if socket.context().config.recovery.is_some() {
            // Offsets are given and events logged by the namespace, under its lock.
            let local = socket.namespace().local_sockets();
            match volatile {
                true => local.emit_volatile(socket, packet, compress),
                false => local.emit(socket, packet, compress)?,
            }
        } else {
            self.transmit(socket.context().outgoing(packet))?;
        }
        Socket::notify_outgoing(std::slice::from_ref(socket), packet);
        Ok(())
    }

    fn send_packet(self, packet: &SocketPacket) -> Result<(), EmitError> {
        match packet.encoded() {
            Some(packet) => self.send(packet),
            None => self.transmit(self.socket.context().outgoing_of(packet)),
        }
    }

    fn transmit(self, outgoing: SharedPacket) -> Result<(), EmitError> {
        let outgoing = outgoing.compress(self.compress);
        match self.volatile {
            true => self.socket.deliver(&outgoing, true),
            false => self.socket.transmit(&outgoing)?,
        }
        Ok(())
    }

    /// Sends an event and waits for the client's ack. For a volatile event that was dropped, this
    /// ends with [`AckError::Timeout`].
    ///
    /// # Errors
    /// Those of [`Socket::emit_with_ack`].
    ///
    /// # Cancel safety
    /// Those of [`Socket::emit_with_ack`].
    pub async fn emit_with_ack<T: Serialize + ?Sized>(
        self,
        event: &str,
        args: &T,
    ) -> Result<Args, AckError> {
        self.await_ack(|id| self.socket.event(Some(id), event, args)).await
    }

    /// Like [`Emission::emit_with_ack`], with arguments as they were received.
    ///
    /// # Errors
    /// Those of [`Socket::emit_with_ack`].
    pub async fn emit_args_with_ack(self, event: &str, args: &Args) -> Result<Args, AckError> {
        self.await_ack(|id| self.socket.event_args(Some(id), event, args)).await
    }

    async fn await_ack(
        self,
        encode: impl FnOnce(u64) -> Result<SocketPacket, EncodeError>,
    ) -> Result<Args, AckError> {
        let within = self.timeout.unwrap_or(self.socket.context().config.ack_timeout);
        if self.volatile && !self.socket.is_writable() {
            Hooks::count(&self.socket.context().hooks.volatile_dropped);
            tokio::time::sleep(within).await;
            return Err(AckError::Timeout(within));
        }
        self.socket.await_ack(within, self.compress, encode).await
    }
}
