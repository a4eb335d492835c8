//! Conversations: create, list, find.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
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
    let text = fields.text("initial_user_msg")?.filter(|text| !text.is_empty());
    let pictures = fields.texts("image_urls")?.filter(|pictures| !pictures.is_empty());
    if let Some(key) = WITHOUT_MEANING.iter().find(|key| fields.is_said(key)) {
        return Err(fields.unsupported(key));
    }
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy)
        .map_err(|error| ApiError::Unavailable(format!("no random bytes: {error}")))?;
    let id = ConversationId::new(&hex(&entropy))?;
    let create = caller.user().map_or(Create::Yes, |user| Create::For(user.clone()));
    let conversation = hub.conversation(&id, create).await?;
    if text.is_some() || pictures.is_some() {
        let first = Draft::user_message_with(text.unwrap_or_default(), pictures);
        conversation.append_one(first).await?;
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
    #[serde(default)]
    selected_repository: Option<String>,
    #[serde(default)]
    conversation_trigger: Option<String>,
}

impl Listing {
    /// Whether any conversation can be meant: here they have no repository, and one trigger.
    fn can_match(&self) -> bool {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        said(&self.selected_repository).is_none()
            && said(&self.conversation_trigger).is_none_or(|trigger| trigger == TRIGGER)
    }
}

pub(super) async fn list(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<Listing>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(query) = query?;
    let limit = match &query.limit {
        Some(text) => integer("limit", text)?,
        None => DEFAULT_LIMIT,
    };
    let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
    let limit = limit.ok_or_else(|| ApiError::BadRequest("Invalid limit".to_owned()))?;
    // A larger limit gives a full page, and the place where the next page begins.
    let limit = limit.min(MAX_LIMIT);
    if !query.can_match() {
        return Ok(Json(json!({"results": [], "next_page_id": null})));
    }
    let before = match query.page_id.filter(|text| !text.is_empty()) {
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
            trigger: TRIGGER,
            num_connections: hub.loaded(&metadata.id).map_or(0, |c| c.listeners()),
            url: is_running
                .then(|| format!("/api/conversations/{}", utf8_percent_encode(id, SEGMENT))),
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

/// How all conversations here were begun, in the word of OpenHands 0.62.
const TRIGGER: &str = "gui";
/// Characters that need no escape in one part of a path. [RFC 3986, section 2.3]
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const DEFAULT_LIMIT: i64 = 20;
/// Most conversations of one page.
const MAX_LIMIT: usize = 100;
/// What OpenHands 0.62 knows in a creation.
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
/// Those of them that ask for what this server does not do. They may be absent, null or empty, as
/// the original's page sends them; otherwise the creation is refused, so that nobody waits for a
/// repository that is never cloned.
const WITHOUT_MEANING: &[&str] = &[
    "repository",
    "git_provider",
    "selected_branch",
    "replay_json",
    "suggested_task",
    "create_microagent",
    "conversation_instructions",
    "mcp_config",
];
