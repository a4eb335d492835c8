//! A client that has joined: what it may do, and what it sends.
//!
//! In come the client from `admit.rs` and its events from the sockets; out go drafts to its conversation.
//! Every event is answered: taken when it is durable, or refused with the reason.

use std::sync::Arc;

use socketio::proto::Args;
use socketio::server::{AckSender, Socket};

use super::LiveContext;
use super::frame::status;
use crate::auth::Caller;
use crate::domain::{Ephemeral, Position, Right};
use crate::hub::{Conversation, Stopped};
use crate::limits::Sent;

/// What a client asked for when it connected.
#[derive(Debug)]
pub(super) struct JoinedClient {
    pub(super) conversation: Arc<Conversation>,
    /// The place after the last event it has.
    pub(super) position: Position,
    pub(super) schema: Schema,
    /// A stop from the admission on ends it.
    pub(super) stopped: Stopped,
    pub(super) caller: Caller,
    pub(super) sent: Sent,
    pub(super) context: Arc<LiveContext>,
}

impl JoinedClient {
    /// Whether the client may still do this, or what it is told: its key may be gone, the
    /// conversation no longer shared.
    pub(super) fn allow(&self, right: Right) -> Result<(), String> {
        if !self.context.keys.knows(&self.caller) {
            return Err(INVALID_KEY.to_owned());
        }
        let access = self.conversation.access();
        if self.caller.may(right, &access) {
            Ok(())
        } else if self.caller.may(Right::Read, &access) {
            Err("this conversation is shared with you for reading only".to_owned())
        } else {
            Err(self.caller.not_allowed(self.conversation.id()))
        }
    }
}

/// The form of the events a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schema {
    /// As OpenHands 0.62 sends them, with the guide's `type` and `result` added.
    Upstream,
    /// Exactly the interface of the guide.
    Guide,
}

/// `oh_user_action`, `oh_action`. The ack is `[]` when the action is stored, `[{"error":…}]` when
/// it was refused; a refusal is also told by an `oh_event` message, for clients that do not ask.
pub(super) async fn user_action(socket: Socket, args: Args, ack: AckSender) {
    match append(&socket, &args).await {
        Ok(()) => {
            if let Err(error) = ack.send(&()) {
                tracing::debug!(socket = %socket.id(), %error, "ack not sent");
            }
        }
        Err(Refused { reason, why }) => refuse(&socket, ack, reason, &why),
    }
}

/// Any other event.
pub(super) async fn unknown(socket: Socket, args: Args, ack: AckSender) {
    let name: String = args.name().chars().take(SHOWN).collect();
    let why = format!("unknown event {name:?}: send actions as \"oh_user_action\"");
    refuse(&socket, ack, "unknown_event", &why);
}

/// What the client is told, and the reason in a word for metrics and log.
struct Refused {
    reason: &'static str,
    why: String,
}

impl<T: Into<String>> From<T> for Refused {
    fn from(why: T) -> Self {
        Self { reason: "action", why: why.into() }
    }
}

async fn append(socket: &Socket, args: &Args) -> Result<(), Refused> {
    // A socket that is in has a client: it was put there before.
    let client = socket.get::<JoinedClient>().ok_or("the socket has joined no conversation")?;
    let limits = &client.context.limits;
    if limits.counts_actions {
        let counted = limits.action(&client.sent, &client.caller);
        counted.map_err(|error| Refused { reason: error.reason(), why: error.to_string() })?;
    }
    if !args.attachments().is_empty() {
        let count = args.attachments().len();
        return Err(format!(
            "actions are JSON without binary data, this one has {count} attachments"
        )
        .into());
    }
    let mut all = args.iter();
    let (Some(action), None) = (all.next(), all.next()) else {
        return Err(format!("an action is one object, {} arguments came", args.len()).into());
    };
    let draft = client.caller.draft(action).map_err(|error| error.to_string())?;
    client.allow(Right::Write).map_err(|why| Refused { reason: "not_allowed", why })?;
    client.conversation.append_one(draft).await.map_err(|error| {
        tracing::error!(conversation = %client.conversation.id(), %error, "action not stored");
        format!("the action was not stored: {error}")
    })?;
    client.context.metrics.received();
    Ok(())
}

fn refuse(socket: &Socket, ack: AckSender, reason: &'static str, why: &str) {
    if let Some(client) = socket.get::<JoinedClient>() {
        client.context.metrics.refused(reason);
    }
    // The words may repeat what the client sent, and that may be a secret.
    tracing::info!(socket = %socket.id(), reason, "action refused");
    tracing::debug!(socket = %socket.id(), why, "action refused");
    ack.refuse(why);
    if let Err(error) = status(socket, &Ephemeral::refusal(why)) {
        tracing::debug!(socket = %socket.id(), %error, "refusal not sent");
    }
}

/// OpenHands 0.62's word for a wrong key. It is silent when one is missing; that is refused alike.
pub(super) const INVALID_KEY: &str = "invalid_session_api_key";
/// Characters of a client's text that a refusal repeats.
const SHOWN: usize = 40;
