//! One upgraded connection, from its 101 to its last close frame, for either role. [RFC 6455]
//!
//! Frames come in from the connection and go out to the session as messages, and the other way
//! round. `frame.rs` reads and writes the usual frames and is pure; `foreign.rs` gives the others to
//! tungstenite, one at a time; [`Codec`] joins the two without a connection; `WebSocket` is the
//! codec on a connection, driven by the session's task.
//!
//! Which of the two reads is told by one type, `Holder` in `codec.rs`:
//!
//! ```text
//! holder      whole message   close, code only      any other frame   text not UTF-8   goodbye
//! OWN         deliver         answer it -> CLOSED   -> FOREIGN        -> CLOSING       close frame -> CLOSED
//! FOREIGN     tungstenite     tungstenite           tungstenite       tungstenite      tungstenite
//! CLOSING     -               -                     -                 -                close frame -> CLOSED
//! CLOSED      -               -                     -                 -                nothing
//! ```
//! "Any other frame" is a fragment, a ping or pong, a close with a reason, and whatever breaks a rule.
//! FOREIGN goes back to OWN as soon as tungstenite holds nothing: no part of a frame, no beginning of
//! a message, no pong that waits for room. A client leaves every close frame to tungstenite, which
//! knows how to mask it.
//!
//! What must never happen: a frame that is half one's and half the other's, more than one pong that
//! waits, and a close frame that is sent twice.
//!
//! Start reading at the table, then at [`Codec::next`].

mod codec;
mod foreign;
mod frame;

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

pub use codec::Codec;
pub use frame::{Buffers, Received, Role};
use frame::{Kind, apply_mask, write_header, write_masked_header};

use crate::io::{BufferedIo, Cork, Stream};
use crate::proto::{Frame, TransportFault};

/// A websocket, from the moment its 101 is on the way.
pub(crate) enum WebSocket {
    Opening(Box<Opening>),
    Open(Box<Open>),
}

/// The HTTP connection is not handed over yet.
pub(crate) struct Opening {
    upgrade: OnUpgrade,
    max: usize,
    within: Duration,
    /// Set when the connection is not handed over at once. hyper does it at once.
    timeout: Option<Pin<Box<Sleep>>>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// A websocket whose connection is there.
pub(crate) struct Open {
    codec: Codec,
    io: BufferedIo<Connection>,
    /// The connection is not encrypted: that it ends says all that a shutdown would.
    is_plain: bool,
    /// No whole frame is left of what was read.
    drained: bool,
    /// The connection was read from or written to. A 101 that a [`Cork`] holds back waits for that.
    begun: bool,
    /// The system gave no random bytes for a mask, and a frame was not sent.
    unmasked: bool,
}

/// What reads and writes.
type Connection = Box<dyn Stream + Send>;

impl Buffers for BufferedIo<Connection> {
    fn unread(&self) -> &[u8] {
        Self::unread(self)
    }

    fn take(&mut self, len: usize) {
        Self::take(self, len);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.copy(bytes);
    }

    fn has_room(&self) -> bool {
        Self::has_room(self)
    }

    fn has_ended(&self) -> bool {
        Self::has_ended(self)
    }
}

impl WebSocket {
    /// A websocket of a server on `upgrade`, whose messages have at most `max` bytes. The connection
    /// must be there within `open`; until then the handshake is in progress and keeps its permit.
    pub(crate) fn new(
        upgrade: OnUpgrade,
        max: usize,
        open: Duration,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let opening = Opening { upgrade, max, within: open, timeout: None, _permit: permit };
        Self::Opening(Box::new(opening))
    }

    /// A websocket on a connection that is there already.
    #[cfg(test)]
    pub(crate) fn on(io: impl Stream + Send + 'static, role: Role, max: usize) -> Self {
        Self::Open(Box::new(Open::new(Box::new(io), Bytes::new(), false, role, max)))
    }

    /// Whether the connection is there.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Waits until there may be a frame. Reads from the connection if nothing is left of the last read.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportFault>> {
        let open = ready!(self.poll_open(cx))?;
        if open.drained {
            open.begun = true;
            ready!(open.io.poll_fill(cx));
            open.drained = false;
        }
        Poll::Ready(Ok(()))
    }

    /// The next frame of what was read. Does not touch the connection and wakes nobody, so that it may
    /// be called under a lock.
    pub(crate) fn next_frame(&mut self) -> Option<Received> {
        match self {
            Self::Opening(_) => None,
            Self::Open(open) => open.next_frame(),
        }
    }

    /// Ends a turn of [`WebSocket::next_frame`]: gives the buffer back to the thread, and keeps what is
    /// left of it in memory of its own.
    pub(crate) fn settle(&mut self) {
        if let Self::Open(open) = self {
            open.io.settle();
        }
    }

    /// Whether a frame may be sent now.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportFault>> {
        let open = ready!(self.poll_open(cx))?;
        if open.io.has_room() {
            return Poll::Ready(Ok(()));
        }
        open.io.poll_flush(cx).map_err(|_| TransportFault::Websocket)
    }

    /// Whether another frame may be sent before the next [`WebSocket::poll_ready`].
    pub(crate) fn has_room(&self) -> bool {
        matches!(self, Self::Open(open) if open.io.has_room())
    }

    /// Sends a frame after [`WebSocket::poll_ready`].
    pub(crate) fn start_send(&mut self, frame: Frame) {
        if let Self::Open(open) = self {
            open.send(frame);
        }
    }

    /// Writes out what was sent.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportFault>> {
        match self {
            Self::Opening(_) => Poll::Ready(Ok(())),
            Self::Open(open) if open.io.waiting() == 0 && open.begun && !open.unmasked => {
                Poll::Ready(Ok(()))
            }
            Self::Open(open) => open.poll_flush(cx).map_err(|_| TransportFault::Websocket),
        }
    }

    /// Closes after the peer has. The peer sends nothing more, so if the connection takes the last frame
    /// at once, it is dropped here. Otherwise like [`WebSocket::close`].
    pub(crate) fn close_too(mut self, cx: &mut Context<'_>) {
        if let Self::Open(open) = &mut self
            && open.poll_goodbye(cx).is_ready()
            && (open.is_plain || open.io.poll_shutdown(cx).is_ready())
        {
            return;
        }
        self.close();
    }

    /// Closes in a task of its own, which ends after [`LINGER`]: the session does not wait for it.
    pub(crate) fn close(self) {
        tokio::spawn(async move {
            let _ = tokio::time::timeout(LINGER, self.linger()).await;
        });
    }

    /// Says goodbye and reads on until the peer has closed too. A connection that is dropped with
    /// unread bytes is reset, and the peer may never see the close frame.
    async fn linger(self) {
        let mut open = match self {
            Self::Open(open) => open,
            Self::Opening(mut open) => match std::future::poll_fn(|cx| open.poll(cx)).await {
                Ok(open) => open,
                Err(_) => return,
            },
        };
        std::future::poll_fn(|cx| open.poll_goodbye(cx)).await;
        let _ = std::future::poll_fn(|cx| open.io.poll_shutdown(cx)).await;
        while std::future::poll_fn(|cx| open.io.poll_skip(cx)).await {}
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<&mut Open, TransportFault>> {
        if let Self::Opening(open) = self {
            *self = Self::Open(ready!(open.poll(cx))?);
        }
        match self {
            Self::Open(open) => Poll::Ready(Ok(open)),
            Self::Opening(_) => Poll::Pending,
        }
    }
}

impl Opening {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Box<Open>, TransportFault>> {
        if let Poll::Ready(upgraded) = Pin::new(&mut self.upgrade).poll(cx) {
            let upgraded = upgraded.map_err(|_| TransportFault::Websocket)?;
            return Poll::Ready(Ok(Box::new(Open::upgraded(upgraded, self.max))));
        }
        let within = self.within;
        let timeout = self.timeout.get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
        ready!(timeout.as_mut().poll(cx));
        let max_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        Poll::Ready(Err(TransportFault::OpenTimeout { max_ms }))
    }
}

impl Open {
    /// A connection that hyper hands over. It is taken out of hyper's layers where it needs nothing of
    /// theirs any more, together with what hyper had read beyond the request.
    fn upgraded(upgraded: Upgraded, max: usize) -> Self {
        // A small message must not wait for the ack of the one before it. A host may not have set
        // this: `axum::serve` does not. Where the system refuses, messages only come later.
        let prompt = |stream: &TcpStream| drop(stream.set_nodelay(true));
        let taken = plain(upgraded, |cork: &Cork<TcpStream>| prompt(cork.get_ref()))
            .or_else(|upgraded| plain(upgraded, prompt));
        #[cfg(unix)]
        let taken = taken
            .or_else(|upgraded| plain(upgraded, |_: &Cork<UnixStream>| {}))
            .or_else(|upgraded| plain(upgraded, |_: &UnixStream| {}));
        let is_plain = taken.is_ok();
        let (io, read) = taken.unwrap_or_else(|upgraded| {
            let io: Connection = Box::new(TokioIo::new(upgraded));
            (io, Bytes::new())
        });
        Self::new(io, read, is_plain, Role::Server, max)
    }

    fn new(io: Connection, read: Bytes, is_plain: bool, role: Role, max: usize) -> Self {
        Self {
            drained: read.is_empty(),
            codec: Codec::new(role, max),
            io: BufferedIo::new(io, read),
            is_plain,
            begun: false,
            unmasked: false,
        }
    }

    fn next_frame(&mut self) -> Option<Received> {
        let received = self.codec.next(&mut self.io);
        self.drained = received.is_none();
        received
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unmasked {
            return Poll::Ready(Err(io::ErrorKind::Other.into()));
        }
        if self.io.waiting() == 0 {
            ready!(self.io.poll_nudge(cx))?;
        }
        self.begun = true;
        self.io.poll_flush(cx)
    }

    /// Says goodbye, and writes out all that waits.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.codec.goodbye(&mut self.io) {
            if ready!(self.io.poll_flush(cx)).is_err() {
                return Poll::Ready(());
            }
        }
        self.io.poll_flush(cx).map(drop)
    }

    fn send(&mut self, frame: Frame) {
        let (data, kind) = match frame {
            Frame::Text(text) => (text, Kind::Text),
            Frame::Binary(data) => (data, Kind::Binary),
        };
        if self.codec.role() == Role::Server {
            write_header(kind, data.len(), |header| self.io.copy(header));
            self.io.share(data);
            return;
        }
        // A mask that a script could foresee would let it choose the bytes on the wire. [RFC 6455, 10.3]
        let mut mask = [0; 4];
        if getrandom::fill(&mut mask).is_err() {
            self.unmasked = true;
            return;
        }
        write_masked_header(kind, data.len(), mask, |header| self.io.copy(header));
        let mut data = Vec::from(data);
        apply_mask(&mut data, mask);
        self.io.share(data.into());
    }
}

fn plain<T: Stream + Send + 'static>(
    upgraded: Upgraded,
    prepare: impl FnOnce(&T),
) -> Result<(Connection, Bytes), Upgraded> {
    let parts = upgraded.downcast::<TokioIo<T>>()?;
    let io = parts.io.into_inner();
    prepare(&io);
    Ok((Box::new(io), parts.read_buf))
}

/// Whether a request asks to become a websocket.
pub(crate) fn wants_websocket(headers: &HeaderMap) -> bool {
    // Most other requests do not have this header.
    headers.contains_key(header::UPGRADE)
        && has_token(headers, header::UPGRADE, b"websocket")
        && has_token(headers, header::CONNECTION, b"upgrade")
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &[u8]) -> bool {
    let is_it = |part: &[u8]| part.eq_ignore_ascii_case(token);
    headers.get_all(name).iter().map(HeaderValue::as_bytes).any(|value| {
        // Most headers hold this token only.
        is_it(value) || value.split(|byte| *byte == b',').any(|part| is_it(part.trim_ascii()))
    })
}

/// Time a closing websocket may take.
const LINGER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
