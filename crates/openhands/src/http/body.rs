//! JSON bodies, and FastAPI's words for what is wrong with them.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::ApiError;
use crate::domain::surrogates;

/// A body as it came.
#[derive(Debug)]
pub(super) struct Raw(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = Bytes::from_request(request, state).await.map_err(ApiError::from)?;
        // Some editors and shells put a byte order mark before text. It does not belong to the JSON.
        let skipped = if body.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Ok(Self(body.slice(skipped..)))
    }
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A body that is an object.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body that must be there.
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Err(ApiError::invalid("missing", &["body"], "Field required", Value::Null));
        }
        match serde_json::from_slice(body).or_else(|error| surrogates::again(body, error)) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(other) => Err(ApiError::invalid(
                "model_attributes_type",
                &["body"],
                "Input should be a valid dictionary or object to extract fields from",
                other,
            )),
            Err(error) => Err(ApiError::Invalid(json!([{
                "type": "json_invalid",
                "loc": ["body", error.column()],
                "msg": "JSON decode error",
                "input": {},
                "ctx": {"error": error.to_string()},
            }]))),
        }
    }

    /// Refuses keys that are none of these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.0.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, value)) => Err(ApiError::invalid(
                "extra_forbidden",
                &["body", key],
                "Extra inputs are not permitted",
                value.clone(),
            )),
            None => Ok(()),
        }
    }

    /// A text; `None` when it is absent or null.
    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, ApiError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(not_a_string(key, other)),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, key: &str) -> Result<&str, ApiError> {
        match self.0.get(key) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(not_a_string(key, other)),
            None => {
                let all = Value::Object(self.0.clone());
                Err(ApiError::invalid("missing", &["body", key], "Field required", all))
            }
        }
    }

    /// A text that must be there. No error repeats it.
    pub(super) fn secret(&self, key: &str) -> Result<&str, ApiError> {
        match self.0.get(key) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(not_a_string(key, &Value::Null)),
            None => {
                Err(ApiError::invalid("missing", &["body", key], "Field required", Value::Null))
            }
        }
    }

    /// A list of texts; `None` when it is absent or null.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, ApiError> {
        let list = match self.0.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(list)) => list,
            Some(other) => {
                let msg = "Input should be a valid list";
                return Err(ApiError::invalid("list_type", &["body", key], msg, other.clone()));
            }
        };
        let texts = list.iter().map(|one| match one {
            Value::String(text) => Ok(text.clone()),
            other => Err(not_a_string(key, other)),
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// A yes or no; absent or null is no.
    pub(super) fn flag(&self, key: &str) -> Result<bool, ApiError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => {
                let msg = "Input should be a valid boolean";
                Err(ApiError::invalid("bool_type", &["body", key], msg, other.clone()))
            }
        }
    }

    /// Whether a key asks for something: it is there, and neither null nor empty.
    pub(super) fn is_said(&self, key: &str) -> bool {
        match self.0.get(key) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::Object(fields)) => !fields.is_empty(),
            Some(_) => true,
        }
    }

    /// The refusal of a key that asks for what this server does not do.
    pub(super) fn unsupported(&self, key: &str) -> ApiError {
        let msg = format!("This server does not support {key}: leave it out");
        // The value may be a file or hold a secret: it is not repeated.
        ApiError::invalid("unsupported", &["body", key], &msg, Value::Null)
    }

    /// All of it.
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

fn not_a_string(key: &str, found: &Value) -> ApiError {
    let msg = "Input should be a valid string";
    ApiError::invalid("string_type", &["body", key], msg, found.clone())
}
