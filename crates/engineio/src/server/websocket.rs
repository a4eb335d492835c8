//! One websocket: frames of the session on an upgraded HTTP connection. [RFC 6455]
//!
//! What is read is in `frames.rs`. Messages that leave go around tungstenite's write buffer, which
//! would copy each of them and is never given back.

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
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::Data;

use super::cork::Cork;
use super::frames::{Frames, write_header};
use super::wire::{Stream, Wire};
use crate::proto::{Frame, TransportFault};

/// A websocket, from the moment its 101 is on the way.
pub(crate) enum WebSocket {
    Opening(Opening),
    Open(Box<Open>),
}

/// The HTTP connection is not handed over yet.
pub(crate) struct Opening {
    upgrade: OnUpgrade,
    max: usize,
    within: Duration,
    /// Set when it is not handed over at once, as by hyper it is.
    timeout: Option<Pin<Box<Sleep>>>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// A websocket that is there.
pub(crate) struct Open {
    frames: Frames,
    wire: Wire<Connection>,
    /// Its end says all that a shutdown would: it is no encrypted one.
    is_plain: bool,
    /// No whole frame is left of what was read.
    drained: bool,
    /// It was read from or written to, which a 101 waits for on a [`Cork`].
    begun: bool,
}

/// What reads and writes.
type Connection = Box<dyn Stream + Send>;

/// What a read gives.
pub(crate) enum Read {
    Frame(Frame),
    /// The peer closed, or is gone.
    Closed,
    /// The peer broke RFC 6455 or a limit; it has been told by a close code.
    Failed(TransportFault),
}

impl WebSocket {
    /// A websocket on `upgrade`, whose frames have at most `max` bytes, to be there within `open`.
    /// Until it is, the handshake is in progress and keeps its permit.
    pub(crate) fn new(
        upgrade: OnUpgrade,
        max: usize,
        open: Duration,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self::Opening(Opening { upgrade, max, within: open, timeout: None, _permit: permit })
    }

    /// Waits until there may be a frame, and reads from the connection if it must.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportFault>> {
        let open = ready!(self.poll_open(cx))?;
        if open.drained {
            open.begun = true;
            ready!(open.wire.poll_fill(cx));
            open.drained = false;
        }
        Poll::Ready(Ok(()))
    }

    /// The next frame of what was read. Asks no connection and wakes nobody.
    pub(crate) fn next_frame(&mut self) -> Option<Read> {
        match self {
            Self::Opening(_) => None,
            Self::Open(open) => open.next_frame(),
        }
    }

    /// Ends a turn of [`WebSocket::next_frame`]: what is left is kept in memory of its own.
    pub(crate) fn settle(&mut self) {
        if let Self::Open(open) = self {
            open.wire.settle();
        }
    }

    /// Whether a frame may be sent now.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportFault>> {
        let open = ready!(self.poll_open(cx))?;
        if open.has_room() {
            return Poll::Ready(Ok(()));
        }
        open.wire.poll_flush(cx).map_err(|_| TransportFault::Websocket)
    }

    /// Whether another frame may be sent before the next [`WebSocket::poll_ready`].
    pub(crate) fn has_room(&self) -> bool {
        matches!(self, Self::Open(open) if open.has_room())
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
            Self::Open(open) if open.wire.waiting() == 0 && open.begun => Poll::Ready(Ok(())),
            Self::Open(open) => open.poll_flush(cx).map_err(|_| TransportFault::Websocket),
        }
    }

    /// Closes after the peer has. It sends nothing more: what is to be said leaves at once if the
    /// connection takes it, and the connection with that.
    pub(crate) fn close_too(mut self, cx: &mut Context<'_>) {
        if let Self::Open(open) = &mut self
            && open.frames.poll_goodbye(&mut open.wire, cx).is_ready()
            && (open.is_plain || open.wire.poll_shutdown(cx).is_ready())
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
    /// unread bytes is reset, and the peer may never see why.
    async fn linger(self) {
        let mut open = match self {
            Self::Open(open) => open,
            Self::Opening(mut open) => match std::future::poll_fn(|cx| open.poll(cx)).await {
                Ok(open) => open,
                Err(_) => return,
            },
        };
        let Open { frames, wire, .. } = &mut *open;
        std::future::poll_fn(|cx| frames.poll_goodbye(wire, cx)).await;
        let _ = std::future::poll_fn(|cx| wire.poll_shutdown(cx)).await;
        while std::future::poll_fn(|cx| wire.poll_skip(cx)).await {}
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
            return Poll::Ready(Ok(Box::new(Open::new(upgraded, self.max))));
        }
        let within = self.within;
        let timeout = self.timeout.get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
        ready!(timeout.as_mut().poll(cx));
        let max_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        Poll::Ready(Err(TransportFault::OpenTimeout { max_ms }))
    }
}

impl Open {
    /// A connection that hyper hands over: as it was accepted if it is one of those that need
    /// nothing of hyper's any more, with what hyper had read beyond the request.
    fn new(upgraded: Upgraded, max: usize) -> Self {
        let taken = plain::<Cork<TcpStream>>(upgraded).or_else(plain::<TcpStream>);
        #[cfg(unix)]
        let taken = taken.or_else(plain::<Cork<UnixStream>>).or_else(plain::<UnixStream>);
        let is_plain = taken.is_ok();
        let (io, read) = taken.unwrap_or_else(|upgraded| {
            let io: Connection = Box::new(TokioIo::new(upgraded));
            (io, Bytes::new())
        });
        let drained = read.is_empty();
        let (frames, wire) = (Frames::new(max), Wire::new(io, read));
        Self { frames, wire, is_plain, drained, begun: false }
    }

    fn next_frame(&mut self) -> Option<Read> {
        let read = self.frames.next(&mut self.wire);
        self.drained = read.is_none();
        read
    }

    fn has_room(&self) -> bool {
        self.wire.waiting() < WRITE_BUFFER
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.wire.waiting() == 0 {
            ready!(self.wire.poll_nudge(cx))?;
        }
        self.begun = true;
        self.wire.poll_flush(cx)
    }

    fn send(&mut self, frame: Frame) {
        let (data, kind) = match frame {
            Frame::Text(text) => (text, Data::Text),
            Frame::Binary(data) => (data, Data::Binary),
        };
        write_header(kind, data.len(), |header| self.wire.copy(header));
        self.wire.share(data);
    }
}

fn plain<T: Stream + Send + 'static>(upgraded: Upgraded) -> Result<(Connection, Bytes), Upgraded> {
    let parts = upgraded.downcast::<TokioIo<T>>()?;
    Ok((Box::new(parts.io.into_inner()), parts.read_buf))
}

/// What answers the key of a request that [`wants_websocket`], or `None` when it is no valid
/// websocket handshake.
pub(crate) fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let version = headers.get(header::SEC_WEBSOCKET_VERSION)?;
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    if version != "13" {
        return None;
    }
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()
}

/// Whether a request asks to become a websocket.
pub(crate) fn wants_websocket(headers: &HeaderMap) -> bool {
    // Of requests that do not, most have no such header.
    headers.contains_key(header::UPGRADE)
        && has_token(headers, header::UPGRADE, b"websocket")
        && has_token(headers, header::CONNECTION, b"upgrade")
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &[u8]) -> bool {
    let is_it = |part: &[u8]| part.eq_ignore_ascii_case(token);
    headers.get_all(name).iter().map(HeaderValue::as_bytes).any(|value| {
        // Most say nothing else.
        is_it(value) || value.split(|byte| *byte == b',').any(|part| is_it(part.trim_ascii()))
    })
}

/// Bytes collected before they are written, unless there are no more.
pub(super) const WRITE_BUFFER: usize = 32 << 10;
/// Time a closing websocket may take.
const LINGER: Duration = Duration::from_secs(2);
