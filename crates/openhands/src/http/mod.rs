//! The REST side, in the forms of OpenHands 0.62.
//!
//! | route | answer |
//! |---|---|
//! | `GET /alive`, `/health` | `{"status":"ok"}`, `"OK"` |
//! | `POST /api/conversations` | a new conversation, with its first message if one is given |
//! | `GET /api/conversations` | a page of them, newest first |
//! | `GET /api/conversations/{id}` | one, or `null` |
//! | `GET /api/conversations/{id}/events` | a page of its events |
//! | `POST /api/conversations/{id}/events` | appends an action |
//! | `POST /api/conversations/{id}/message` | appends a message of the user |

mod conversations;
mod error;
mod events;
mod home;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderValue, header};

use crate::hub::Hub;

pub(crate) use error::ApiError;

/// The routes over the conversations of `hub`.
pub fn router(hub: Arc<Hub>) -> Router {
    let one = Router::new()
        .route("/", get(conversations::find))
        .route("/events", get(events::search).post(events::append))
        .route("/message", post(events::message));
    Router::new()
        .route("/", get(home::home))
        .route("/alive", get(home::alive))
        .route("/health", get(home::health))
        .route("/api/conversations", get(conversations::list).post(conversations::create))
        .nest("/api/conversations/{id}", one)
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(axum::middleware::map_response(no_store))
        .with_state(hub)
}

/// Nothing here stays true: no cache keeps it.
async fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let value = HeaderValue::from_static("no-cache, no-store, must-revalidate, max-age=0");
    headers.entry(header::CACHE_CONTROL).or_insert(value);
    response
}

/// Most bytes of a request's body: 4 MiB, as on the socket.
pub(crate) const MAX_BODY: usize = 4 << 20;
