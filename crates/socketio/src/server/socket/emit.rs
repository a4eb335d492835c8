//! Emissions to one socket, and acks from it.

use std::time::Duration;

use engineio::proto::Message;
use serde::Serialize;
use tokio::sync::oneshot;

use super::single::Single;
use super::{Emission, Socket};
use crate::proto::{Acks, Args, EncodeError, Encoded};
use crate::server::context::Wire;
use crate::server::hooks::Hooks;
use crate::server::local::Waiter;
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
        let sent = self.namespace().node().emit_some(self, &packets)?;
        if self.has_outgoing() {
            for packet in &packets[..sent] {
                Self::notify_outgoing(std::slice::from_ref(self), packet);
            }
        }
        Ok(sent)
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
    pub(crate) fn transmit(&self, wire: &Wire) -> Result<(), EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        Ok(wire.send(self.engine())?)
    }

    /// Queues a packet for this socket alone, whatever it is.
    pub(crate) fn answer(&self, packet: Single) -> Result<(), EmitError> {
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
    pub(crate) fn deliver(&self, wire: &Wire, volatile: bool) {
        let hooks = &self.context().hooks;
        if volatile && !self.is_writable() {
            return Hooks::count(&hooks.volatile_dropped);
        }
        let Err(EmitError::Full(full)) = self.transmit(wire) else { return };
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

    /// Sends a packet that asks for an ack.
    pub(crate) fn ask(&self, id: u64, waiter: Waiter, wire: &Wire) -> Result<(), AckError> {
        let max = self.context().config.connection.max_pending_acks;
        let new = || Box::new(Acks::new(max));
        self.acks().get_or_insert_with(new).insert_as(id, None, waiter)?;
        self.transmit(wire).map_err(|error| {
            self.forget_ack(id);
            error.into()
        })
    }

    /// Nobody waits for this ack any more.
    pub(crate) fn forget_ack(&self, id: u64) {
        let waiter = self.acks().as_mut().and_then(|acks| acks.take(id));
        drop(waiter);
    }

    /// The client acked.
    pub(crate) fn acked(&self, id: u64, args: Args) {
        let waiter = self.acks().as_mut().and_then(|acks| acks.take(id));
        match waiter {
            Some(waiter) => waiter.answer(args),
            None => tracing::debug!(socket = %self.id(), id, "ack that nobody awaits"),
        }
    }

    pub(super) async fn await_ack(
        &self,
        within: Duration,
        compress: bool,
        encode: impl FnOnce(u64) -> Result<Single, EncodeError>,
    ) -> Result<Args, AckError> {
        let id = self.namespace().node().next_ack_id();
        let packet = encode(id).map_err(EmitError::from)?;
        let (waiter, ack) = oneshot::channel();
        let _forget = Forget { socket: self, id };
        let wire = self.context().wire_of(&packet).compress(compress);
        self.ask(id, Waiter::One(waiter), &wire)?;
        if let Some(packet) = packet.encoded() {
            Self::notify_outgoing(std::slice::from_ref(self), packet);
        }
        match tokio::time::timeout(within, ack).await {
            Ok(Ok(args)) => Ok(args),
            Ok(Err(_)) => Err(AckError::Disconnected),
            Err(_) => Err(AckError::Timeout(within)),
        }
    }
}

/// Forgets an awaited ack when nobody waits for it any more.
struct Forget<'a> {
    socket: &'a Socket,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.socket.forget_ack(self.id);
    }
}
