//! What an application holds of a session.

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

    /// As [`Socket::recv`], for callers that poll.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.sender.shared.poll_recv(cx)
    }

    /// As [`Socket::poll_recv`]; the messages behind it that are there already go to the end of
    /// `more`, by the same lock.
    ///
    /// The task of `cx` is woken when others come, also when a message was given: who has handled
    /// all need not ask again to wait, unless [read-ahead](Socket::set_read_ahead) is off. Beside
    /// what was taken up to [`inbox_bytes`](crate::proto::Limits::inbox_bytes) are read ahead.
    pub fn poll_recv_all(
        &mut self,
        cx: &mut Context<'_>,
        more: &mut VecDeque<Message>,
    ) -> Poll<Option<Message>> {
        self.sender.shared.poll_recv_all(cx, more)
    }

    /// Whether frames of a websocket are read before [`Socket::recv`] asks for them. Default true.
    ///
    /// Without it, what the application sends before it asks for more also reaches a client that
    /// has closed right behind its message: that close is not read yet. Pongs are read no sooner
    /// than other packets, so do not keep the client waiting for long.
    pub fn set_read_ahead(&self, on: bool) {
        self.sender.shared.set_read_ahead(on);
    }

    /// Has the application polled at this time, as if it had been woken; `None` takes that back. It
    /// costs no timer of its own: the session has one, which serves this too. While the application
    /// runs longer than its session it does not.
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

/// Sends to one session, from any task. Clones are handles to the same session.
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

    /// Whether what is sent now leaves at once: nothing waits, and the transport takes it: a GET is
    /// held, or the websocket has taken all that it was given.
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

    /// Ends the session when what waits is sent, with reason `forced close`.
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
