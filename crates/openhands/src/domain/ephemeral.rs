//! Messages on `oh_event` that are not events: without id, not stored, not replayed; may be dropped.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

/// One such message, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ephemeral(
    // One word: each conversation keeps a row of places for these, mostly empty.
    Arc<Bytes>,
);

impl Ephemeral {
    /// Any JSON object, as a streaming delta.
    pub fn new(message: &Value) -> Self {
        Self(Arc::new(message.to_string().into()))
    }

    /// `status_update` of type `info`, as `STATUS$STARTING_RUNTIME`.
    pub fn info(id: &str, message: &str) -> Self {
        Self::new(&json!({"status_update": true, "type": "info", "id": id, "message": message}))
    }

    /// `status_update` of type `error`, as `STATUS$ERROR`.
    pub fn error(id: &str, message: &str) -> Self {
        Self::new(&json!({"status_update": true, "type": "error", "id": id, "message": message}))
    }

    /// The conversation has a new title.
    pub fn title(conversation_id: &str, title: &str) -> Self {
        Self::new(&json!({
            "status_update": true,
            "type": "info",
            "message": conversation_id,
            "conversation_title": title,
        }))
    }

    /// What the client sent was refused.
    pub fn refusal(message: &str) -> Self {
        Self::new(&json!({"error": true, "message": message}))
    }

    /// The JSON text.
    pub fn json(&self) -> &Bytes {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_openhands() {
        assert_eq!(
            Ephemeral::info("STATUS$READY", "").json(),
            r#"{"status_update":true,"type":"info","id":"STATUS$READY","message":""}"#
        );
        assert_eq!(Ephemeral::refusal("no").json(), r#"{"error":true,"message":"no"}"#);
    }
}
