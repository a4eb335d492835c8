//! Settings of the page: read without secrets, changed by parts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use super::ApiError;
use super::body::{Fields, Raw};
use crate::settings::{Settings, SettingsError};

pub(super) async fn shown(State(settings): State<Arc<Settings>>) -> Json<Map<String, Value>> {
    Json(settings.shown())
}

pub(super) async fn store(
    State(settings): State<Arc<Settings>>,
    Raw(body): Raw,
) -> Result<Json<Value>, ApiError> {
    let changes = Fields::read(&body)?.into_map();
    settings.change(changes).await.map_err(refused)?;
    Ok(Json(json!({"message": "Settings stored"})))
}

pub(super) fn refused(error: SettingsError) -> ApiError {
    match error {
        SettingsError::WrongType { key, expected } => {
            let msg = format!("Input should be a valid {expected}");
            // The value may be a secret: it is not repeated.
            ApiError::invalid(&format!("{expected}_type"), &["body", key], &msg, Value::Null)
        }
        SettingsError::TooLarge { .. } => ApiError::BadRequest(error.to_string()),
        error => ApiError::Unavailable(error.to_string()),
    }
}
