//! Lets a caller in, or refuses it, before any route below `/api` runs.

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use serde::Deserialize;

use super::{ApiError, Rest};
use crate::auth::{self, Caller};
use crate::domain::{Access, ConversationId, Right};
use crate::limits::{Client, TooMany};

/// Refuses an address that asks too often. Files of a page are as many as it has, and not counted.
pub(super) async fn limit(
    State(rest): State<Rest>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if !request.uri().path().starts_with("/assets/") {
        let client = Client { headers: request.headers(), extensions: request.extensions() };
        rest.limits.request(&client).map_err(|error| too_many(&rest, error))?;
    }
    Ok(next.run(request).await)
}

/// Refuses a user who appends too often.
pub(super) async fn limit_appends(
    State(rest): State<Rest>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if request.method() == Method::POST {
        rest.limits.user_action(&caller).map_err(|error| too_many(&rest, error))?;
    }
    Ok(next.run(request).await)
}

fn too_many(rest: &Rest, error: TooMany) -> ApiError {
    rest.metrics.refused(error.reason());
    tracing::info!(reason = error.reason(), "request refused");
    ApiError::TooMany(error)
}

/// Lets in a caller with a key, and tells the routes who it is: each may take an
/// `Extension<Caller>`.
pub(super) async fn identify(
    State(rest): State<Rest>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = auth::of_request(request.headers());
    let caller = rest.keys.caller(key.as_deref()).map_err(|refused| {
        rest.metrics.refused(refused.reason());
        tracing::info!(reason = refused.reason(), "request refused");
        ApiError::Unauthorized
    })?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The conversation of a path.
#[derive(Deserialize)]
pub(super) struct One {
    id: String,
}

/// Lets a caller through to the routes of a conversation they may ask: `GET` and `HEAD` read,
/// `POST` writes, anything else is its owner's. Of a conversation that does not exist the routes
/// tell in their own words.
pub(super) async fn guard(
    State(rest): State<Rest>,
    Path(One { id }): Path<One>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let id = ConversationId::new(&id)?;
    let right = match *request.method() {
        Method::GET | Method::HEAD => Right::Read,
        Method::POST => Right::Write,
        _ => Right::Own,
    };
    let mut existed = false;
    if let Some(access) = rest.hub.access(&id).await? {
        allow(&rest, &caller, right, &id, &access)?;
        existed = true;
    }
    let response = next.run(request).await;
    // Somebody else may have created it meanwhile: then what the route found is not told.
    if !existed && let Some(access) = rest.hub.access(&id).await? {
        allow(&rest, &caller, right, &id, &access)?;
    }
    Ok(response)
}

fn allow(
    rest: &Rest,
    caller: &Caller,
    right: Right,
    id: &ConversationId,
    access: &Access,
) -> Result<(), ApiError> {
    if caller.may(right, access) {
        return Ok(());
    }
    rest.metrics.refused("not_allowed");
    tracing::info!(conversation = %id, user = ?caller.user(), "request refused");
    Err(ApiError::not_allowed(caller, id))
}

/// For `/metrics`: an admin, where there are keys.
pub(super) async fn admins(
    State(rest): State<Rest>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = auth::of_request(request.headers());
    match rest.keys.caller(key.as_deref()) {
        Ok(caller) if caller.role() == auth::Role::Admin => Ok(next.run(request).await),
        Ok(_) => Err(ApiError::Forbidden("metrics are for admins".to_owned())),
        Err(refused) => {
            rest.metrics.refused(refused.reason());
            Err(ApiError::Unauthorized)
        }
    }
}
