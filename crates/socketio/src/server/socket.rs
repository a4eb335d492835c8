//! A socket: one client in one namespace.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engineio::proto::Sid;
use engineio::server::{Parts, Sender};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::session::{Command, Mailbox};
use super::{AckError, Config, EmitError, Namespace};
use crate::proto::{self, Acks, Args, EncodeError, Encoded, RawJson, encode};

/// One client in one namespace. Clones are handles to the same socket, usable from any task.
#[derive(Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

struct Inner {
    id: Sid,
    namespace: Namespace,
    engine: Sender,
    auth: Option<RawJson>,
    mailbox: Arc<Mailbox>,
    gone: AtomicBool,
    acks: Mutex<Acks<oneshot::Sender<Args>>>,
    ack_timeout: Duration,
    data: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Socket {
    pub(crate) fn new(
        id: Sid,
        namespace: Namespace,
        engine: Sender,
        auth: Option<RawJson>,
        mailbox: Arc<Mailbox>,
        config: &Config,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                id,
                namespace,
                engine,
                auth,
                mailbox,
                gone: AtomicBool::new(false),
                acks: Mutex::new(Acks::new(config.connection.max_pending_acks)),
                ack_timeout: config.ack_timeout,
                data: Mutex::default(),
            }),
        }
    }

    /// The socket's id. Another one than the session's below.
    pub fn id(&self) -> Sid {
        self.inner.id
    }

    /// Its namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.inner.namespace
    }

    pub(crate) fn namespace_name(&self) -> &proto::Namespace {
        self.inner.namespace.name()
    }

    /// The request of the handshake: URI, headers, and extensions that the host put there.
    pub fn request(&self) -> &Parts {
        self.inner.engine.request()
    }

    /// The first value of a key in the handshake's query, decoded.
    pub fn query(&self, key: &str) -> Option<Cow<'_, str>> {
        let query = self.request().uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == key).map(|(_, value)| value)
    }

    /// What the client's CONNECT carried, if it carried something.
    pub fn auth(&self) -> Option<&RawJson> {
        self.inner.auth.as_ref()
    }

    /// Sends an event. A tuple is spread over several arguments, `()` is none, any other type is
    /// one; bytes anywhere in them leave as attachments.
    ///
    /// # Errors
    /// [`EmitError::Full`] when the client does not read: nothing was queued.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.send(&encode::event(self.namespace_name(), None, event, args)?)
    }

    /// Sends an event with arguments that were received, byte for byte, with their attachments.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit_args(&self, event: &str, args: &Args) -> Result<(), EmitError> {
        let packet = encode::event_args(self.namespace_name(), None, event, args);
        self.send(&packet.map_err(EncodeError::from)?)
    }

    /// Sends a packet that is encoded already, such as one that many sockets receive.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn send(&self, packet: &Encoded) -> Result<(), EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Disconnected);
        }
        if packet.attachments().is_empty() {
            return Ok(self.inner.engine.send(packet.text().clone())?);
        }
        let messages: Vec<_> = packet.messages().collect();
        Ok(self.inner.engine.send_all(&messages)?)
    }

    /// Sends an event and waits for the client's ack, for the configured time.
    ///
    /// # Errors
    /// As [`Socket::emit`]; and when no ack comes in time, or too many are awaited.
    ///
    /// # Cancel safety
    /// Dropping the future forgets the ack, not the event.
    pub async fn emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
    ) -> Result<Args, AckError> {
        self.await_ack(|id| encode::event(self.namespace_name(), Some(id), event, args)).await
    }

    /// As [`Socket::emit_with_ack`], with arguments that were received.
    ///
    /// # Errors
    /// As [`Socket::emit_with_ack`].
    pub async fn emit_args_with_ack(&self, event: &str, args: &Args) -> Result<Args, AckError> {
        let encode = |id| encode::event_args(self.namespace_name(), Some(id), event, args);
        self.await_ack(|id| Ok(encode(id)?)).await
    }

    async fn await_ack(
        &self,
        encode: impl FnOnce(u64) -> Result<Encoded, EncodeError>,
    ) -> Result<Args, AckError> {
        let (waiter, ack) = oneshot::channel();
        let id = self.acks().insert(None, waiter)?;
        let _forget = Forget { socket: self, id };
        self.send(&encode(id).map_err(EmitError::from)?)?;
        let timeout = self.inner.ack_timeout;
        match tokio::time::timeout(timeout, ack).await {
            Ok(Ok(args)) => Ok(args),
            Ok(Err(_)) => Err(AckError::Disconnected),
            Err(_) => Err(AckError::Timeout(timeout)),
        }
    }

    /// Waits until the outbox is at most half full, or the connection is over.
    ///
    /// # Cancel safety
    /// Holds nothing; may be dropped at any time.
    pub async fn ready(&self) {
        self.inner.engine.ready().await;
    }

    /// Runs `task` beside the handlers, polled by the connection's own task, and drops it when the
    /// socket disconnects. On a socket that is gone it is dropped at once.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.mailbox.send(Command::Spawn(self.clone(), Box::pin(task)));
    }

    /// Disconnects this socket; the client's other namespaces stay.
    pub fn disconnect(&self) {
        if !self.inner.gone.swap(true, Ordering::AcqRel) {
            self.inner.mailbox.send(Command::Disconnect(self.clone()));
        }
    }

    /// Closes the whole connection, with all its namespaces, when what waits is sent.
    pub fn close(&self) {
        self.inner.engine.close();
    }

    /// Whether events can still be sent.
    pub fn is_connected(&self) -> bool {
        !self.inner.gone.load(Ordering::Acquire)
    }

    /// Keeps a value with the socket; one of each type.
    pub fn insert<T: Any + Send + Sync>(&self, value: T) {
        self.data().insert(TypeId::of::<T>(), Arc::new(value));
    }

    /// The value of this type that was kept.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = self.data().get(&TypeId::of::<T>()).cloned()?;
        value.downcast().ok()
    }

    /// What the client's CONNECT carried, as a `T`.
    ///
    /// # Errors
    /// The error of serde. A CONNECT without data reads as an empty object.
    pub fn auth_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match self.auth() {
            Some(auth) => auth.parse(),
            None => serde_json::from_str("{}"),
        }
    }

    /// Events can no longer be sent from here on; acks that are awaited will not come.
    pub(crate) fn leave(&self) {
        self.inner.gone.store(true, Ordering::Release);
        self.acks().drain().for_each(drop);
    }

    /// The client acked.
    pub(crate) fn acked(&self, id: u64, args: Args) {
        let waiter = self.acks().take(id);
        match waiter {
            Some(waiter) => drop(waiter.send(args)),
            None => tracing::debug!(socket = %self.id(), id, "ack that nobody awaits"),
        }
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    fn acks(&self) -> MutexGuard<'_, Acks<oneshot::Sender<Args>>> {
        self.inner.acks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn data(&self) -> MutexGuard<'_, HashMap<TypeId, Arc<dyn Any + Send + Sync>>> {
        self.inner.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets an awaited ack when nobody waits for it any more.
struct Forget<'a> {
    socket: &'a Socket,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.socket.acks().take(self.id);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.id())
            .field("namespace", self.namespace_name())
            .finish_non_exhaustive()
    }
}
