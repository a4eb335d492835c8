//! What the server says of itself.

use axum::Json;
use serde_json::{Value, json};

/// A few lines for whoever opens the address in a browser.
pub(super) async fn home() -> &'static str {
    HOME
}

pub(super) async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

pub(super) async fn health() -> Json<&'static str> {
    Json("OK")
}

const HOME: &str = concat!(
    "openhands ",
    env!("CARGO_PKG_VERSION"),
    "

Conversations of the documented OpenHands WebSocket API are served here.

Socket.IO   /socket.io/?conversation_id=my-conversation&latest_event_id=-1
            events arrive as \"oh_event\", actions leave as \"oh_user_action\"
REST        POST /api/conversations
            GET  /api/conversations
            GET  /api/conversations/{id}
            GET  /api/conversations/{id}/events
"
);
