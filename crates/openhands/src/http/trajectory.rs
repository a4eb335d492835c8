//! The whole of a conversation as one document, read and sent page by page.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header;
use serde_json::Value;

use super::ApiError;
use super::events::existing;
use super::filter::Filter;
use crate::domain::{Kind, ObservationKind, Position};
use crate::hub::{Conversation, Hub};
use crate::log::{Direction, LogError, PageOf, StoredEvent};

/// `{"trajectory":[…]}`: without hidden commands, and without what only a browser needs.
pub(super) async fn trajectory(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let conversation = existing(&hub, &id).await?;
    let end = conversation.head();
    let export = Export { conversation, next: Position::START, end, begun: false, over: false };
    let pages = stream::try_unfold(export, |mut export| async move {
        match export.part().await {
            Ok(Some(part)) => Ok(Some((part, export))),
            Ok(None) => Ok(None),
            Err(error) => {
                // The head of the answer is out: only a broken body can tell.
                tracing::error!(%error, "trajectory cut short");
                Err(io::Error::other(error))
            }
        }
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((json, Body::from_stream(pages)).into_response())
}

struct Export {
    conversation: Arc<Conversation>,
    next: Position,
    end: Position,
    begun: bool,
    over: bool,
}

impl Export {
    /// The next piece of the document; `None` behind its end.
    async fn part(&mut self) -> Result<Option<Bytes>, LogError> {
        if self.over {
            return Ok(None);
        }
        let mut part = Vec::new();
        if self.next == Position::START {
            part.extend_from_slice(b"{\"trajectory\":[");
        }
        if self.next >= self.end {
            part.extend_from_slice(b"]}");
            self.over = true;
            return Ok(Some(part.into()));
        }
        let left = usize::try_from(self.end.0 - self.next.0).unwrap_or(usize::MAX);
        let page = PageOf {
            from: self.next,
            direction: Direction::Forward,
            max_events: left.min(PART_EVENTS),
            max_bytes: PART_BYTES,
        };
        let events = self.conversation.page(page).await?.events;
        let last = events.last().ok_or(LogError::NoConversation)?;
        self.next = Position::after(last.id);
        for event in events.iter().filter(|event| Filter::visible().wants(event)) {
            if std::mem::replace(&mut self.begun, true) {
                part.push(b',');
            }
            part.extend_from_slice(&without_blobs(event));
        }
        Ok(Some(part.into()))
    }
}

/// Pages a browser agent saw are large and of no use to a reader.
fn without_blobs(event: &StoredEvent) -> Bytes {
    if event.kind != Kind::Observation(ObservationKind::Browse) {
        return event.json.clone();
    }
    let Ok(mut stored) = serde_json::from_slice::<Value>(&event.json) else {
        return event.json.clone();
    };
    if let Some(extras) = stored.get_mut("extras").and_then(Value::as_object_mut) {
        extras.retain(|key, _| !BLOBS.contains(&key.as_str()));
    }
    stored.to_string().into()
}

const BLOBS: &[&str] = &[
    "screenshot",
    "set_of_marks",
    "dom_object",
    "axtree_object",
    "active_page_index",
    "last_browser_action",
    "last_browser_action_error",
    "focused_element_bid",
    "extra_element_properties",
];
/// Most events, and most bytes but for a single event, in memory at once.
const PART_EVENTS: usize = 500;
const PART_BYTES: usize = 1 << 20;
