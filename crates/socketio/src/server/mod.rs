//! The server: namespaces and async handlers on the server of [`engineio`].
//!
//! Handlers of one socket run one after the other, in the order their events came, polled by the
//! connection's own task beside reads, writes and timers. A handler that waits delays the next
//! event of its socket, and nothing else; while it waits a bounded queue fills, and then the
//! server stops reading from that client.
//!
//! ```
//! use socketio::server::{Ack, Data, Server, Socket};
//!
//! let server = Server::default();
//! server
//!     .of("/")?
//!     .on_connect(|socket: Socket| async move {
//!         let _ = socket.emit("welcome", &socket.id().as_str());
//!     })
//!     .on("add", |Data((a, b)): Data<(i64, i64)>| async move { Ack(a + b) });
//! let service = server.service(); // a tower and hyper service: mount it at /socket.io/
//! # let _ = service;
//! # Ok::<(), socketio::proto::Misuse>(())
//! ```

mod ack;
mod config;
mod error;
mod handler;
mod namespace;
mod session;
mod socket;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

pub use ack::{Ack, AckSender, Reply};
pub use config::Config;
pub use error::{AckError, ConnectError, DisconnectReason, EmitError};
pub use handler::{Data, Event, FromEvent, Handler};
pub use namespace::Namespace;
pub use socket::Socket;

use crate::proto::{self, Misuse};
use session::Session;

/// A Socket.IO server. Clones are handles to the same one.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
    engine: engineio::server::Server,
}

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) connection: Arc<proto::Config>,
    pub(crate) namespaces: RwLock<HashMap<proto::Namespace, Namespace>>,
    /// Times of all connections count from here.
    pub(crate) origin: tokio::time::Instant,
}

impl Server {
    /// A server without namespaces: every CONNECT is answered `Invalid namespace` until
    /// [`Server::of`] makes one.
    pub fn new(config: Config) -> Self {
        let engine = config.engine.clone();
        let inner = Arc::new(Inner {
            connection: Arc::new(config.connection.clone()),
            config,
            namespaces: RwLock::default(),
            origin: tokio::time::Instant::now(),
        });
        let sessions = Arc::clone(&inner);
        let engine = engineio::server::Server::new(engine, move |socket| {
            Session::new(Arc::clone(&sessions), socket)
        });
        Self { inner, engine }
    }

    /// The namespace of this name; made if it is not there.
    ///
    /// # Errors
    /// [`Misuse::Namespace`] for a name that does not begin with `/`.
    pub fn of(&self, name: &str) -> Result<Namespace, Misuse> {
        let name: proto::Namespace = name.parse()?;
        let mut namespaces = self.inner.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        Ok(namespaces.entry(name).or_insert_with_key(|name| Namespace::new(name.clone())).clone())
    }

    /// The service that answers requests. It looks at the query only: mount it under a path, by
    /// convention `/socket.io/`.
    pub fn service(&self) -> engineio::server::Service {
        self.engine.service()
    }

    /// The engine below, for its figures.
    pub fn engine(&self) -> &engineio::server::Server {
        &self.engine
    }

    /// Refuses new connections from now on, closes all others when what waits is sent, and waits
    /// for that at most for `deadline`. Returns how many were left then.
    pub async fn shutdown(&self, deadline: Duration) -> usize {
        self.engine.shutdown(deadline).await
    }
}

impl Inner {
    pub(crate) fn find(&self, name: &proto::Namespace) -> Option<Namespace> {
        self.namespaces.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("engine", &self.engine).finish_non_exhaustive()
    }
}
