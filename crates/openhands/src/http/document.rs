//! A JSON document that is sent piece by piece, so that a long one is never whole in memory.
//!
//! In: what makes one piece after the other, each from one page of the log. Out: a response. The
//! first piece is made before the head of the answer leaves, so that a log that cannot be read is
//! still answered with an error; after that only a body that breaks off can tell.

use std::io;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header;

use super::ApiError;
use crate::hub::LogError;

/// Makes a document.
pub(super) trait Document: Send + 'static {
    /// The next piece; `None` after the last one.
    fn part(&mut self) -> impl Future<Output = Result<Option<Bytes>, LogError>> + Send;
}

/// Answers with a document.
///
/// # Errors
/// When its first piece cannot be made.
pub(super) async fn answer(mut document: impl Document) -> Result<Response, ApiError> {
    let first = document.part().await?.unwrap_or_default();
    let rest = stream::try_unfold(document, |mut document| async move {
        match document.part().await {
            Ok(Some(part)) => Ok(Some((part, document))),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::error!(%error, "an answer was cut short");
                Err(io::Error::other(error))
            }
        }
    });
    let pieces = stream::once(async { Ok(first) }).chain(rest);
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pieces)).into_response())
}

/// Most events, and most bytes but for a single event, that are read at once.
pub(super) const PART_EVENTS: usize = 500;
pub(super) const PART_BYTES: usize = 1 << 20;
