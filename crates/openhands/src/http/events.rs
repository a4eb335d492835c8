//! Events of a conversation: read a page, append an action.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::{Extension, Json};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use super::body::{Fields, Raw};
use super::conversations::integer;
use super::document::{self, Document, PART_BYTES};
use super::filter::{Conditions, Filter};
use crate::auth::Caller;
use crate::domain::{ConversationId, EventId, Position};
use crate::hub::{Conversation, Create, Direction, Hub, LogError, PageOf, StoredEvent};

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
) -> Result<Response, ApiError> {
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
    let walk = Walk { conversation, low, high, reverse };
    document::answer(Found { walk, filter, limit, sent: 0, state: Sending::Head }).await
}

/// What a search finds, as one document.
struct Found {
    walk: Walk,
    filter: Filter,
    limit: usize,
    sent: usize,
    state: Sending,
}

enum Sending {
    Head,
    Events,
    Over,
}

impl Document for Found {
    /// Stored events are JSON already: they are joined, not parsed.
    async fn part(&mut self) -> Result<Option<Bytes>, LogError> {
        let mut part = match self.state {
            Sending::Over => return Ok(None),
            Sending::Head => b"{\"events\":[".to_vec(),
            Sending::Events => Vec::new(),
        };
        self.state = Sending::Events;
        // Unfiltered, one look ahead needs no reading.
        let left = self.limit - self.sent;
        let wanted = if self.filter.is_empty() { left } else { MAX_LIMIT };
        let page = if wanted == 0 { None } else { self.walk.next(wanted).await? };
        let Some(page) = page else {
            let has_more = !self.walk.is_over();
            return Ok(Some(self.end(part, has_more)));
        };
        for event in page.iter().filter(|event| self.filter.wants(event)) {
            if self.sent == self.limit {
                return Ok(Some(self.end(part, true)));
            }
            if self.sent > 0 {
                part.push(b',');
            }
            part.extend_from_slice(&event.json);
            self.sent += 1;
        }
        Ok(Some(part.into()))
    }
}

impl Found {
    fn end(&mut self, mut part: Vec<u8>, has_more: bool) -> Bytes {
        self.state = Sending::Over;
        part.extend_from_slice(format!("],\"has_more\":{has_more}}}").as_bytes());
        part.into()
    }
}

/// A way through the events between two places.
struct Walk {
    conversation: Arc<Conversation>,
    low: Position,
    high: Position,
    reverse: bool,
}

impl Walk {
    fn is_over(&self) -> bool {
        self.low >= self.high
    }

    /// At most `max` events, at least one while there are any.
    async fn next(&mut self, max: usize) -> Result<Option<Vec<Arc<StoredEvent>>>, LogError> {
        if self.is_over() {
            return Ok(None);
        }
        let left = usize::try_from(self.high.0 - self.low.0).unwrap_or(usize::MAX);
        let page = PageOf {
            from: if self.reverse { self.high } else { self.low },
            direction: if self.reverse { Direction::Backward } else { Direction::Forward },
            max_events: max.min(left),
            max_bytes: PART_BYTES,
        };
        let events = self.conversation.page(page).await?.events;
        let Some(last) = events.last() else {
            // The conversation was deleted meanwhile, so nothing is left.
            self.low = self.high;
            return Ok(None);
        };
        if self.reverse {
            self.high = Position::before(last.id);
        } else {
            self.low = Position::after(last.id);
        }
        Ok(Some(events))
    }
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
