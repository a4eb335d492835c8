//! The Socket.IO side: events of clients become commands of the hub, and events of the hub become packets.
//!
//! In come connects and events, from handlers of `socketio`; out go packets, to its sockets. It asks
//! the hub for everything and never the log. Nothing is refused in silence, and a slow client delays
//! nobody else. Start with [`mount`]; `admit.rs` lets clients in, `client.rs` takes their actions,
//! `feed.rs` sends them events, `frame.rs` makes packets of events.
//!
//! ```text
//! connect   query -> hub.conversation -> `40` -> a cursor, fed until the client is gone
//! event     oh_user_action, oh_action -> hub.append -> ack when durable
//! out       cursor -> frame, made once and shared -> outbox; a full one is waited for
//! ```

mod admit;
mod client;
mod feed;
mod frame;
mod oversize;

use std::sync::Arc;

use socketio::proto::Misuse;
use socketio::server::{DisconnectReason, Server, Socket};

use crate::auth::Keys;
use crate::hub::Hub;
use crate::limits::Limits;
use crate::metrics::Metrics;

use admit::admit;
use client::{JoinedClient, unknown, user_action};
pub(crate) use frame::MAX_FRAME;
pub use frame::envelope;

/// Knobs of the Socket.IO side.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LiveConfig {
    /// Whether joining an id that does not exist creates the conversation, as OpenHands 0.62 does.
    /// Default true.
    pub create_on_join: bool,
}

impl Default for LiveConfig {
    fn default() -> Self {
        Self { create_on_join: true }
    }
}

/// What a client's admission and its actions need.
#[derive(Debug)]
pub struct LiveContext {
    /// The conversations.
    pub hub: Arc<Hub>,
    /// The keys that clients are let in by.
    pub keys: Arc<Keys>,
    /// How often a client may connect and act.
    pub limits: Arc<Limits>,
    /// Counts connects, refusals and events.
    pub metrics: Metrics,
    /// The knobs.
    pub config: LiveConfig,
}

/// Serves the conversations of `context` in the namespace `/` of `server`.
///
/// # Errors
/// Never for this namespace; the type is that of [`Server::of`].
pub fn mount(server: &Server, context: LiveContext) -> Result<(), Misuse> {
    let context = Arc::new(context);
    server
        .of("/")?
        .with(move |socket: Socket| {
            let context = Arc::clone(&context);
            async move { admit(&context, &socket).await }
        })
        .on_connect(|socket: Socket| async move {
            if let Some(client) = socket.get::<JoinedClient>() {
                client.context.metrics.connected();
                let conversation = client.conversation.id();
                let user = client.caller.user();
                tracing::info!(socket = %socket.id(), %conversation, ?user, "connected");
                feed::start(socket, client).await;
            }
        })
        .on_disconnect(|socket: Socket, reason: DisconnectReason| async move {
            if let Some(client) = socket.get::<JoinedClient>() {
                client.context.metrics.disconnected();
                let conversation = client.conversation.id();
                tracing::info!(socket = %socket.id(), %conversation, %reason, "disconnected");
            }
        })
        .on("oh_user_action", user_action)
        // The name before OpenHands 0.30; clients still send it.
        .on("oh_action", user_action)
        .on_any(unknown);
    Ok(())
}
