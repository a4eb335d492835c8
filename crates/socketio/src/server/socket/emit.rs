//! Emissions to one socket, and how they are sent: volatile, compressed, with an ack.
//!
//! An emission enters here and leaves by `server/outgoing.rs`, which encodes and queues it. With recovery
//! it goes through the namespace's sockets of this node first, which log it and give it its offset.

use std::time::Duration;

use serde::Serialize;

use super::Socket;
use crate::proto::{Args, EncodeError, Encoded};
use crate::server::hooks::Hooks;
use crate::server::outgoing::{SharedPacket, SocketPacket};
use crate::server::{AckError, EmitError};

impl Socket {
    /// Sends an event, with arguments by serde:
    ///
    /// | data | arguments |
    /// |---|---|
    /// | a tuple, an array of fixed length, a tuple struct | as many as it has |
    /// | `()`, whatever serde writes as a unit | none; for an argument that is `null`, use `None::<()>` |
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
