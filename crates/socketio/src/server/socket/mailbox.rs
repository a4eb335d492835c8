//! What other tasks ask of a connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use futures_util::future::BoxFuture;

use crate::server::{DisconnectReason, Socket};

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
    state: Mutex<State>,
    /// Something was asked: what the connection looks at in every turn, without the lock.
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
    /// Asks; a connection that is over drops the command, and with it what a command holds.
    pub(crate) fn send(&self, command: Command) {
        let waker = {
            let mut state = self.lock();
            let Some(commands) = &mut state.commands else {
                // What it holds may be foreign code: not under the lock.
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

    /// Says whom to wake, from now on.
    pub(crate) fn set_waker(&self, waker: Waker) {
        let before = self.lock().waker.replace(waker);
        drop(before);
    }

    /// Nothing is asked any more. A command holds its socket, which holds the mailbox: left here
    /// they would keep each other for ever.
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
