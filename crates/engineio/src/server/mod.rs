//! The server: sessions of [`proto`] on hyper and tokio-tungstenite.
//!
//! A [`Server`] runs one async fn for every session. The session's own task polls it, together with
//! reads, writes and timers, so that a message reaches it without a channel. [`Server::service`] is a
//! tower and hyper service that can be mounted under any path.
//!
//! ```
//! use engineio::server::{Server, Socket};
//!
//! let server = Server::new(Default::default(), |mut socket: Socket| async move {
//!     while let Some(message) = socket.recv().await {
//!         socket.ready().await;
//!         if socket.send(message).is_err() {
//!             break;
//!         }
//!     }
//! });
//! let service = server.service();
//! # let _ = service;
//! ```
//!
//! # The room
//!
//! In come HTTP requests, by [`Service`] and `http/`. A handshake makes a session of
//! [`proto::server`], puts it into the registry and starts its driver; later
//! requests find it there by their `sid`. Out go answers and websockets. This room holds what is one
//! per server: configuration, registry, counters, hooks. The task of a session (`session/`) and its
//! websocket know none of it; `Inner` tells them as their role.
//!
//! Every request is answered, and the registry never keeps a session that is over. Start reading at
//! `http/mod.rs`.

#[cfg(feature = "compression")]
mod compression;
mod config;
mod cookie;
mod entropy;
mod hooks;
mod http;
mod mount;
mod origin;
mod refusal;
mod registry;
mod service;
mod shutdown;
mod socket;
mod stats;

pub use self::http::{Body, Parts};
pub use crate::io::Cork;
#[cfg(feature = "compression")]
pub use compression::Compression;
pub use config::Config;
pub use cookie::{Cookie, InvalidCookie, SameSite};
pub use entropy::random_sid;
pub use hooks::{AllowRequest, ChooseSubprotocol, GenerateSid, OnRefused, ResponseHeaders};
pub use mount::Mount;
pub use origin::{Origin, OriginError, Origins, Predicate};
pub use refusal::{Refusal, Unavailable, WebsocketRefusal};
pub use service::Service;
pub use shutdown::Drained;
pub use socket::{Sender, Socket};
pub use stats::{Closes, Stats};

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use registry::Registry;
use socket::About;
use stats::Counters;
use tokio::sync::Semaphore;

use crate::proto::{self, CloseReason, Tally, Transport};
use crate::session::Role;

/// An Engine.IO server. Clones are handles to the same one.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) session: Arc<proto::server::Config>,
    pub(crate) registry: Registry,
    pub(crate) app: App,
    pub(crate) counters: Counters,
    /// One permit for each handshake that may be in progress.
    pub(crate) handshakes: Arc<Semaphore>,
    /// Times of all sessions count from here.
    pub(crate) origin: tokio::time::Instant,
}

type App = Box<dyn Fn(Socket) -> BoxFuture<'static, ()> + Send + Sync>;

impl Server {
    /// A server that runs `app` for every session. When the future it returns is done, the session
    /// closes; when the session closes, [`Socket::recv`] gives `None` and the future may finish.
    pub fn new<F, Fut>(config: Config, app: F) -> Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let mut session = config.session.clone();
        session.upgrades &= config.websocket;
        Self {
            inner: Arc::new(Inner {
                session: Arc::new(session),
                registry: Registry::new(config.max_sessions),
                counters: Counters::default(),
                handshakes: Arc::new(Semaphore::new(
                    config.max_handshakes.min(Semaphore::MAX_PERMITS),
                )),
                config,
                app: Box::new(move |socket| Box::pin(app(socket))),
                origin: tokio::time::Instant::now(),
            }),
        }
    }

    /// The service that answers requests. It looks at the query only: mount it under a path.
    pub fn service(&self) -> Service {
        Service::new(Arc::clone(&self.inner))
    }

    /// Sessions that are not over.
    pub fn sessions(&self) -> usize {
        self.inner.registry.len()
    }

    /// Figures since the start, read without a lock.
    pub fn stats(&self) -> Stats {
        let max = self.inner.config.max_handshakes.min(Semaphore::MAX_PERMITS);
        let free = self.inner.handshakes.available_permits();
        self.inner.counters.read(max.saturating_sub(free) as u64)
    }
}

impl Role for Inner {
    type Machine = proto::server::Session;
    type About = About;

    fn count(&self, tally: Tally) {
        self.counters.add(tally);
    }

    fn forget(&self, about: &About, transport: Transport, reason: Option<&CloseReason>) {
        self.counters.closed(transport, reason);
        self.registry.remove(about.sid);
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("sessions", &self.sessions())
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
