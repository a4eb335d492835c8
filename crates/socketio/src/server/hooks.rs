//! Failures of handlers, reported and counted, and counts of what was dropped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::Socket;
use crate::handler::HandlerError;

/// Counts since the server began. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Events whose arguments were refused.
    pub args_refused: u64,
    /// Events that a socket's middleware refused.
    pub events_refused: u64,
    /// Events for which there was no handler.
    pub unhandled: u64,
    /// Handlers that gave an error.
    pub handlers_failed: u64,
    /// Handlers, middlewares, listeners and tasks that panicked.
    pub panics: u64,
    /// Connections closed because the client read too slowly for a broadcast.
    pub slow_closed: u64,
    /// Events that a socket missed in a broadcast because its client read too slowly.
    pub slow_dropped: u64,
    /// Volatile events dropped because they could not leave at once.
    pub volatile_dropped: u64,
    /// Sessions recovered.
    pub recovered: u64,
    /// Clients that asked for their session and got a fresh one.
    pub not_recovered: u64,
}

type OnError = Arc<dyn Fn(&Socket, &HandlerError) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Hooks {
    on_error: RwLock<Option<OnError>>,
    args_refused: AtomicU64,
    events_refused: AtomicU64,
    unhandled: AtomicU64,
    handlers_failed: AtomicU64,
    panics: AtomicU64,
    pub(crate) slow_closed: AtomicU64,
    pub(crate) slow_dropped: AtomicU64,
    pub(crate) volatile_dropped: AtomicU64,
    pub(crate) recovered: AtomicU64,
    pub(crate) not_recovered: AtomicU64,
}

impl Hooks {
    pub(crate) fn on_error(&self, hook: OnError) {
        *self.on_error.write().unwrap_or_else(PoisonError::into_inner) = Some(hook);
    }

    pub(crate) fn report(&self, socket: &Socket, error: &HandlerError) {
        let count = match error {
            HandlerError::Args { .. } => &self.args_refused,
            HandlerError::Refused { .. } => &self.events_refused,
            HandlerError::NoHandler { .. } => &self.unhandled,
            HandlerError::Failed { .. } => &self.handlers_failed,
            HandlerError::Panicked { .. } => &self.panics,
        };
        Self::count(count);
        match error {
            HandlerError::Panicked { .. } => tracing::error!(socket = %socket.id(), %error),
            _ => tracing::debug!(socket = %socket.id(), %error),
        }
        let hook = self.on_error.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(hook) = hook {
            // A panic of the hook is not reported to the hook again.
            let told = std::panic::AssertUnwindSafe(|| hook(socket, error));
            if std::panic::catch_unwind(told).is_err() {
                tracing::error!("the error hook panicked");
            }
        }
    }

    /// Runs a hook that belongs to no socket. A panic is logged and counted, and returns `None`.
    pub(crate) fn guard<R>(&self, what: &'static str, run: impl FnOnce() -> R) -> Option<R> {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        if result.is_err() {
            Self::count(&self.panics);
            tracing::error!("{what} panicked");
        }
        result.ok()
    }

    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            args_refused: read(&self.args_refused),
            events_refused: read(&self.events_refused),
            unhandled: read(&self.unhandled),
            handlers_failed: read(&self.handlers_failed),
            panics: read(&self.panics),
            slow_closed: read(&self.slow_closed),
            slow_dropped: read(&self.slow_dropped),
            volatile_dropped: read(&self.volatile_dropped),
            recovered: read(&self.recovered),
            not_recovered: read(&self.not_recovered),
        }
    }
}
