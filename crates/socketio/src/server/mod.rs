//! The server: namespaces and async handlers on the server of [`engineio`].
//!
//! Handlers of one socket run one after the other, in the order their events came. The connection's
//! own task polls them, in turn with reads, writes and timers. A handler that waits delays the next
//! event of its socket, and nothing else. While it waits, a bounded queue fills; when the queue is
//! full, the server stops reading from that client. Acks do not wait in that queue, so a handler
//! may wait for one.
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
//! let service = server.service(); // a tower and hyper service
//! # let _ = service;
//! # Ok::<(), socketio::proto::Misuse>(())
//! ```
//!
//! # Serving it
//!
//! With axum, `nest_service` serves the path with and without its slash. At the end of the program,
//! `shutdown` waits until clients have been told:
//!
//! ```no_run
//! # use std::time::Duration;
//! # async fn run(server: socketio::server::Server) -> std::io::Result<()> {
//! let app = axum::Router::new().nest_service("/socket.io", server.service());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! let stop = async move {
//!     let _ = tokio::signal::ctrl_c().await;
//!     server.shutdown(Duration::from_secs(5)).await;
//! };
//! axum::serve(listener, app).with_graceful_shutdown(stop).await
//! # }
//! ```
//!
//! # Letting clients in
//!
//! A middleware (the reference's `use`) accepts or refuses each CONNECT. The client's `auth` is
//! read as any type:
//!
//! ```
//! use serde::Deserialize;
//! use socketio::server::{ConnectError, Server, Socket};
//!
//! #[derive(Deserialize)]
//! struct Auth {
//!     token: String,
//! }
//!
//! async fn authenticate(socket: Socket) -> Result<(), ConnectError> {
//!     let auth: Auth = socket.auth_as().map_err(|_| ConnectError::new("a token, please"))?;
//!     match auth.token.as_str() {
//!         "secret" => Ok(()),
//!         _ => Err(ConnectError::new("wrong token")),
//!     }
//! }
//!
//! let server = Server::default();
//! server.of("/")?.with(authenticate);
//! # Ok::<(), socketio::proto::Misuse>(())
//! ```
//!
//! # What clients see when something goes wrong
//!
//! An event that was not handled gets no ack, as by the reference: clients take any ack for success.
//! [`Server::on_error`], [`Server::counts`] and the log tell of it. With [`Config::ack_refusals`] the
//! client is told too, if it asked for an ack:
//!
//! | what | the ack with `ack_refusals` |
//! |---|---|
//! | no handler for the event | `{"error":"no handler for event \"x\""}` |
//! | the arguments do not match the handler's | `{"error":…}` with what is wrong |
//! | a middleware refuses the event, or the handler returns an error | `{"error":…}` with its text |
//! | the handler panics, or its [`State`] was never set | `{"error":"internal error"}` |
//! | the [`AckSender`] is dropped unused | none: the client waits for its own timeout |

// The rooms, each above those it uses: session, socket, broadcast and namespace, adapter, local;
// below them outgoing, context, hooks, handshake, config and error. A public type is imported from
// here, an internal one from its room: sockets, namespaces and the sockets of a node refer to each
// other by their public types only.
pub mod adapter;
mod broadcast;
mod client_files;
mod config;
mod context;
mod error;
mod handshake;
mod hooks;
mod local;
mod namespace;
mod outgoing;
mod session;
mod socket;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use broadcast::{Broadcast, RemoteSocket};
pub use client_files::{ClientFiles, ClientFilesError, WithClientFiles};
pub use config::{Config, SlowConsumer};
pub use error::{AckError, ConnectError, DisconnectReason, EmitError};
pub use handshake::{Handshake, Peer, SocketInfo};
pub use hooks::Counts;
pub use local::{
    BroadcastAck, BroadcastAcks, LocalAcks, LocalSockets, Recovery, RestoredSession, Room,
    RoomEvent, Rooms, StoredSession, TooManyRooms,
};
pub use namespace::Namespace;
pub use socket::{Emission, Socket};

pub use crate::handler::{Ack, Data, FromEvent, Handler, HandlerError, NoAck, Reply, State};
use crate::proto::{Misuse, RawJson, encode};
use context::Context;
use namespace::pattern::{Matcher, Pattern};
use namespace::registry::Registry;
use session::Session;

/// One event on its way to its handler.
pub type IncomingEvent = crate::handler::IncomingEvent<Socket>;

/// The ack that a handler owes, to be sent by hand; see [`crate::handler::AckSender`].
pub type AckSender = crate::handler::AckSender<Socket>;

/// A Socket.IO server. Clones are handles to the same one.
///
/// Its own methods that send are those of the namespace `/`, which they create if it does not
/// exist.
#[derive(Clone)]
pub struct Server {
    context: Arc<Context>,
    namespaces: Arc<Registry>,
    engine: engineio::server::Server,
}

impl Server {
    /// Creates a server without namespaces: every CONNECT is answered `Invalid namespace` until
    /// [`Server::of`] creates one.
    pub fn new(config: Config) -> Self {
        let engine = config.engine.clone();
        let context = Arc::new(Context::new(config));
        let namespaces = Arc::new(Registry::new(Arc::clone(&context)));
        let engine = {
            let (context, namespaces) = (Arc::clone(&context), Arc::clone(&namespaces));
            engineio::server::Server::new(engine, move |socket| {
                Session::new(Arc::clone(&context), Arc::clone(&namespaces), socket)
            })
        };
        Self { context, namespaces, engine }
    }

    /// Returns the namespace of this name, and creates it if it does not exist.
    ///
    /// # Errors
    /// [`Misuse::Namespace`] for a name that does not begin with `/`.
    pub fn of(&self, name: &str) -> Result<Namespace, Misuse> {
        Ok(self.namespaces.of(name.parse()?))
    }

    /// Serves namespaces whose names match a pattern, such as `/tenant-{id}`. Each is created when
    /// its first client joins, with the handlers and middlewares that are set here, and is removed
    /// when its last client is gone. A parameter matches one or more characters other than `/`;
    /// [`Namespace::param`] returns it. Namespaces of [`Server::of`] are tried first, then patterns
    /// in the order they were added.
    ///
    /// The returned namespace is a template: it has no sockets itself.
    ///
    /// # Errors
    /// [`Misuse::Namespace`] for a text that is not a pattern.
    pub fn of_pattern(&self, pattern: &str) -> Result<Namespace, Misuse> {
        let matcher = Matcher::Pattern(Pattern::new(pattern)?);
        Ok(self.namespaces.add_template(matcher, Some(pattern.parse()?)))
    }

    /// Like [`Server::of_pattern`], for names that `predicate` accepts. The predicate also gets the
    /// data of the client's CONNECT. It must not block: for a lookup use a middleware, which is
    /// async.
    pub fn of_matching<F>(&self, predicate: F) -> Namespace
    where
        F: Fn(&str, Option<&RawJson>) -> bool + Send + Sync + 'static,
    {
        self.namespaces.add_template(Matcher::Predicate(Arc::new(predicate)), None)
    }

    /// Adds a hook that is called with each namespace that a client created by joining.
    pub fn on_namespace(&self, hook: impl Fn(&Namespace) + Send + Sync + 'static) -> &Self {
        self.namespaces.on_new(Arc::new(hook));
        self
    }

    /// Closes a namespace: its sockets are disconnected, and a CONNECT is answered `Invalid
    /// namespace` until [`Server::of`] creates it again. Returns whether it existed.
    pub async fn close_namespace(&self, name: &str) -> bool {
        let Some(namespace) = self.namespaces.remove(name) else { return false };
        namespace.close();
        namespace.sockets().iter().for_each(Socket::disconnect);
        namespace.adapter(false).close().await;
        true
    }

    /// Keeps a value for all handlers, which take it by its type as [`State`].
    pub fn insert_state<T: Any + Send + Sync>(&self, value: T) -> &Self {
        self.context.insert_state(value);
        self
    }

    /// Sets the hook that is called with every failure of a handler: wrong arguments, errors,
    /// panics. Failures are also counted by [`Server::counts`] and logged; the socket stays
    /// connected.
    pub fn on_error(&self, hook: impl Fn(&Socket, &HandlerError) + Send + Sync + 'static) -> &Self {
        self.context.hooks.on_error(Arc::new(hook));
        self
    }

    /// Returns how much failed and how much was dropped since the server began.
    pub fn counts(&self) -> Counts {
        self.context.hooks.counts()
    }

    /// Returns the service that answers requests. It looks only at the query: mount it under a
    /// path, by convention `/socket.io/`, with axum by `nest_service`, without a router by
    /// [`Service::with_fallback`](engineio::server::Service::with_fallback).
    pub fn service(&self) -> engineio::server::Service {
        self.engine.service()
    }

    /// Returns the engine below, for its figures.
    pub fn engine(&self) -> &engineio::server::Server {
        &self.engine
    }

    /// Disconnects all sockets, with the reason `server shutting down`, and refuses new
    /// connections. Existing connections close once their outbox is empty; this waits for them for
    /// at most `deadline`. Returns how many sessions were left then. A session whose client stopped
    /// polling closes after the engine's `close_timeout`. [`Config::disconnect_on_shutdown`] sets
    /// whether clients are sent a packet.
    ///
    /// # Cancel safety
    /// Dropping the future stops the wait; the sessions still close.
    pub async fn shutdown(&self, deadline: Duration) -> usize {
        let namespaces = self.namespaces.all();
        for namespace in &namespaces {
            namespace.close();
            let packet = self.context.outgoing(&encode::disconnect(namespace.name()));
            for socket in namespace.sockets() {
                if self.context.config.disconnect_on_shutdown {
                    // A client that does not read learns of it when its transport closes.
                    let _ = socket.transmit(&packet);
                }
                socket.shut_down();
            }
        }
        let left = self.engine.shutdown(deadline).await;
        for namespace in namespaces {
            namespace.adapter(false).close().await;
        }
        left
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
