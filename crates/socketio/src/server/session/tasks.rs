//! What runs for a socket outside its lane's order: concurrent handlers, and tasks of
//! `Socket::spawn`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use crate::server::Socket;

#[derive(Default)]
pub(super) struct Tasks {
    /// Running concurrent handlers. Each returns the limit it counts against.
    concurrent: FuturesUnordered<BoxFuture<'static, Arc<usize>>>,
    /// How many run, by limit.
    counts: Vec<(Arc<usize>, usize)>,
    tasks: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Tasks {
    pub(super) fn run(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(done)) = self.concurrent.poll_next_unpin(cx) {
            self.counts.retain_mut(|(handler, count)| {
                *count -= usize::from(Arc::ptr_eq(handler, &done));
                *count > 0
            });
        }
        while let Poll::Ready(Some(())) = self.tasks.poll_next_unpin(cx) {}
    }

    /// Whether no concurrent handler runs.
    pub(super) fn is_idle(&self) -> bool {
        self.concurrent.is_empty()
    }

    /// Whether as many of a handler run as its limit allows.
    pub(super) fn is_full(&self, limit: &Arc<usize>) -> bool {
        let same = self.counts.iter().find(|(handler, _)| Arc::ptr_eq(handler, limit));
        same.is_some_and(|(_, count)| *count >= **limit)
    }

    pub(super) fn start(
        &mut self,
        which: Arc<usize>,
        socket: Socket,
        future: BoxFuture<'static, ()>,
    ) {
        match self.counts.iter_mut().find(|(handler, _)| Arc::ptr_eq(handler, &which)) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((Arc::clone(&which), 1)),
        }
        self.concurrent.push(Box::pin(async move {
            if AssertUnwindSafe(future).catch_unwind().await.is_err() {
                socket.report_panic("a handler");
            }
            which
        }));
    }

    pub(super) fn spawn(&mut self, task: BoxFuture<'static, ()>) {
        self.tasks.push(task);
    }

    pub(super) fn end_tasks(&mut self) {
        self.tasks.clear();
    }
}
