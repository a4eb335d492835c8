//! Whether the server is there.

use axum::Json;
use serde_json::{Value, json};

pub(super) async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

pub(super) async fn health() -> Json<&'static str> {
    Json("OK")
}
