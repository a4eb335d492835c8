//! Events of a conversation: read a page, append an action.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::{HeaderValue, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use super::body::{Fields, Raw};
use super::conversations::integer;
use super::filter::{Conditions, Filter};
use crate::auth::Caller;
use crate::domain::{ConversationId, EventId, Position};
use crate::hub::{Conversation, Create, Direction, Hub, PageOf, StoredEvent};

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
    conditions: Result<Query<Conditions>, QueryRejection>,
    Raw(body): Raw,
) -> Result<([(header::HeaderName, HeaderValue); 1], Bytes), ApiError> {
    let Query(search) = query?;
    let number = |key, text: Option<String>| text.map(|text| integer(key, &text)).transpose();
    let start = number("start_id", search.start_id)?.unwrap_or(0).max(0).unsigned_abs();
    let end = number("end_id", search.end_id)?;
    let limit = number("limit", search.limit)?.unwrap_or(DEFAULT_LIMIT);
    let limit = usize::try_from(limit).ok().filter(|limit| *limit <= MAX_LIMIT);
    let limit = limit.ok_or_else(|| ApiError::BadRequest("Invalid limit".to_owned()))?;
    let reverse = boolean("reverse", search.reverse.as_deref())?;
    let filter = Filter::read(&body)?.over(conditions?.0);
    let conversation = existing(&hub, &id).await?;

    // The range as positions: what is asked for, and what there is.
    let low = Position(start);
    let high = match end {
        Some(end) if end < 0 => Position::START,
        Some(end) => Position::after(EventId(end.unsigned_abs())).min(conversation.head()),
        None => conversation.head(),
    };
    let mut walk = Walk { conversation: &conversation, low, high, reverse };
    let mut events: Vec<Arc<StoredEvent>> = Vec::new();
    let mut has_more = false;
    while !has_more {
        // Unfiltered, one look ahead needs no reading.
        let room = if filter.is_empty() { limit - events.len() } else { MAX_LIMIT };
        if room == 0 {
            has_more = !walk.is_over();
            break;
        }
        let Some(page) = walk.next(room).await? else { break };
        for event in page.into_iter().filter(|event| filter.wants(event)) {
            has_more = events.len() == limit;
            if has_more {
                break;
            }
            events.push(event);
        }
    }
    Ok(([(header::CONTENT_TYPE, JSON)], joined(&events, has_more)))
}

/// A way through the events between two places.
struct Walk<'a> {
    conversation: &'a Conversation,
    low: Position,
    high: Position,
    reverse: bool,
}

impl Walk<'_> {
    fn is_over(&self) -> bool {
        self.low >= self.high
    }

    /// At most `max` events, at least one while there are any.
    async fn next(&mut self, max: usize) -> Result<Option<Vec<Arc<StoredEvent>>>, ApiError> {
        if self.is_over() {
            return Ok(None);
        }
        let left = usize::try_from(self.high.0 - self.low.0).unwrap_or(usize::MAX);
        let page = PageOf {
            from: if self.reverse { self.high } else { self.low },
            direction: if self.reverse { Direction::Backward } else { Direction::Forward },
            max_events: max.min(left),
            max_bytes: PAGE_BYTES,
        };
        let events = self.conversation.page(page).await?.events;
        let Some(last) = events.last() else { return Ok(None) };
        if self.reverse {
            self.high = Position::before(last.id);
        } else {
            self.low = Position::after(last.id);
        }
        Ok(Some(events))
    }
}

/// Stored events are JSON already: they are joined, not parsed.
fn joined(events: &[Arc<StoredEvent>], has_more: bool) -> Bytes {
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

/// Appends an action of a user, in either dialect, or an event of an agent.
pub(super) async fn append(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    Raw(body): Raw,
) -> Result<Json<Value>, ApiError> {
    let conversation = existing(&hub, &id).await?;
    conversation.append_one(caller.draft(&body)?).await?;
    Ok(Json(json!({"success": true})))
}

/// Appends a message of the caller.
pub(super) async fn message(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    Raw(body): Raw,
) -> Result<Json<Value>, ApiError> {
    let fields = Fields::read(&body)?;
    let message = fields.required("message")?;
    let conversation = existing(&hub, &id).await?;
    conversation.append_one(caller.message(message)).await?;
    Ok(Json(json!({"success": true})))
}

pub(super) async fn existing(hub: &Hub, id: &str) -> Result<Arc<Conversation>, ApiError> {
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
pub(super) const PAGE_BYTES: usize = 4 << 20;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
