//! What other tasks ask of a connection.

use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::task::AtomicWaker;

use super::{DisconnectReason, Socket};

pub(crate) enum Command {
    /// Runs a task beside the handlers.
    Spawn(Socket, BoxFuture<'static, ()>),
    /// Disconnects a socket.
    Disconnect(Socket, DisconnectReason),
    /// Disconnects all sockets and closes the connection.
    Close,
    /// A socket's client came back by another connection: this one is lost.
    TakenOver(Socket),
}

#[derive(Default)]
pub(crate) struct Mailbox {
    commands: Mutex<Vec<Command>>,
    waker: AtomicWaker,
}

impl Mailbox {
    pub(crate) fn send(&self, command: Command) {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).push(command);
        self.waker.wake();
    }

    pub(crate) fn take(&self) -> Vec<Command> {
        std::mem::take(&mut self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn waker(&self) -> &AtomicWaker {
        &self.waker
    }
}
