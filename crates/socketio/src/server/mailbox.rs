//! What other tasks ask of a connection.

use std::sync::{Mutex, MutexGuard, PoisonError};

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

pub(crate) struct Mailbox {
    /// `None` when the connection is over.
    commands: Mutex<Option<Vec<Command>>>,
    waker: AtomicWaker,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self { commands: Mutex::new(Some(Vec::new())), waker: AtomicWaker::new() }
    }
}

impl Mailbox {
    /// Asks; a connection that is over drops the command, and with it what a command holds.
    pub(crate) fn send(&self, command: Command) {
        if let Some(commands) = &mut *self.lock() {
            commands.push(command);
        }
        self.waker.wake();
    }

    pub(crate) fn take(&self) -> Vec<Command> {
        self.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Nothing is asked any more. A command holds its socket, which holds the mailbox: left here
    /// they would keep each other for ever.
    pub(crate) fn close(&self) {
        let left = self.lock().take();
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Command>>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn waker(&self) -> &AtomicWaker {
        &self.waker
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_mailbox_keeps_nothing() {
        let mailbox = Mailbox::default();
        mailbox.send(Command::Close);
        assert_eq!(mailbox.take().len(), 1);
        mailbox.send(Command::Close);
        mailbox.close();
        mailbox.send(Command::Close);
        assert!(mailbox.take().is_empty());
    }
}
