//! Events of a conversation: read a page, append an action.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use bytes::Bytes;
use http::{HeaderValue, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use super::conversations::integer;
use crate::domain::{ConversationId, Draft, EventId, Position, parse_user_action};
use crate::hub::{Conversation, Create, Hub};
use crate::log::{Direction, PageOf, StoredEvent};

#[derive(Debug, Deserialize)]
pub(super) struct Search {
    start_id: Option<String>,
    end_id: Option<String>,
    reverse: Option<String>,
    limit: Option<String>,
}

/// `{"events":[…],"has_more":…}`: events as they are stored, of all kinds. `start_id` is always the
/// low end, `end_id` the high end and included.
pub(super) async fn search(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    query: Result<Query<Search>, QueryRejection>,
) -> Result<([(header::HeaderName, HeaderValue); 1], Bytes), ApiError> {
    let Query(search) = query?;
    let number = |key, text: Option<String>| text.map(|text| integer(key, &text)).transpose();
    let start = number("start_id", search.start_id)?.unwrap_or(0).max(0).unsigned_abs();
    let end = number("end_id", search.end_id)?;
    let limit = number("limit", search.limit)?.unwrap_or(DEFAULT_LIMIT);
    let limit = usize::try_from(limit).ok().filter(|limit| *limit <= MAX_LIMIT);
    let limit = limit.ok_or_else(|| ApiError::BadRequest("Invalid limit".to_owned()))?;
    let reverse = boolean("reverse", search.reverse.as_deref())?;
    let conversation = existing(&hub, &id).await?;

    // The range as positions: what is asked for, and what there is.
    let low = Position(start);
    let high = match end {
        Some(end) if end < 0 => Position::START,
        Some(end) => Position::after(EventId(end.unsigned_abs())).min(conversation.head()),
        None => conversation.head(),
    };
    let mut events: Vec<Arc<StoredEvent>> = Vec::new();
    let wanted = usize::try_from(high.0.saturating_sub(low.0)).unwrap_or(usize::MAX);
    let mut from = if reverse { high } else { low };
    while events.len() < limit.min(wanted) {
        let page = PageOf {
            from,
            direction: if reverse { Direction::Backward } else { Direction::Forward },
            max_events: limit.min(wanted) - events.len(),
            max_bytes: PAGE_BYTES,
        };
        let page = conversation.page(page).await?;
        let Some(last) = page.events.last() else { break };
        from = if reverse { Position::before(last.id) } else { Position::after(last.id) };
        events.extend(page.events);
    }
    let has_more = events.len() < wanted;
    Ok(([(header::CONTENT_TYPE, JSON)], body(&events, has_more)))
}

/// Stored events are JSON already: they are joined, not parsed.
fn body(events: &[Arc<StoredEvent>], has_more: bool) -> Bytes {
    let size: usize = events.iter().map(|event| event.json.len() + 1).sum();
    let mut body = Vec::with_capacity(size + 40);
    body.extend_from_slice(b"{\"events\":[");
    for (at, event) in events.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&event.json);
    }
    body.extend_from_slice(format!("],\"has_more\":{has_more}}}").as_bytes());
    body.into()
}

/// Appends an action of the user, in either dialect.
pub(super) async fn append(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let conversation = existing(&hub, &id).await?;
    conversation.append_one(parse_user_action(&body)?).await?;
    Ok(Json(json!({"success": true})))
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    message: String,
}

/// Appends a message of the user.
pub(super) async fn message(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    body: Result<Json<Message>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let Json(Message { message }) = body?;
    let conversation = existing(&hub, &id).await?;
    conversation.append_one(Draft::user_message(&message)).await?;
    Ok(Json(json!({"success": true})))
}

async fn existing(hub: &Hub, id: &str) -> Result<Arc<Conversation>, ApiError> {
    let id = ConversationId::new(id)?;
    hub.conversation(&id, Create::No).await.map_err(|error| ApiError::hub(&id, error))
}

fn boolean(key: &str, text: Option<&str>) -> Result<bool, ApiError> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None | Some("false" | "0" | "no" | "off" | "f" | "n") => Ok(false),
        Some("true" | "1" | "yes" | "on" | "t" | "y") => Ok(true),
        Some(other) => {
            let msg = "Input should be a valid boolean, unable to interpret input";
            Err(ApiError::invalid("bool_parsing", &["query", key], msg, other.into()))
        }
    }
}

const DEFAULT_LIMIT: i64 = 20;
/// Most events of one page.
const MAX_LIMIT: usize = 100;
/// Most bytes read from the log at once.
const PAGE_BYTES: usize = 4 << 20;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
