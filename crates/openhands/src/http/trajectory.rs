//! The whole of a conversation as one document, read and sent page by page.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;

use super::ApiError;
use super::document::{self, Document, PART_BYTES, PART_EVENTS};
use super::events::existing;
use super::filter::Filter;
use crate::domain::Position;
use crate::domain::trajectory::without_blobs;
use crate::hub::{Conversation, Direction, Hub, LogError, PageOf};

/// `{"trajectory":[…]}`: without hidden commands, and without what only a browser needs.
pub(super) async fn trajectory(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let conversation = existing(&hub, &id).await?;
    let end = conversation.head();
    let export = Export { conversation, next: Position::START, end, begun: false, over: false };
    document::answer(export).await
}

struct Export {
    conversation: Arc<Conversation>,
    next: Position,
    end: Position,
    begun: bool,
    over: bool,
}

impl Document for Export {
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
            match without_blobs(event.kind, &event.json) {
                Some(json) => part.extend_from_slice(json.as_bytes()),
                None => part.extend_from_slice(&event.json),
            }
        }
        Ok(Some(part.into()))
    }
}
