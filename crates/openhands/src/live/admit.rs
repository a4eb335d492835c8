//! Admission: which conversation a client joins, whether it may, and from where it reads.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::json;
use socketio::server::{ConnectError, Socket};

use super::LiveContext;
use super::client::{INVALID_KEY, JoinedClient, Schema};
use crate::auth;
use crate::domain::{ConversationId, Right, parse_cursor};
use crate::hub::{Create, HubError};
use crate::limits::{Client, Sent};

/// Lets a client in, or says why not. Unknown providers are not refused: nothing here uses them.
pub(super) async fn admit(context: &Arc<LiveContext>, socket: &Socket) -> Result<(), ConnectError> {
    match join(context, socket).await {
        Ok(client) => {
            socket.insert(client);
            Ok(())
        }
        Err(Refusal { reason, error }) => {
            context.metrics.refused(reason);
            tracing::info!(socket = %socket.id(), reason, "connect refused");
            Err(error)
        }
    }
}

/// What the client is told, and the reason in a word for metrics and log.
struct Refusal {
    reason: &'static str,
    error: ConnectError,
}

impl Refusal {
    fn new(reason: &'static str, text: impl Into<String>) -> Self {
        Self { reason, error: ConnectError::new(text) }
    }
}

async fn join(context: &Arc<LiveContext>, socket: &Socket) -> Result<JoinedClient, Refusal> {
    let request = socket.request();
    let client = Client { headers: &request.headers, extensions: &request.extensions };
    context.limits.connect(&client).map_err(|error| {
        let refused = ConnectError::new(error.to_string());
        let refused = refused.clone().with_data(&error.data()).unwrap_or(refused);
        Refusal { reason: error.reason(), error: refused }
    })?;
    let query = Query(request.uri.query().unwrap_or_default());
    // The exact words of OpenHands 0.62.
    let id = query
        .first("conversation_id")
        .ok_or_else(|| Refusal::new("no_conversation_id", "No conversation_id in query params"))?;
    let key = auth::of_connect(request, socket.auth());
    let caller = context
        .keys
        .caller(key.as_deref())
        .map_err(|refused| Refusal::new(refused.reason(), INVALID_KEY))?;
    let id = ConversationId::new(&id).map_err(|error| {
        Refusal::new("invalid_conversation_id", format!("Invalid conversation_id: {error}"))
    })?;
    let schema = match query.first("event_schema").as_deref() {
        None | Some("openhands") => Schema::Upstream,
        Some("guide") => Schema::Guide,
        Some(other) => {
            let other: String = other.chars().take(SHOWN).collect();
            let text =
                format!("Unknown event_schema {other:?}: known are \"openhands\", \"guide\"");
            return Err(Refusal::new("unknown_event_schema", text));
        }
    };
    let position = parse_cursor(query.first("latest_event_id").as_deref());
    let not_allowed = || Refusal::new("not_allowed", caller.not_allowed(&id));
    // Before it is loaded, which may start its agent.
    let known = context.hub.access(&id).await.map_err(|error| refusal(&id, &error))?;
    if known.is_some_and(|access| !caller.may(Right::Read, &access)) {
        return Err(not_allowed());
    }
    let create = match caller.user() {
        _ if !context.config.create_on_join || !caller.may_create() => Create::No,
        Some(user) => Create::For(user.clone()),
        None => Create::Yes,
    };
    let conversation =
        context.hub.conversation(&id, create).await.map_err(|error| refusal(&id, &error))?;
    // Somebody else may have been faster to create it.
    if !caller.may(Right::Read, &conversation.access()) {
        return Err(not_allowed());
    }
    let stopped = conversation.stopped();
    if caller.may(Right::Write, &conversation.access()) {
        conversation.resume();
    }
    let (sent, context) = (Sent::default(), Arc::clone(context));
    Ok(JoinedClient { conversation, position, schema, stopped, caller, sent, context })
}

fn refusal(id: &ConversationId, error: &HubError) -> Refusal {
    match error {
        HubError::NoConversation => {
            let error = ConnectError::new(format!("Conversation {id} not found"));
            let data = json!({"msg_id": "CONVERSATION$NOT_FOUND"});
            let error = error.clone().with_data(&data).unwrap_or(error);
            Refusal { reason: "conversation_not_found", error }
        }
        HubError::TooManyConversations { .. } | HubError::Closed => {
            Refusal::new("no_room", format!("Failed to join conversation: {error}"))
        }
        error => {
            tracing::error!(conversation = %id, %error, "conversation not loaded");
            Refusal::new("log", format!("Failed to access conversation events: {error}"))
        }
    }
}

/// A query, read as OpenHands 0.62 reads it: blank values do not count, of several the first does.
struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    fn first(&self, key: &str) -> Option<Cow<'a, str>> {
        let mut pairs = form_urlencoded::parse(self.0.as_bytes());
        pairs.find(|(k, value)| k == key && !value.is_empty()).map(|(_, value)| value)
    }
}

/// Characters of a client's text that a refusal repeats.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_values_do_not_count_and_the_first_of_several_does() {
        let query = Query("conversation_id=&x=1&conversation_id=a%20b&conversation_id=c");
        assert_eq!(query.first("conversation_id").as_deref(), Some("a b"));
        assert_eq!(query.first("latest_event_id"), None);
    }
}
