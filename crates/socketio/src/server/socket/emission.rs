//! Emissions that are not sent as usual.

use std::time::Duration;

use serde::Serialize;

use super::Socket;
use super::single::Single;
use crate::proto::{Args, EncodeError, Encoded};
use crate::server::hooks::Hooks;
use crate::server::{AckError, EmitError};

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
    pub(super) fn new(socket: &'a Socket) -> Self {
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
        self.send_single(&self.socket.event(None, event, args)?)
    }

    /// As [`Emission::emit`], with arguments that were received.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit_args(self, event: &str, args: &Args) -> Result<(), EmitError> {
        self.send_single(&self.socket.event_args(None, event, args)?)
    }

    /// As [`Emission::emit`], of a packet that is encoded already.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn send(self, packet: &Encoded) -> Result<(), EmitError> {
        let Self { socket, volatile, compress, .. } = self;
        let node = socket.namespace().node();
        match volatile {
            true => node.emit_volatile(socket, packet, compress),
            false => node.emit(socket, packet, compress)?,
        }
        Socket::notify_outgoing(std::slice::from_ref(socket), packet);
        Ok(())
    }

    fn send_single(self, packet: &Single) -> Result<(), EmitError> {
        if let Some(packet) = packet.encoded() {
            return self.send(packet);
        }
        let wire = self.socket.context().wire_of(packet).compress(self.compress);
        match self.volatile {
            true => self.socket.deliver(&wire, true),
            false => self.socket.transmit(&wire)?,
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
        encode: impl FnOnce(u64) -> Result<Single, EncodeError>,
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
