//! What a page asks for before it shows its settings.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::ApiError;
use crate::auth::Caller;
use crate::settings::UserSettings;

/// No accounts, no billing; an empty key keeps the page from reporting to anybody.
pub(super) async fn config() -> Json<Value> {
    Json(json!({
        "APP_MODE": "oss",
        "GITHUB_CLIENT_ID": "",
        "POSTHOG_CLIENT_KEY": "",
        "FEATURE_FLAGS": {"ENABLE_BILLING": false, "HIDE_LLM_SETTINGS": false},
    }))
}

/// The model of the settings, so that a page can show what is chosen. Which models there are is known
/// to the agents alone.
pub(super) async fn models(
    State(settings): State<Arc<UserSettings>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let shown = settings.of(caller.user()).await?.shown();
    Ok(Json(
        shown.get("llm_model").filter(|model| model.is_string()).cloned().into_iter().collect(),
    ))
}

/// The one name that settings of OpenHands 0.62 have by default.
pub(super) async fn agents() -> Json<Value> {
    Json(json!(["CodeActAgent"]))
}

/// None is built in.
pub(super) async fn security_analyzers() -> Json<Value> {
    Json(json!([]))
}
