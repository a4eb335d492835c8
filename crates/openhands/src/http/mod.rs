//! The REST side, in the forms of OpenHands 0.62.
//!
//! | route | answer |
//! |---|---|
//! | `GET /alive`, `/health` | `{"status":"ok"}`, `"OK"` |
//! | `POST /api/conversations` | a new conversation, with its first message if one is given |
//! | `GET /api/conversations` | a page of them, newest first |
//! | `GET /api/conversations/{id}` | one, or `null` |
//! | `PATCH /api/conversations/{id}` | another title |
//! | `DELETE /api/conversations/{id}` | whether there was one |
//! | `POST /api/conversations/{id}/start`, `/stop` | its status |
//! | `GET /api/conversations/{id}/config` | its session |
//! | `GET /api/conversations/{id}/events` | a page of its events, filtered |
//! | `GET /api/conversations/{id}/trajectory` | all of them |
//! | `POST /api/conversations/{id}/events` | appends an action |
//! | `POST /api/conversations/{id}/message` | appends a message of the user |
//! | `GET`, `PUT /api/conversations/{id}/access` | whose it is, and whom it is shared with |
//! | `GET /api/options/…` | what a page asks for first |
//! | `GET`, `POST /api/settings` | settings without their secrets, and changes of them |
//! | `GET /metrics` | counters for Prometheus |
//! | `GET /server_info` | time and resources |

mod access;
mod body;
mod conversations;
mod error;
mod events;
mod filter;
mod guard;
mod home;
mod info;
mod lifecycle;
mod options;
pub(crate) mod pages;
mod settings;
mod trajectory;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, Request};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderValue, header};

use crate::auth::Keys;
use crate::hub::Hub;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::settings::UserSettings;

pub(crate) use error::ApiError;
use info::ServerInfo;
use pages::Pages;

/// What the routes work on.
#[derive(Clone, Debug)]
struct Rest {
    hub: Arc<Hub>,
    settings: Arc<UserSettings>,
    keys: Arc<Keys>,
    limits: Arc<Limits>,
    metrics: Metrics,
    info: ServerInfo,
}

/// Where the REST side finds what is on disk.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The folder whose disk `/server_info` tells about.
    pub data_dir: PathBuf,
    /// The folder of a built page, served on every path that is nothing else. Without one, `/` is a
    /// few lines of text.
    pub static_dir: Option<PathBuf>,
}

/// The routes over the conversations of `hub` and the settings of a page.
pub fn router(
    hub: Arc<Hub>,
    page_settings: Arc<UserSettings>,
    keys: Arc<Keys>,
    limits: Arc<Limits>,
    metrics: Metrics,
    config: HttpConfig,
) -> Router {
    let rest = Rest {
        hub,
        settings: page_settings,
        keys,
        limits,
        metrics: metrics.clone(),
        info: ServerInfo::new(config.data_dir, metrics),
    };
    let events = Router::new()
        .route("/events", get(events::search).post(events::append))
        .route("/message", post(events::message))
        .route_layer(from_fn_with_state(rest.clone(), guard::limit_appends));
    // Of one conversation: all of them stand behind the guard.
    let one = Router::new()
        .route("/", get(conversations::find).patch(lifecycle::rename).delete(lifecycle::delete))
        .route("/start", post(lifecycle::start))
        .route("/stop", post(lifecycle::stop))
        .route("/config", get(lifecycle::config))
        .route("/trajectory", get(trajectory::trajectory))
        .merge(events)
        .route("/access", get(access::shown).put(access::change))
        .route_layer(from_fn_with_state(rest.clone(), guard::guard));
    // Everything below `/api`: for those who have a key.
    let api = Router::new()
        .route("/api/options/config", get(options::config))
        .route("/api/options/models", get(options::models))
        .route("/api/options/agents", get(options::agents))
        .route("/api/options/security-analyzers", get(options::security_analyzers))
        .route("/api/settings", get(settings::shown).post(settings::store))
        .route("/api/conversations", get(conversations::list).post(conversations::create))
        .nest("/api/conversations/{id}", one)
        .route_layer(from_fn_with_state(rest.clone(), guard::identify));
    let metrics = Router::new()
        .route("/metrics", get(info::metrics))
        .route_layer(from_fn_with_state(rest.clone(), guard::admins));
    let routes = Router::new();
    let routes = match config.static_dir.as_deref().map(Pages::new) {
        Some(pages) => routes.fallback(move |request: Request| pages.serve(request)),
        None => routes.route("/", get(home::home)).fallback(async || ApiError::NotFound),
    };
    routes
        .route("/alive", get(home::alive))
        .route("/health", get(home::health))
        .route("/server_info", get(info::server_info))
        .merge(metrics)
        .merge(api)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(rest.clone(), guard::limit))
        .layer(axum::middleware::map_response(no_store))
        .with_state(rest)
}

impl FromRef<Rest> for Arc<Hub> {
    fn from_ref(rest: &Rest) -> Self {
        rest.hub.clone()
    }
}

impl FromRef<Rest> for Arc<UserSettings> {
    fn from_ref(rest: &Rest) -> Self {
        rest.settings.clone()
    }
}

impl FromRef<Rest> for ServerInfo {
    fn from_ref(rest: &Rest) -> Self {
        rest.info.clone()
    }
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
