//! Emissions to one socket: encoded, and queued in the engine's outbox.
//!
//! An emission enters here, is encoded by `proto`, and leaves by [`Outgoing`]. With recovery it goes
//! through the namespace's sockets of this node first, which log it and give it its offset.

use std::time::Duration;

use engineio::proto::Message;
use serde::Serialize;

use super::Socket;
use crate::proto::{Args, EncodeError, Encoded, encode};
#[cfg(feature = "msgpack")]
use crate::proto::{Codec, msgpack};
use crate::server::hooks::Hooks;
use crate::server::outgoing::{Outgoing, SocketPacket};
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
    /// What serde knows as bytes ([`Bytes`](bytes::Bytes), not `[u8]` nor `Vec<u8>`) leaves as an
    /// attachment, wherever it stands. In a middleware the event leaves before the answer to the
    /// client's CONNECT; clients of the reference keep it until then.
    ///
    /// ```
    /// # fn send(socket: socketio::server::Socket) -> Result<(), socketio::server::EmitError> {
    /// socket.emit("picture", &("cat.png", bytes::Bytes::from_static(&[0x89, 0x50])))
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EmitError::Full`] when the client does not read: nothing was queued.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        Emission::new(self).emit(event, args)
    }

    /// Sends an event with arguments that were received, byte for byte, with their attachments.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit_args(&self, event: &str, args: &Args) -> Result<(), EmitError> {
        Emission::new(self).emit_args(event, args)
    }

    /// Sends a packet that is encoded already, such as one that many sockets receive.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn send(&self, packet: &Encoded) -> Result<(), EmitError> {
        Emission::new(self).send(packet)
    }

    /// Sends encoded packets from the first on, as many as the outbox has room for. How many; when
    /// some are left, send them after [`Socket::ready`].
    ///
    /// Cheaper than one [`Socket::send`] after the other: one lock and one wake-up serve all of them.
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

    /// Sends an event and waits for the client's ack, for the configured time.
    ///
    /// # Errors
    /// As [`Socket::emit`]; and when no ack comes in time, or too many are awaited.
    ///
    /// # Cancel safety
    /// Dropping the future forgets the ack, not the event.
    pub async fn emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
    ) -> Result<Args, AckError> {
        self.timeout(self.context().config.ack_timeout).emit_with_ack(event, args).await
    }

    /// As [`Socket::emit_with_ack`], with arguments that were received.
    ///
    /// # Errors
    /// As [`Socket::emit_with_ack`].
    pub async fn emit_args_with_ack(&self, event: &str, args: &Args) -> Result<Args, AckError> {
        self.timeout(self.context().config.ack_timeout).emit_args_with_ack(event, args).await
    }

    /// An emission that is dropped when it cannot leave at once: something waits already, the
    /// client has no GET here, or its websocket does not take more.
    pub fn volatile(&self) -> Emission<'_> {
        Emission::new(self).volatile()
    }

    /// An emission that transports may compress or, with `false`, may not. By itself one that may:
    /// answers to a client that polls are compressed if the engine's configuration says so, frames
    /// of a websocket never are.
    pub fn compress(&self, compress: bool) -> Emission<'_> {
        Emission::new(self).compress(compress)
    }

    /// An emission whose ack may take this time.
    pub fn timeout(&self, within: Duration) -> Emission<'_> {
        Emission::new(self).timeout(within)
    }

    /// Waits until the outbox is at most half full and has room for what it refused last, or the
    /// connection is over.
    ///
    /// # Cancel safety
    /// Holds nothing; may be dropped at any time.
    pub async fn ready(&self) {
        self.engine().ready().await;
    }

    /// Queues a packet, whatever it is.
    pub(crate) fn transmit(&self, outgoing: &Outgoing) -> Result<(), EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        Ok(outgoing.send(self.engine())?)
    }

    /// Queues a packet for this socket alone, whatever it is.
    pub(crate) fn answer(&self, packet: SocketPacket) -> Result<(), EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        Ok(self.context().send(self.engine(), packet)?)
    }

    /// Queues messages from the first on while there is room. How many.
    pub(crate) fn transmit_some(&self, messages: Vec<Message>) -> Result<usize, EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        Ok(self.engine().send_some(messages)?)
    }

    /// Queues an event of a broadcast, or a volatile one, by the rules of those.
    pub(crate) fn deliver(&self, outgoing: &Outgoing, volatile: bool) {
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

    /// An event that this socket is sent.
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

    /// As [`Socket::event`], with arguments that were received.
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

    /// An ack that this socket is sent.
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

    /// As [`Socket::ack`], with arguments that were received.
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
        self.context().connection.codec == Codec::MessagePack
    }

    /// Whether an event goes to this socket as MessagePack and nowhere else: no listener is told of
    /// it, and no log keeps it.
    #[cfg(feature = "msgpack")]
    fn is_alone(&self) -> bool {
        self.is_packed() && self.context().config.recovery.is_none() && !self.has_outgoing()
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

    /// As [`Socket::volatile`].
    pub fn volatile(self) -> Self {
        Self { volatile: true, ..self }
    }

    /// As [`Socket::compress`].
    pub fn compress(self, compress: bool) -> Self {
        Self { compress, ..self }
    }

    /// As [`Socket::timeout`].
    pub fn timeout(self, within: Duration) -> Self {
        Self { timeout: Some(within), ..self }
    }

    /// Sends an event. A volatile one that is dropped is no error.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit<T: Serialize + ?Sized>(self, event: &str, args: &T) -> Result<(), EmitError> {
        self.send_packet(&self.socket.event(None, event, args)?)
    }

    /// As [`Emission::emit`], with arguments that were received.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit_args(self, event: &str, args: &Args) -> Result<(), EmitError> {
        self.send_packet(&self.socket.event_args(None, event, args)?)
    }

    /// As [`Emission::emit`], of a packet that is encoded already.
    ///
    /// # Errors
    /// As [`Socket::emit`].
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

    fn transmit(self, outgoing: Outgoing) -> Result<(), EmitError> {
        let outgoing = outgoing.compress(self.compress);
        match self.volatile {
            true => self.socket.deliver(&outgoing, true),
            false => self.socket.transmit(&outgoing)?,
        }
        Ok(())
    }

    /// Sends an event and waits for the client's ack. The ack of a volatile event that was dropped
    /// does not come in time.
    ///
    /// # Errors
    /// As [`Socket::emit_with_ack`].
    ///
    /// # Cancel safety
    /// As [`Socket::emit_with_ack`].
    pub async fn emit_with_ack<T: Serialize + ?Sized>(
        self,
        event: &str,
        args: &T,
    ) -> Result<Args, AckError> {
        self.await_ack(|id| self.socket.event(Some(id), event, args)).await
    }

    /// As [`Emission::emit_with_ack`], with arguments that were received.
    ///
    /// # Errors
    /// As [`Socket::emit_with_ack`].
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
