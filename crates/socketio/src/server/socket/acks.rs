//! Acks that this side awaits from one socket.

use std::time::Duration;

use tokio::sync::oneshot;

use super::Socket;
use crate::proto::{Acks, Args, EncodeError};
use crate::server::local::Waiter;
use crate::server::outgoing::{SharedPacket, SocketPacket};
use crate::server::{AckError, EmitError};

impl Socket {
    /// Sends a packet that asks for an ack.
    pub(crate) fn ask(
        &self,
        id: u64,
        waiter: Waiter,
        outgoing: &SharedPacket,
    ) -> Result<(), AckError> {
        let max = self.context().config.connection.max_pending_acks;
        let new = || Box::new(Acks::new(max));
        self.acks().get_or_insert_with(new).insert_as(id, None, waiter)?;
        self.transmit(outgoing).map_err(|error| {
            self.forget_ack(id);
            error.into()
        })
    }

    /// Gives up an ack: its waiter is dropped.
    pub(crate) fn forget_ack(&self, id: u64) {
        let waiter = self.acks().as_mut().and_then(|acks| acks.take(id));
        drop(waiter);
    }

    /// Hands an ack of the client to its waiter.
    pub(crate) fn acked(&self, id: u64, args: Args) {
        let waiter = self.acks().as_mut().and_then(|acks| acks.take(id));
        match waiter {
            Some(waiter) => waiter.answer(args),
            None => tracing::debug!(socket = %self.id(), id, "ack that is not awaited"),
        }
    }

    pub(super) async fn await_ack(
        &self,
        within: Duration,
        compress: bool,
        encode: impl FnOnce(u64) -> Result<SocketPacket, EncodeError>,
    ) -> Result<Args, AckError> {
        let id = self.namespace().local_sockets().next_ack_id();
        let packet = encode(id).map_err(EmitError::from)?;
        let (waiter, ack) = oneshot::channel();
        let _forget = Forget { socket: self, id };
        let outgoing = self.context().outgoing_of(&packet).compress(compress);
        self.ask(id, Waiter::One(waiter), &outgoing)?;
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

/// Gives up the ack when the future that waits for it is dropped.
struct Forget<'a> {
    socket: &'a Socket,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.socket.forget_ack(self.id);
    }
}
