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
//! | `GET /api/conversations/{id}/list-files`, `/select-file`, `/zip-directory` | files of its workspace |
//! | `POST /api/conversations/{id}/upload-files` | more of them |
//! | `GET /api/conversations/{id}/git/changes`, `/git/diff` | what changed there |
//! | `GET`, `PUT /api/conversations/{id}/access` | its owner, and the users it is shared with |
//! | `GET /api/options/…` | what a page asks for first |
//! | `GET`, `POST /api/settings` | settings without their secrets, and changes of them |
//! | `/api/secrets` | secrets by their names |
//! | `GET /metrics` | counters for Prometheus |
//! | `GET /server_info` | time and resources |
//! | `GET /openapi.json` | a description of these routes, for programs |
//!
//! In come requests, from the listener of `app`; out go answers. It asks the hub for everything that
//! concerns conversations and never the log, and knows nothing of Socket.IO. No route below `/api` may
//! run before `guard.rs` has let the caller in. Start with [`router`]. A route that is not in
//! `openapi.json` fails a test, and the reverse.

mod access;
mod body;
mod conversations;
mod document;
mod error;
mod events;
mod files;
mod filter;
mod guard;
mod health;
mod info;
mod lifecycle;
mod openapi;
mod options;
pub(crate) mod pages;
mod routes;
mod secrets;
mod settings;
mod trajectory;
mod unsupported;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, Request};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use http::{HeaderValue, StatusCode, Uri, header};

use crate::auth::Keys;
use crate::hub::Hub;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::settings::UserSettings;

pub use crate::workspace::FileLimits;
pub(crate) use error::ApiError;
use files::Files;
use info::ServerInfo;
use pages::Pages;
use routes::Routes;

/// What the routes work on. axum clones it for each layer and route that a request passes: one `Arc`
/// makes that one count.
#[derive(Clone, Debug)]
struct Rest(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    hub: Arc<Hub>,
    settings: Arc<UserSettings>,
    keys: Arc<Keys>,
    limits: Arc<Limits>,
    metrics: Metrics,
    info: ServerInfo,
    files: Files,
}

/// Where the REST side finds what is on disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpConfig {
    /// `/server_info` reports the disk that holds this folder.
    pub data_dir: PathBuf,
    /// The folder of a built page, served on every path that is nothing else. Without one,
    /// `/` is the page of `home`.
    pub static_dir: Option<PathBuf>,
    /// The routes of that small page; they must not be below `/api`.
    pub home: Router,
    /// Limits of what is read from and written to workspaces.
    pub files: FileLimits,
}

impl HttpConfig {
    /// No page and the default limits; the disk is that of `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            static_dir: None,
            home: Router::new(),
            files: FileLimits::default(),
        }
    }
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
    let rest = Rest(Arc::new(Parts {
        hub,
        settings: page_settings,
        keys,
        limits,
        metrics: metrics.clone(),
        info: ServerInfo::new(config.data_dir, metrics),
        files: Files::new(config.files),
    }));
    let routes = routes(&rest).into_router().with_state(rest.clone()).fallback(not_found);
    let routes = match config.static_dir.as_deref().map(Pages::new) {
        Some(pages) => routes.fallback(move |request: Request| {
            let uri = request.uri().clone();
            let served = (!uri.path().starts_with("/api/")).then(|| pages.serve(request));
            async move {
                match served {
                    Some(served) => served.await.into_response(),
                    None => not_found(uri).await,
                }
            }
        }),
        None => routes.merge(config.home),
    };
    routes
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(rest, guard::limit))
        .layer(axum::middleware::map_response(no_store))
}

/// All of them but pages.
fn routes(rest: &Rest) -> Routes {
    let metrics = Routes::new()
        .route("/metrics", get(info::metrics))
        .with(|routes| routes.route_layer(from_fn_with_state(rest.clone(), guard::admins)));
    Routes::new()
        .route("/alive", get(health::alive))
        .route("/health", get(health::health))
        .route("/server_info", get(info::server_info))
        .route("/openapi.json", get(openapi::document))
        .merge(metrics)
        .merge(api(rest))
}

/// Everything below `/api`: for callers with a key.
fn api(rest: &Rest) -> Routes {
    Routes::new()
        .route("/api/options/config", get(options::config))
        .route("/api/options/models", get(options::models))
        .route("/api/options/agents", get(options::agents))
        .route("/api/options/security-analyzers", get(options::security_analyzers))
        .route("/api/settings", get(settings::shown).post(settings::store))
        .route("/api/secrets", get(secrets::list).post(secrets::add))
        .route("/api/secrets/{name}", put(secrets::rename).delete(secrets::remove))
        .route("/api/add-git-providers", post(secrets::add_git_providers))
        .route("/api/unset-provider-tokens", post(secrets::unset_git_providers))
        .route("/api/user/info", get(unsupported::no_token))
        .route("/api/user/installations", get(unsupported::no_token))
        .route("/api/user/repositories", get(unsupported::no_token))
        .route("/api/user/repository/branches", get(unsupported::no_token))
        .route("/api/user/repository/{owner}/{name}/microagents", get(unsupported::no_token))
        .route(
            "/api/user/repository/{owner}/{name}/microagents/content",
            get(unsupported::no_token),
        )
        .route("/api/user/search/repositories", get(unsupported::no_token))
        .route("/api/user/search/branches", get(unsupported::no_token))
        .route("/api/user/suggested-tasks", get(unsupported::no_providers))
        .route("/api/microagent-management/conversations", get(unsupported::microagent_management))
        .route("/api/conversations", get(conversations::list).post(conversations::create))
        .nest("/api/conversations/{id}", one(rest))
        .with(|routes| routes.route_layer(from_fn_with_state(rest.clone(), guard::identify)))
}

/// The routes of one conversation, all of them guarded.
fn one(rest: &Rest) -> Routes {
    let appends = Routes::new()
        .route("/events", get(events::search).post(events::append))
        .route("/message", post(events::message))
        .with(|routes| routes.route_layer(from_fn_with_state(rest.clone(), guard::limit_appends)));
    let upload = post(files::upload).layer(DefaultBodyLimit::max(rest.files.upload_bytes()));
    Routes::new()
        .route("/", get(conversations::find).patch(lifecycle::rename).delete(lifecycle::delete))
        .route("/start", post(lifecycle::start))
        .route("/stop", post(lifecycle::stop))
        .route("/config", get(lifecycle::config))
        .route("/trajectory", get(trajectory::trajectory))
        .merge(appends)
        .route("/access", get(access::shown).put(access::change))
        .route("/list-files", get(files::list))
        .route("/select-file", get(files::select))
        .route("/upload-files", upload)
        .route("/zip-directory", get(files::archive))
        .route("/git/changes", get(files::git_changes))
        .route("/git/diff", get(files::git_diff))
        .route("/vscode-url", get(unsupported::vscode_url))
        .route("/web-hosts", get(unsupported::web_hosts))
        .route("/microagents", get(unsupported::microagents))
        .route("/exp-config", post(unsupported::exp_config))
        .route("/remember-prompt", get(unsupported::remember_prompt))
        .route("/submit-feedback", post(unsupported::submit_feedback))
        .with(|routes| routes.route_layer(from_fn_with_state(rest.clone(), guard::guard)))
}

impl Deref for Rest {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
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

impl FromRef<Rest> for Files {
    fn from_ref(rest: &Rest) -> Self {
        rest.files.clone()
    }
}

impl FromRef<Rest> for ServerInfo {
    fn from_ref(rest: &Rest) -> Self {
        rest.info.clone()
    }
}

/// Answers what no route has taken. A path of the API with a slash after it is sent to the one
/// without, as the original does.
async fn not_found(uri: Uri) -> Response {
    let without = uri.path().trim_end_matches('/');
    let is_slashed = without.starts_with("/api/") && without.len() < uri.path().len();
    match without.rsplit('/').next().filter(|_| is_slashed) {
        // Relative, so that it stays below the path under which a proxy shows this server.
        Some(last) => {
            let up = "../".repeat(uri.path().len() - without.len());
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let location = [(header::LOCATION, format!("{up}{last}{query}"))];
            (StatusCode::TEMPORARY_REDIRECT, location).into_response()
        }
        None => ApiError::NotFound.into_response(),
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
