//! Errors of REST, as FastAPI writes them.

use axum::Json;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::domain::{ActionError, ConversationId, InvalidConversationId};
use crate::hub::{HubError, LogError};
use crate::limits::TooMany;
use crate::workspace::FileError;

/// What a request is answered instead.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// A key is needed, and none or a wrong one came.
    Unauthorized,
    /// Not this caller's to do, in words.
    Forbidden(String),
    /// More than a limit.
    TooMany(TooMany),
    /// No such route.
    NotFound,
    /// The route knows other methods.
    MethodNotAllowed,
    /// No such conversation.
    NoConversation(ConversationId),
    /// The client's fault, in words.
    BadRequest(String),
    /// A value of the wrong form, in FastAPI's list of faults.
    Invalid(Value),
    /// A body larger than this.
    TooLarge(usize),
    /// A file that is not shown or stored, as `{"error":…}`.
    File(StatusCode, String),
    /// This side's fault.
    Unavailable(String),
}

impl ApiError {
    /// One fault of one value.
    pub(crate) fn invalid(kind: &str, loc: &[&str], msg: &str, input: Value) -> Self {
        Self::Invalid(json!([{"type": kind, "loc": loc, "msg": msg, "input": input}]))
    }

    /// Why a file is not shown or stored, with words in front.
    pub(crate) fn file(before: &str, error: &FileError) -> Self {
        Self::File(error.status(), format!("{before}{error}"))
    }

    /// Why a repository is not shown. That there is none a page knows by the words alone.
    pub(crate) fn git(before: &str, error: &FileError) -> Self {
        let is_none = matches!(error, FileError::NoRepository);
        Self::file(if is_none { "" } else { before }, error)
    }

    /// A conversation of somebody else, in the words of OpenHands' hosted server.
    pub(crate) fn not_allowed(caller: &Caller, id: &ConversationId) -> Self {
        Self::Forbidden(caller.not_allowed(id))
    }

    pub(crate) fn hub(id: &ConversationId, error: HubError) -> Self {
        match error {
            HubError::NoConversation => Self::NoConversation(id.clone()),
            HubError::Log(error) => error.into(),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<HubError> for ApiError {
    fn from(error: HubError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<LogError> for ApiError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::EventTooLarge { .. } | LogError::TooManyEvents { .. } => {
                Self::BadRequest(error.to_string())
            }
            error => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<InvalidConversationId> for ApiError {
    fn from(error: InvalidConversationId) -> Self {
        Self::BadRequest(error.to_string())
    }
}

impl From<ActionError> for ApiError {
    fn from(error: ActionError) -> Self {
        Self::invalid("value_error", &["body"], &error.to_string(), Value::Null)
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge(super::MAX_BODY),
            _ => Self::BadRequest(rejection.body_text()),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid("value_error", &["query"], &rejection.body_text(), Value::Null)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, detail) = match self {
            Self::TooMany(error) => {
                let after = [(header::RETRY_AFTER, HeaderValue::from(error.retry_after()))];
                let body = Json(json!({"message": error.to_string()}));
                return (StatusCode::TOO_MANY_REQUESTS, after, body).into_response();
            }
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, json!("Unauthorized")),
            Self::Forbidden(text) => (StatusCode::FORBIDDEN, json!(text)),
            Self::NotFound => (StatusCode::NOT_FOUND, json!("Not Found")),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, json!("Method Not Allowed")),
            Self::NoConversation(id) => {
                (StatusCode::NOT_FOUND, json!(format!("Conversation {id} not found")))
            }
            Self::BadRequest(text) => (StatusCode::BAD_REQUEST, json!(text)),
            Self::Invalid(faults) => (StatusCode::UNPROCESSABLE_ENTITY, faults),
            Self::TooLarge(max) => {
                let text = format!("the body has more than {max} bytes");
                (StatusCode::PAYLOAD_TOO_LARGE, json!(text))
            }
            Self::File(status, text) => {
                if status == StatusCode::INTERNAL_SERVER_ERROR {
                    tracing::error!(error = %text, "request failed");
                }
                let mut response = (status, Json(json!({"error": text}))).into_response();
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    response
                        .headers_mut()
                        .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
                }
                return response;
            }
            Self::Unavailable(text) => {
                tracing::error!(error = %text, "request failed");
                (StatusCode::SERVICE_UNAVAILABLE, json!(text))
            }
        };
        (status, Json(json!({"detail": detail}))).into_response()
    }
}
