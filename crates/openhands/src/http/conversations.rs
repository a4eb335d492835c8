//! Conversations: create, list, find.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ApiError;
use super::body::{Fields, Raw};
use crate::auth::{Caller, hex};
use crate::domain::{ConversationId, Draft};
use crate::hub::{ConversationKey, Create, Hub, Metadata};

pub(super) async fn create(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    Raw(body): Raw,
) -> Result<Json<Value>, ApiError> {
    if !caller.may_create() {
        return Err(ApiError::Forbidden("an agent is given its conversations".to_owned()));
    }
    let fields = Fields::read(&body)?;
    fields.only(CREATION)?;
    let first = fields.text("initial_user_msg")?.filter(|text| !text.is_empty());
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy)
        .map_err(|error| ApiError::Unavailable(format!("no random bytes: {error}")))?;
    let id = ConversationId::new(&hex(&entropy))?;
    let create = caller.user().map_or(Create::Yes, |user| Create::For(user.clone()));
    let conversation = hub.conversation(&id, create).await?;
    if let Some(text) = first {
        conversation.append_one(Draft::user_message(text)).await?;
    }
    Ok(Json(json!({
        "status": "ok",
        "conversation_id": id.as_str(),
        "message": null,
        "conversation_status": "STARTING",
    })))
}

#[derive(Debug, Deserialize)]
pub(super) struct Listing {
    #[serde(default)]
    page_id: Option<String>,
    #[serde(default)]
    limit: Option<String>,
}

pub(super) async fn list(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<Listing>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(Listing { page_id, limit }) = query?;
    let limit = match limit {
        Some(text) => integer("limit", &text)?,
        None => DEFAULT_LIMIT,
    };
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    let limit = limit.ok_or_else(|| ApiError::BadRequest("Invalid limit".to_owned()))?;
    let before = match page_id {
        Some(text) => {
            let key = text.parse().map_err(|_| ApiError::BadRequest("Invalid page_id".into()))?;
            Some(ConversationKey(key))
        }
        None => None,
    };
    let listing = hub.list(caller.viewer().as_ref(), before, limit).await?;
    let results: Vec<_> = listing.conversations.iter().map(|c| Info::new(&hub, c)).collect();
    let next = listing.next.map(|ConversationKey(key)| key.to_string());
    Ok(Json(json!({"results": results, "next_page_id": next})))
}

/// One conversation; `null` when there is none, as in OpenHands 0.62.
pub(super) async fn find(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
) -> Result<Json<Option<Value>>, ApiError> {
    let metadata = hub.metadata(&ConversationId::new(&id)?).await?;
    Ok(Json(metadata.map(|metadata| json!(Info::new(&hub, &metadata)))))
}

/// What OpenHands 0.62 tells about a conversation, keys in its order. It runs when it is in memory and
/// was not stopped; joining or writing starts it again.
#[derive(Debug, Serialize)]
struct Info<'a> {
    conversation_id: &'a str,
    title: &'a str,
    last_updated_at: &'a str,
    status: &'static str,
    runtime_status: Option<&'static str>,
    selected_repository: (),
    selected_branch: (),
    git_provider: (),
    trigger: &'static str,
    num_connections: usize,
    url: Option<String>,
    session_api_key: (),
    created_at: &'a str,
    pr_number: [u64; 0],
    conversation_version: &'static str,
}

impl<'a> Info<'a> {
    fn new(hub: &Hub, metadata: &'a Metadata) -> Self {
        let id = metadata.id.as_str();
        let is_running = hub.is_running(&metadata.id);
        Self {
            conversation_id: id,
            title: &metadata.title,
            last_updated_at: &metadata.updated_at,
            status: if is_running { "RUNNING" } else { "STOPPED" },
            runtime_status: is_running.then_some("STATUS$READY"),
            selected_repository: (),
            selected_branch: (),
            git_provider: (),
            trigger: "gui",
            num_connections: hub.loaded(&metadata.id).map_or(0, |c| c.listeners()),
            url: is_running.then(|| format!("/api/conversations/{id}")),
            session_api_key: (),
            created_at: &metadata.created_at,
            pr_number: [],
            conversation_version: "V0",
        }
    }
}

/// An integer of the query, or FastAPI's words for what is none.
pub(super) fn integer(key: &str, text: &str) -> Result<i64, ApiError> {
    text.trim().parse().map_err(|_| {
        let msg = "Input should be a valid integer, unable to parse string as an integer";
        ApiError::invalid("int_parsing", &["query", key], msg, text.into())
    })
}

const DEFAULT_LIMIT: i64 = 20;
/// Most conversations of one page.
const MAX_LIMIT: usize = 100;
/// What OpenHands 0.62 knows in a creation. All but the first is about repositories and runtimes: it is
/// accepted and has no meaning here.
const CREATION: &[&str] = &[
    "initial_user_msg",
    "image_urls",
    "repository",
    "git_provider",
    "selected_branch",
    "replay_json",
    "suggested_task",
    "create_microagent",
    "conversation_instructions",
    "mcp_config",
];
