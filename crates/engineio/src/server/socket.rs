//! What an application holds of a session: its socket and its senders.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::{Inner, Parts};
use crate::proto::{CloseReason, Message, Outgoing, Protocol, SendError, Sid, Transport};
use crate::session::Shared;

/// One session, given to the application: receives, and sends through its [`Sender`].
///
/// Dropping it closes the session.
pub struct Socket {
    sender: Sender,
}

impl Socket {
    pub(crate) fn new(shared: Arc<Shared<Inner>>) -> Self {
        Self { sender: Sender { shared } }
    }

    /// The next message, in order; `None` when the session is over.
    ///
    /// While the application does not take messages, at most
    /// [`inbox_bytes`](crate::proto::Limits::inbox_bytes) are read ahead.
    ///
    /// # Cancel safety
    /// No message is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<Message> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`Socket::recv`] for callers that poll.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.sender.shared.poll_recv(cx)
    }

    /// The next message, like [`Socket::poll_recv`]. The messages that have come after it go to the
    /// end of `more`, by the same lock.
    ///
    /// Registers the waker even when it returns a message, unless
    /// [read-ahead](Socket::set_read_ahead) is off. In addition to what was taken, up to
    /// [`inbox_bytes`](crate::proto::Limits::inbox_bytes) are read ahead.
    pub fn poll_recv_all(
        &mut self,
        cx: &mut Context<'_>,
        more: &mut VecDeque<Message>,
    ) -> Poll<Option<Message>> {
        self.sender.shared.poll_recv_all(cx, more)
    }

    /// Whether frames of a websocket are read before [`Socket::recv`] asks for them. Default true.
    ///
    /// Without read-ahead, a client that closes right after its message still gets what the
    /// application sends before it asks for more: the close is not read before that. Pongs are not
    /// read before that either, so ask for more well within the ping timeout.
    pub fn set_read_ahead(&self, on: bool) {
        self.sender.shared.set_read_ahead(on);
    }

    /// Polls the application at this time, as if it had been woken. `None` cancels that. It needs no
    /// timer of its own, because the timer of the session serves it too. Has no effect once the
    /// session is over.
    pub fn set_alarm(&self, at: Option<Instant>) {
        self.sender.shared.set_alarm(at.map(Into::into));
    }

    /// A handle to send from elsewhere.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Why the session is over, once [`Socket::recv`] gave `None`.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.sender.shared.look(|state| state.closed.clone())
    }
}

impl Deref for Socket {
    type Target = Sender;

    fn deref(&self) -> &Sender {
        &self.sender
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.sender.close();
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("sid", &self.sid()).finish_non_exhaustive()
    }
}

/// What a session of a server keeps of its handshake.
pub(crate) struct About {
    pub(crate) sid: Sid,
    pub(crate) protocol: Protocol,
    pub(crate) request: Arc<Parts>,
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sid.fmt(f)
    }
}

/// Sends to one session, from any task. A clone is another handle to the same session.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared<Inner>>,
}

impl Sender {
    /// The session's id.
    pub fn sid(&self) -> Sid {
        self.shared.about().sid
    }

    /// The request of the handshake: method, URI, headers, and extensions that the host put there.
    pub fn request(&self) -> &Parts {
        &self.shared.about().request
    }

    /// The protocol the client speaks.
    pub fn protocol(&self) -> Protocol {
        self.shared.about().protocol
    }

    /// What messages travel on now.
    pub fn transport(&self) -> Transport {
        self.shared.look(|state| state.session.transport())
    }

    /// Queues a message, or several that belong together: all or none, and nothing between them.
    ///
    /// ```
    /// # use engineio::proto::{Message, Outgoing, SendError};
    /// # use engineio::server::Sender;
    /// # fn example(sender: &Sender, parts: &[Message], zipped: bytes::Bytes) -> Result<(), SendError> {
    /// sender.send("hello")?;
    /// sender.send(parts)?;
    /// sender.send(Outgoing::from(zipped).uncompressed())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SendError::Full`] when the client does not read: nothing was queued, wait for
    /// [`Sender::ready`]. [`SendError::Closed`] after the end.
    pub fn send<'a>(&self, messages: impl Into<Outgoing<'a>>) -> Result<(), SendError> {
        self.shared.send(messages.into())
    }

    /// Queues messages from the first on, as many as there is room for, and returns how many. The
    /// rest is dropped; send it again after [`Sender::ready`].
    ///
    /// # Errors
    /// [`SendError::Closed`] after the end.
    pub fn send_some(&self, messages: Vec<Message>) -> Result<usize, SendError> {
        self.shared.send_some(messages)
    }

    /// Whether a message sent now leaves at once: nothing else is queued, and the transport takes it.
    /// On polling a GET is held; a websocket has taken everything it was given.
    pub fn is_writable(&self) -> bool {
        self.shared.is_writable()
    }

    /// Waits until the outbox is at most half full and has room for what it refused last, or the
    /// session is over.
    ///
    /// # Cancel safety
    /// Holds nothing; may be dropped at any time.
    pub async fn ready(&self) {
        self.shared.ready().await;
    }

    /// Ends the session once everything queued is sent, with reason `forced close`.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether the session is over, or about to be.
    pub fn is_closed(&self) -> bool {
        self.shared.look(|state| !state.session.is_open())
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("sid", &self.sid()).finish_non_exhaustive()
    }
}
