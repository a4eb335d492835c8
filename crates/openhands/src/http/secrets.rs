//! Secrets of users by their names, and tokens of git providers, of which there are none.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use http::StatusCode;
use serde_json::{Value, json};

use super::ApiError;
use super::body::{Fields, Raw};
use crate::auth::Caller;
use crate::settings::{Named, SecretsError, UserSettings};

pub(super) async fn list(
    State(settings): State<Arc<UserSettings>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, ApiError> {
    let settings = settings.of(caller.user()).await?;
    let named = settings.secrets().named().into_iter();
    let shown = named.map(|one| json!({"name": one.name, "description": one.description}));
    Ok(Json(json!({"custom_secrets": shown.collect::<Vec<_>>()})))
}

pub(super) async fn add(
    State(settings): State<Arc<UserSettings>>,
    Extension(caller): Extension<Caller>,
    Raw(body): Raw,
) -> Result<Response, ApiError> {
    let fields = Fields::read(&body)?;
    let named = named(&fields)?;
    match settings.of(caller.user()).await?.secrets().add(named, fields.secret("value")?).await {
        Ok(()) => Ok((StatusCode::CREATED, told("created")).into_response()),
        // The one answer of the original that calls it a message.
        Err(error @ SecretsError::Taken(_)) => {
            let body = Json(json!({"message": error.to_string()}));
            Ok((StatusCode::BAD_REQUEST, body).into_response())
        }
        Err(error) => Err(refused(error)),
    }
}

pub(super) async fn rename(
    State(settings): State<Arc<UserSettings>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Raw(body): Raw,
) -> Result<Json<Value>, ApiError> {
    let named = named(&Fields::read(&body)?)?;
    settings.of(caller.user()).await?.secrets().rename(&id, named).await.map_err(refused)?;
    Ok(told("updated"))
}

pub(super) async fn remove(
    State(settings): State<Arc<UserSettings>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    settings.of(caller.user()).await?.secrets().remove(&id).await.map_err(refused)?;
    Ok(told("deleted"))
}

/// A page sends empty tokens along with its settings: those are nothing. What holds one is refused,
/// because nothing here could use it.
pub(super) async fn add_git_providers(Raw(body): Raw) -> Result<Json<Value>, ApiError> {
    let fields = Fields::read(&body)?.into_map();
    let tokens = fields.get("provider_tokens").and_then(Value::as_object);
    let is_given = |token: &Value| {
        token.get("token").and_then(Value::as_str).is_some_and(|token| !token.is_empty())
    };
    if tokens.is_some_and(|tokens| tokens.values().any(is_given)) {
        let text = "This server does not work with git providers: no token was stored";
        return Err(ApiError::File(StatusCode::UNAUTHORIZED, text.to_owned()));
    }
    Ok(Json(json!({"message": "Git providers stored"})))
}

pub(super) async fn unset_git_providers() -> Json<Value> {
    Json(json!({"message": "Unset Git provider tokens"}))
}

fn named(fields: &Fields) -> Result<Named, ApiError> {
    let name = fields.secret("name")?;
    if name.is_empty() {
        return Err(ApiError::invalid(
            "string_too_short",
            &["body", "name"],
            "String should have at least 1 character",
            "".into(),
        ));
    }
    let description = fields.text("description")?.unwrap_or_default();
    Ok(Named { name: name.to_owned(), description: description.to_owned() })
}

fn told(done: &str) -> Json<Value> {
    Json(json!({"message": format!("Secret {done} successfully")}))
}

fn refused(error: SecretsError) -> ApiError {
    match error {
        SecretsError::Taken(_) => ApiError::File(StatusCode::BAD_REQUEST, error.to_string()),
        SecretsError::Unknown(_) => ApiError::File(StatusCode::NOT_FOUND, error.to_string()),
        SecretsError::Settings(error) => error.into(),
    }
}
