//! What a page of OpenHands 0.62 asks for and this server does not have: no runtime, no microagents, no
//! git providers. Answered as the original does when it has none.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};

use super::ApiError;
use super::body::{Fields, Raw};
use crate::domain::ConversationId;
use crate::hub::Hub;

/// This server has no editor.
pub(super) async fn vscode_url(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    known(&hub, &id).await?;
    Ok(Json(json!({"vscode_url": null})))
}

/// Nothing an agent serves is passed on.
pub(super) async fn web_hosts(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    known(&hub, &id).await?;
    Ok(Json(json!({"hosts": {}})))
}

/// Agents here bring their own knowledge.
pub(super) async fn microagents(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    known(&hub, &id).await?;
    Ok(Json(json!({"microagents": []})))
}

/// No experiments: nothing was stored.
pub(super) async fn exp_config(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    Raw(body): Raw,
) -> Result<Json<bool>, ApiError> {
    Fields::read(&body)?;
    known(&hub, &id).await?;
    Ok(Json(false))
}

/// The original asks a model; this server has none.
pub(super) async fn remember_prompt(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    known(&hub, &id).await?;
    let text = "This server has no model to write a prompt with";
    Err(ApiError::File(StatusCode::NOT_IMPLEMENTED, text.to_owned()))
}

/// The original sends it to its makers; here nothing is ever sent anywhere.
pub(super) async fn submit_feedback(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    Raw(body): Raw,
) -> Result<Json<Value>, ApiError> {
    Fields::read(&body)?;
    known(&hub, &id).await?;
    let text = "This server collects no feedback: nothing was stored or sent";
    Err(ApiError::File(StatusCode::NOT_IMPLEMENTED, text.to_owned()))
}

/// Conversations about microagents.
pub(super) async fn microagent_management() -> Json<Value> {
    Json(json!({"results": [], "next_page_id": null}))
}

/// The user's account with a git provider, and what it has.
pub(super) async fn no_token() -> (StatusCode, Json<&'static str>) {
    (StatusCode::UNAUTHORIZED, Json("Git provider token required. (such as GitHub)."))
}

/// Tasks of a git provider.
pub(super) async fn no_providers() -> (StatusCode, Json<&'static str>) {
    (StatusCode::UNAUTHORIZED, Json("No providers set."))
}

async fn known(hub: &Hub, id: &str) -> Result<(), ApiError> {
    let id = ConversationId::new(id)?;
    match hub.metadata(&id).await? {
        Some(_) => Ok(()),
        None => Err(ApiError::NoConversation(id)),
    }
}
