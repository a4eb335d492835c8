//! One websocket: frames of the session on an upgraded HTTP connection. [RFC 6455]

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Sink as _, SinkExt, Stream as _};
use http::{HeaderMap, HeaderValue, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, frame};

use crate::proto::{Frame, TransportFault};

/// A websocket, from the moment its 101 is on the way.
pub(crate) enum WebSocket {
    /// The HTTP connection is not handed over yet.
    Opening(BoxFuture<'static, Result<Stream, TransportFault>>),
    Open(Box<Stream>),
}

type Stream = WebSocketStream<TokioIo<Upgraded>>;

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
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(max))
            .max_frame_size(Some(max));
        Self::Opening(Box::pin(async move {
            let opened = tokio::time::timeout(open, upgrade).await;
            drop(permit);
            let max_ms = u64::try_from(open.as_millis()).unwrap_or(u64::MAX);
            let upgraded = opened
                .map_err(|_| TransportFault::OpenTimeout { max_ms })?
                .map_err(|_| TransportFault::Websocket)?;
            let io = TokioIo::new(upgraded);
            Ok(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await)
        }))
    }

    /// Reads one frame. Waits for the connection first.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Read> {
        let stream = match ready!(self.poll_open(cx)) {
            Ok(stream) => stream,
            Err(fault) => return Poll::Ready(Read::Failed(fault)),
        };
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut *stream).poll_next(cx)) {
                Some(Ok(WsMessage::Text(text))) => Read::Frame(Frame::Text(Bytes::from(text))),
                Some(Ok(WsMessage::Binary(data))) => Read::Frame(Frame::Binary(data)),
                Some(Ok(WsMessage::Ping(_) | WsMessage::Pong(_))) => continue,
                Some(Ok(WsMessage::Close(_) | WsMessage::Frame(_))) | None => Read::Closed,
                Some(Err(error)) => {
                    let (code, read) = match error {
                        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                            let fault = TransportFault::FrameTooLarge { len: size, max: max_size };
                            (CloseCode::Size, Read::Failed(fault))
                        }
                        Error::Utf8(_) => {
                            (CloseCode::Invalid, Read::Failed(TransportFault::Websocket))
                        }
                        // The connection ended without a word. The reference does not tell this
                        // from a goodbye either.
                        Error::Io(_)
                        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                            return Poll::Ready(Read::Closed);
                        }
                        _ => (CloseCode::Protocol, Read::Failed(TransportFault::Websocket)),
                    };
                    let close = WsMessage::Close(Some(CloseFrame { code, reason: "".into() }));
                    let _ = Pin::new(&mut *stream).start_send(close);
                    read
                }
            });
        }
    }

    /// Whether a frame may be sent now.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportFault>> {
        let stream = ready!(self.poll_open(cx))?;
        Pin::new(stream).poll_ready(cx).map_err(|_| TransportFault::Websocket)
    }

    /// Sends a frame after [`WebSocket::poll_ready`].
    pub(crate) fn start_send(&mut self, frame: Frame) -> Result<(), TransportFault> {
        let Self::Open(stream) = self else { return Err(TransportFault::Websocket) };
        let (data, kind) = match frame {
            Frame::Text(text) => (text, Data::Text),
            Frame::Binary(data) => (data, Data::Binary),
        };
        let frame = frame::Frame::message(data, OpCode::Data(kind), true);
        Pin::new(&mut **stream)
            .start_send(WsMessage::Frame(frame))
            .map_err(|_| TransportFault::Websocket)
    }

    /// Writes out what was sent.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportFault>> {
        match self {
            Self::Opening(_) => Poll::Ready(Ok(())),
            Self::Open(stream) => {
                Pin::new(&mut **stream).poll_flush(cx).map_err(|_| TransportFault::Websocket)
            }
        }
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
        let mut stream = match self {
            Self::Open(stream) => stream,
            Self::Opening(open) => match open.await {
                Ok(stream) => Box::new(stream),
                Err(_) => return,
            },
        };
        // Not the stream's own `close`, which refuses to answer the peer's.
        let _ = SinkExt::close(&mut *stream).await;
        let io = stream.get_mut();
        let _ = io.shutdown().await;
        let mut scratch = [0; 512];
        while matches!(io.read(&mut scratch).await, Ok(n) if n > 0) {}
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<&mut Stream, TransportFault>> {
        if let Self::Opening(open) = self {
            *self = Self::Open(Box::new(ready!(open.as_mut().poll(cx))?));
        }
        match self {
            Self::Open(stream) => Poll::Ready(Ok(stream)),
            Self::Opening(_) => Poll::Pending,
        }
    }
}

/// The headers of the 101, or `None` when the request is no valid websocket handshake.
pub(crate) fn accept(headers: &HeaderMap) -> Option<HeaderMap> {
    let version = headers.get(header::SEC_WEBSOCKET_VERSION)?;
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    if !wants_websocket(headers) || version != "13" {
        return None;
    }
    let mut answer = HeaderMap::new();
    answer.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()?;
    answer.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Some(answer)
}

/// Whether a request asks to become a websocket.
pub(crate) fn wants_websocket(headers: &HeaderMap) -> bool {
    let has = |name, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket")
}

/// Bytes read at once from a websocket, and kept for it.
const READ_BUFFER: usize = 4 << 10;
/// Bytes collected before they are written, unless there are no more.
const WRITE_BUFFER: usize = 32 << 10;
/// Time a closing websocket may take.
const LINGER: Duration = Duration::from_secs(2);
