//! Settings of the page, each user's own: read without secrets, changed by parts.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Map, Value, json};

use super::ApiError;
use super::body::{Fields, Raw};
use crate::auth::Caller;
use crate::settings::{SettingsError, UserSettings};

pub(super) async fn shown(
    State(settings): State<Arc<UserSettings>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Map<String, Value>>, ApiError> {
    Ok(Json(settings.of(caller.user()).await?.shown()))
}

pub(super) async fn store(
    State(settings): State<Arc<UserSettings>>,
    Extension(caller): Extension<Caller>,
    Raw(body): Raw,
) -> Result<Json<Value>, ApiError> {
    let changes = Fields::read(&body)?.into_map();
    settings.of(caller.user()).await?.change(changes).await?;
    Ok(Json(json!({"message": "Settings stored"})))
}

impl From<SettingsError> for ApiError {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::WrongType { key, expected } => {
                let msg = format!("Input should be a valid {expected}");
                // The value may be a secret: it is not repeated.
                Self::invalid(&format!("{expected}_type"), &["body", key], &msg, Value::Null)
            }
            SettingsError::TooLarge { .. } => Self::BadRequest(error.to_string()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}
