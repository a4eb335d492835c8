//! Commands of other tasks to the task of a connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use futures_util::future::BoxFuture;

use crate::server::{DisconnectReason, Socket};

pub(crate) enum Command {
    /// Runs a task concurrently with the handlers.
    Spawn(Socket, BoxFuture<'static, ()>),
    /// Disconnects a socket.
    Disconnect(Socket, DisconnectReason),
    /// Disconnects all sockets and closes the connection.
    Close,
    /// A socket's client came back on another connection: this one is lost.
    TakenOver(Socket),
}

pub(crate) struct Mailbox {
    state: Mutex<State>,
    /// Set while there are commands. The connection reads it each time it is polled, without the
    /// lock.
    asked: AtomicBool,
}

struct State {
    /// `None` when the connection is over.
    commands: Option<Vec<Command>>,
    /// The connection's task.
    waker: Option<Waker>,
}

impl Default for Mailbox {
    fn default() -> Self {
        let state = State { commands: Some(Vec::new()), waker: None };
        Self { state: Mutex::new(state), asked: AtomicBool::new(false) }
    }
}

impl Mailbox {
    /// Sends a command. If the connection is over, the command is dropped.
    pub(crate) fn send(&self, command: Command) {
        let waker = {
            let mut state = self.lock();
            let Some(commands) = &mut state.commands else {
                // Dropping it may run foreign code, so not under the lock.
                drop(state);
                return drop(command);
            };
            commands.push(command);
            self.asked.store(true, Ordering::Release);
            state.waker.clone()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn has_some(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    pub(crate) fn take(&self) -> Vec<Command> {
        let mut state = self.lock();
        self.asked.store(false, Ordering::Release);
        state.commands.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Sets the waker of the connection's task.
    pub(crate) fn set_waker(&self, waker: Waker) {
        let before = self.lock().waker.replace(waker);
        drop(before);
    }

    /// Drops all commands and takes no more. A command holds its socket, and the socket holds the
    /// mailbox: a command left here would leak both.
    pub(crate) fn close(&self) {
        let (left, waker) = {
            let mut state = self.lock();
            (state.commands.take(), state.waker.take())
        };
        drop((left, waker));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
