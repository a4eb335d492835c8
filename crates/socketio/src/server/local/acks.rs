//! Acks of a broadcast, one from every socket that received it, and the waiters for acks.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use engineio::proto::Sid;
use futures_util::stream::{BoxStream, Stream, StreamExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;

use crate::proto::Args;
use crate::server::outgoing::SharedPacket;
use crate::server::{AckError, Socket};

/// The answer of one socket to a broadcast.
#[derive(Debug)]
#[non_exhaustive]
pub struct BroadcastAck {
    /// The socket. `None` if the answer came from a node that does not name its sockets.
    pub socket: Option<Sid>,
    /// Its ack, or the reason why there is none.
    pub result: Result<Args, AckError>,
}

impl BroadcastAck {
    /// An answer from another node.
    pub fn new(socket: Option<Sid>, result: Result<Args, AckError>) -> Self {
        Self { socket, result }
    }
}

/// The acks of a broadcast as they arrive: a stream with one item for every socket. Dropping it
/// gives up the rest.
pub struct BroadcastAcks {
    stream: BoxStream<'static, BroadcastAck>,
}

impl BroadcastAcks {
    pub(crate) fn new(stream: BoxStream<'static, BroadcastAck>) -> Self {
        Self { stream }
    }

    /// The next ack, in order of arrival; `None` after the last.
    ///
    /// # Cancel safety
    /// No ack is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<BroadcastAck> {
        self.stream.next().await
    }

    /// Waits for all acks.
    pub async fn gather(self) -> Vec<BroadcastAck> {
        self.stream.collect().await
    }
}

impl Stream for BroadcastAcks {
    type Item = BroadcastAck;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<BroadcastAck>> {
        self.stream.poll_next_unpin(cx)
    }
}

impl fmt::Debug for BroadcastAcks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BroadcastAcks")
    }
}

/// What waits for an ack of one socket.
pub(crate) enum Waiter {
    One(oneshot::Sender<Args>),
    Broadcast(Answer),
}

/// Reports one socket's answer to a broadcast. Dropped without an ack, it reports that the socket
/// is gone.
pub(crate) struct Answer {
    socket: Sid,
    to: Option<mpsc::Sender<BroadcastAck>>,
}

impl Waiter {
    pub(crate) fn answer(self, args: Args) {
        match self {
            // An error means that the caller gave up.
            Self::One(waiter) => drop(waiter.send(args)),
            Self::Broadcast(answer) => answer.send(Ok(args)),
        }
    }
}

impl Answer {
    fn send(mut self, result: Result<Args, AckError>) {
        if let Some(to) = self.to.take() {
            // Never full: the channel has room for one answer of each socket.
            let _ = to.try_send(BroadcastAck { socket: Some(self.socket), result });
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(to) = self.to.take() {
            let result = Err(AckError::Disconnected);
            let _ = to.try_send(BroadcastAck { socket: Some(self.socket), result });
        }
    }
}

/// The acks of a broadcast by the sockets of this node: a stream with one item for every socket.
pub struct LocalAcks {
    id: u64,
    waiting: HashMap<Sid, Socket>,
    /// Answers that are known without waiting.
    ready: VecDeque<BroadcastAck>,
    answers: mpsc::Receiver<BroadcastAck>,
    within: Duration,
    sleep: Pin<Box<Sleep>>,
    receivers: usize,
}

impl LocalAcks {
    /// Sends a packet that carries `id` to `sockets`.
    pub(crate) fn send(
        sockets: Vec<Socket>,
        id: u64,
        outgoing: &SharedPacket,
        volatile: bool,
        within: Duration,
    ) -> Self {
        let (to, answers) = mpsc::channel(sockets.len().max(1));
        let (mut waiting, mut ready) = (HashMap::new(), VecDeque::new());
        let mut receivers = 0;
        for socket in sockets {
            let sid = socket.id();
            if volatile && !socket.is_writable() {
                // Counts the event as dropped. No ack is awaited for it.
                socket.deliver(outgoing, true);
                continue;
            }
            receivers += 1;
            let answer = Answer { socket: sid, to: Some(to.clone()) };
            match socket.ask(id, Waiter::Broadcast(answer), outgoing) {
                Ok(()) => drop(waiting.insert(sid, socket)),
                Err(error) => ready.push_back(BroadcastAck::new(Some(sid), Err(error))),
            }
        }
        let sleep = Box::pin(tokio::time::sleep(within));
        Self { id, waiting, ready, answers, within, sleep, receivers }
    }

    /// Number of sockets that were asked.
    pub fn receivers(&self) -> usize {
        self.receivers
    }
}

impl Stream for LocalAcks {
    type Item = BroadcastAck;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<BroadcastAck>> {
        let this = &mut *self;
        if let Some(ack) = this.ready.pop_front() {
            return Poll::Ready(Some(ack));
        }
        if this.waiting.is_empty() {
            return Poll::Ready(None);
        }
        while let Poll::Ready(Some(ack)) = this.answers.poll_recv(cx) {
            // An ack after its time was already reported as a timeout.
            if ack.socket.is_some_and(|socket| this.waiting.remove(&socket).is_some()) {
                return Poll::Ready(Some(ack));
            }
        }
        if this.sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        for (sid, socket) in this.waiting.drain() {
            socket.forget_ack(this.id);
            let result = Err(AckError::Timeout(this.within));
            this.ready.push_back(BroadcastAck { socket: Some(sid), result });
        }
        Poll::Ready(this.ready.pop_front())
    }
}

impl Drop for LocalAcks {
    fn drop(&mut self) {
        self.waiting.values().for_each(|socket| socket.forget_ack(self.id));
    }
}

impl fmt::Debug for LocalAcks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalAcks")
            .field("receivers", &self.receivers)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}
