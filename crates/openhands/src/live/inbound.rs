//! What clients send. Everything is answered: taken when it is durable, or refused with the reason.

use socketio::proto::Args;
use socketio::server::{AckSender, Socket};

use super::admit::JoinedClient;
use super::frame::status;
use crate::domain::{Ephemeral, Right};

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
    let counted = client.context.limits.action(&client.sent, &client.caller);
    counted.map_err(|error| Refused { reason: error.reason(), why: error.to_string() })?;
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

/// Characters of a client's text that a refusal repeats.
const SHOWN: usize = 40;
