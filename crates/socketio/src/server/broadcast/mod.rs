//! Broadcasts: which sockets to reach, and how.
//!
//! What lives here: [`Broadcast`], which collects options and then acts; `shortcuts`, the methods
//! of a server and of a namespace that begin one; `remote`, sockets of other nodes. Everything goes
//! out by the namespace's adapter. An event is encoded once, for any number of receivers.

mod remote;
mod shortcuts;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engineio::proto::{Sid, Text};
use serde::Serialize;

use crate::server::adapter::{Adapter, AdapterError};
use crate::server::local::BroadcastOptions;
use crate::server::{BroadcastAcks, EmitError, Namespace, Rooms};

pub use self::remote::RemoteSocket;
use crate::proto::{self, Args, Body, EncodeError, Encoded, RawJson, encode};

/// Some sockets of a namespace, on all nodes; all of them until a room is named.
///
/// ```
/// # use socketio::server::Server;
/// # let server = Server::default();
/// let chat = server.of("/chat")?;
/// chat.to("room").except(["muted", "away"]).emit("message", &("bob", "hello"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "names sockets and does nothing to them by itself"]
pub struct Broadcast {
    namespace: Namespace,
    options: BroadcastOptions,
    timeout: Option<Duration>,
}

impl Broadcast {
    pub(crate) fn new(namespace: Namespace) -> Self {
        Self { namespace, options: BroadcastOptions::default(), timeout: None }
    }

    /// Chooses the sockets in any of these rooms. Called again, it adds rooms. A socket in several
    /// of the rooms is chosen once.
    pub fn to(mut self, rooms: impl Rooms) -> Self {
        self.options.rooms.extend(rooms.into_rooms());
        self
    }

    /// Same as [`Broadcast::to`]: the reference's `in`, which is a keyword in Rust.
    pub fn within(self, rooms: impl Rooms) -> Self {
        self.to(rooms)
    }

    /// Leaves out the sockets in these rooms.
    pub fn except(mut self, rooms: impl Rooms) -> Self {
        self.options.except.extend(rooms.into_rooms());
        self
    }

    /// Chooses sockets of this node only.
    pub fn local(mut self) -> Self {
        self.options.flags.local = true;
        self
    }

    /// Drops the event for each socket to which it cannot leave at once, like
    /// [`Socket::volatile`](crate::server::Socket::volatile).
    pub fn volatile(mut self) -> Self {
        self.options.flags.volatile = true;
        self
    }

    /// Sets whether transports may compress the event, like
    /// [`Socket::compress`](crate::server::Socket::compress). Default true.
    pub fn compress(mut self, compress: bool) -> Self {
        self.options.flags.compress = compress;
        self
    }

    /// Sets the time that every client has to ack. Default
    /// [`Config::ack_timeout`](crate::server::Config).
    pub fn timeout(mut self, within: Duration) -> Self {
        self.timeout = Some(within);
        self
    }

    /// Sends an event, encoded once for all receivers, with arguments as in
    /// [`Socket::emit`](crate::server::Socket::emit). [`Config::slow_consumer`] sets what happens
    /// to a client that does not read.
    ///
    /// [`Config::slow_consumer`]: crate::server::Config::slow_consumer
    ///
    /// # Errors
    /// [`EmitError::Encode`], and [`EmitError::Adapter`] when other nodes cannot be reached.
    pub fn emit<T: Serialize + ?Sized>(self, event: &str, args: &T) -> Result<(), EmitError> {
        let packet = encode::event(self.name(), None, event, args)?;
        self.send(&packet)
    }

    /// Like [`Broadcast::emit`], with arguments as they were received, byte for byte.
    ///
    /// # Errors
    /// Those of [`Broadcast::emit`].
    pub fn emit_args(self, event: &str, args: &Args) -> Result<(), EmitError> {
        let packet = encode::event_args(self.name(), None, event, args);
        self.send(&packet.map_err(EncodeError::from)?)
    }

    /// Like [`Broadcast::emit`], for an event that is already encoded, without an ack id.
    ///
    /// # Errors
    /// [`EmitError::Adapter`].
    pub fn send(self, packet: &Encoded) -> Result<(), EmitError> {
        Ok(self.adapter().broadcast(packet, &self.options)?)
    }

    /// Sends an event and asks every client for an ack.
    ///
    /// ```
    /// # use futures_util::StreamExt as _;
    /// # use socketio::server::{EmitError, Namespace};
    /// # async fn ask(namespace: &Namespace) -> Result<(), EmitError> {
    /// let mut acks = namespace.to("room").emit_with_ack("ready?", &())?;
    /// while let Some(ack) = acks.next().await {
    ///     println!("{:?} says {:?}", ack.socket, ack.result);
    /// }
    /// let all = namespace.to("room").emit_with_ack("ready?", &())?.gather().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EmitError::Encode`]. A failure of one socket is the item of that socket in the stream.
    pub fn emit_with_ack<T: Serialize + ?Sized>(
        self,
        event: &str,
        args: &T,
    ) -> Result<BroadcastAcks, EmitError> {
        let packet = encode::event(self.name(), None, event, args)?;
        let within = self.timeout.unwrap_or(self.namespace.context().config.ack_timeout);
        Ok(BroadcastAcks::new(self.adapter().broadcast_with_ack(&packet, &self.options, within)))
    }

    /// The ids of these sockets.
    ///
    /// # Errors
    /// When other nodes do not answer.
    pub async fn sockets(self) -> Result<Vec<Sid>, AdapterError> {
        let sockets = self.adapter().sockets(&self.options);
        sockets.await
    }

    /// Handles to these sockets, with what is known of each.
    ///
    /// # Errors
    /// When other nodes do not answer.
    pub async fn fetch_sockets(self) -> Result<Vec<RemoteSocket>, AdapterError> {
        let infos = self.adapter().fetch_sockets(&self.options).await?;
        let everyone = Self::new(self.namespace);
        Ok(infos.into_iter().map(|info| RemoteSocket::new(info, &everyone)).collect())
    }

    /// Puts these sockets into rooms. A socket that would be in more than
    /// [`Config::max_rooms`](crate::server::Config) keeps its rooms as they are.
    ///
    /// # Errors
    /// When other nodes cannot be reached.
    pub fn sockets_join(self, rooms: impl Rooms) -> Result<(), AdapterError> {
        self.adapter().add_sockets(&self.options, &rooms.into_rooms())
    }

    /// Takes these sockets out of rooms.
    ///
    /// # Errors
    /// When other nodes cannot be reached.
    pub fn sockets_leave(self, rooms: impl Rooms) -> Result<(), AdapterError> {
        self.adapter().del_sockets(&self.options, &rooms.into_rooms())
    }

    /// Disconnects these sockets. With `close`, closes their whole connections.
    ///
    /// # Errors
    /// When other nodes cannot be reached.
    pub fn disconnect_sockets(self, close: bool) -> Result<(), AdapterError> {
        self.adapter().disconnect_sockets(&self.options, close)
    }

    fn name(&self) -> &proto::NamespaceName {
        self.namespace.name()
    }

    /// The namespace's adapter, or the adapter of this node for [`Broadcast::local`].
    fn adapter(&self) -> Arc<dyn Adapter> {
        self.namespace.adapter(self.options.flags.local)
    }
}

impl Namespace {
    /// Sends an event to the servers of the other nodes, not to this one: their handlers of
    /// [`Namespace::on_server_side_emit`] run.
    ///
    /// # Errors
    /// [`EmitError::Encode`], and [`EmitError::Adapter`] when other nodes cannot be reached.
    pub fn server_side_emit<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
    ) -> Result<(), EmitError> {
        let args = server_args(event, args)?;
        Ok(self.adapter(false).server_side_emit(&args)?)
    }

    /// Like [`Namespace::server_side_emit`], and returns the answer of every other node.
    ///
    /// # Errors
    /// Those of [`Namespace::server_side_emit`], and when a node does not answer in time.
    pub async fn server_side_emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
    ) -> Result<Vec<RawJson>, EmitError> {
        let args = server_args(event, args)?;
        let answers = self.adapter(false).server_side_emit_with_ack(&args);
        Ok(answers.await?)
    }
}

fn server_args<T: Serialize + ?Sized>(event: &str, args: &T) -> Result<Args, EncodeError> {
    let packet = encode::event(&proto::NamespaceName::default(), None, event, args)?;
    read_args(&packet).ok_or(EncodeError::Misuse(proto::Misuse::Utf8))
}

/// Reads the arguments of an encoded event, for listeners of outgoing events.
pub(crate) fn read_args(packet: &Encoded) -> Option<Args> {
    let text: &Text = packet.text();
    // Limits are for peers; this is our own packet.
    let max = usize::MAX;
    let config = proto::ConnectionConfig {
        max_attachments: max,
        max_namespace_len: max,
        ..proto::ConnectionConfig::default()
    };
    let mut body = proto::parse(text, &config).ok()?.packet.body;
    if let Some(args) = body.args_mut()
        && !packet.attachments().is_empty()
    {
        args.attach(packet.attachments().to_vec()).ok()?;
    }
    match body {
        Body::Event { args, .. } => Some(args),
        _ => None,
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast")
            .field("namespace", self.name())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
