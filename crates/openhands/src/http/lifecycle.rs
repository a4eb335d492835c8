//! One conversation's life: rename, start, stop, delete.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::ApiError;
use super::body::{Fields, Raw};
use crate::domain::ConversationId;
use crate::hub::{Hub, HubError};

/// `{"title":…}` of 1 to 200 characters, without the white space around it: `true`.
pub(super) async fn rename(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    Raw(body): Raw,
) -> Result<Response, ApiError> {
    let id = ConversationId::new(&id)?;
    let fields = Fields::read(&body)?;
    fields.only(&["title"])?;
    let title = fields.required("title")?.trim();
    let chars = title.chars().count();
    if chars == 0 || chars > TITLE_CHARS {
        return Err(wrong_length(title, chars));
    }
    if hub.set_title(&id, title).await? {
        return Ok(Json(true).into_response());
    }
    let body = json!({
        "status": "error",
        "message": "Conversation not found",
        "msg_id": "CONVERSATION$NOT_FOUND",
    });
    Ok((StatusCode::NOT_FOUND, Json(body)).into_response())
}

fn wrong_length(title: &str, chars: usize) -> ApiError {
    let fault = if chars == 0 {
        json!({
            "type": "string_too_short",
            "loc": ["body", "title"],
            "msg": "String should have at least 1 character",
            "input": title,
            "ctx": {"min_length": 1},
        })
    } else {
        let shown: String = title.chars().take(TITLE_CHARS).collect();
        json!({
            "type": "string_too_long",
            "loc": ["body", "title"],
            "msg": format!("String should have at most {TITLE_CHARS} characters"),
            "input": shown,
            "ctx": {"max_length": TITLE_CHARS, "length": chars},
        })
    };
    ApiError::Invalid(json!([fault]))
}

/// `true` when there was one, `false` when there was none.
pub(super) async fn delete(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
) -> Result<Json<bool>, ApiError> {
    Ok(Json(hub.delete(&ConversationId::new(&id)?).await?))
}

/// Makes a conversation ready to be joined. The providers are read and have no meaning here.
pub(super) async fn start(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    Raw(body): Raw,
) -> Result<Response, ApiError> {
    let id = ConversationId::new(&id)?;
    Fields::read(&body)?.texts("providers_set")?;
    let status = match hub.start(&id).await {
        Ok(true) => "RUNNING",
        Ok(false) => "STARTING",
        Err(HubError::NoConversation) => {
            let body = json!({"status": "error", "conversation_id": id});
            return Ok((StatusCode::NOT_FOUND, Json(body)).into_response());
        }
        Err(error) => return Err(error.into()),
    };
    Ok(answer(&id, Value::Null, status).into_response())
}

/// Disconnects the clients and ends the agent. 200 for a conversation that does not exist too, and
/// the status is that of before, both as in OpenHands 0.62.
pub(super) async fn stop(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = ConversationId::new(&id)?;
    Ok(match hub.stop(&id).await? {
        true => answer(&id, "Conversation stopped successfully".into(), "RUNNING"),
        false => answer(&id, "Conversation was not running".into(), "STOPPED"),
    })
}

fn answer(id: &ConversationId, message: Value, status: &str) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "conversation_id": id,
        "message": message,
        "conversation_status": status,
    }))
}

/// What a page asks for to reach a runtime: there is none to be reached.
pub(super) async fn config(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = ConversationId::new(&id)?;
    match hub.metadata(&id).await? {
        Some(_) => Ok(Json(json!({"runtime_id": null, "session_id": id}))),
        None => Err(ApiError::NoConversation(id)),
    }
}

/// Most characters of a title.
const TITLE_CHARS: usize = 200;
