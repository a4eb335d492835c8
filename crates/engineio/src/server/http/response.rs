//! The answers, with the reference's statuses and content types.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, Version, header};

use super::accept::Accepted;
use super::{Body, Parts};
use crate::proto::RequestError;
use crate::server::{Inner, Refusal, WebsocketRefusal};

/// A payload, or the `ok` of a POST.
pub(super) fn polling(body: impl Into<Bytes>, kind: HeaderValue, head: &Parts) -> Response<Body> {
    let mut response = Response::new(Body::new(body.into()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let agent = head.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    // Old versions of Internet Explorer take a payload that repeats a part of the request for an
    // attack, and change it.
    if agent.is_some_and(|agent| agent.contains(";MSIE") || agent.contains("Trident/")) {
        headers.insert(header::X_XSS_PROTECTION, HeaderValue::from_static("0"));
    }
    response
}

/// 101, with the headers of RFC 6455: the answer to the client's key, and the subprotocol if it
/// offered some.
pub(super) fn switching(accepted: Accepted) -> Response<Body> {
    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accepted.key);
    if let Some(subprotocol) = accepted.subprotocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    response
}

/// Lets the application add its headers to an answer.
pub(super) fn add_headers(server: &Inner, response: &mut Response<Body>, head: &Parts) {
    if let Some(hook) = &server.config.headers {
        hook.add(response.headers_mut(), head);
    }
}

pub(super) fn refusal(refusal: &Refusal) -> Response<Body> {
    let (body, kind) = match refusal {
        Refusal::Request(error) => (error.to_json(), JSON),
        Refusal::Websocket(_) => (RequestError::BadRequest.to_json(), JSON),
        Refusal::Application(text) => (RequestError::Forbidden.to_json_with(text), JSON),
        Refusal::Unavailable(why) => (why.to_string(), TEXT),
    };
    let mut response = Response::new(Body::new(body.into()));
    *response.status_mut() = refusal.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    match refusal {
        Refusal::Unavailable(_) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        Refusal::Websocket(WebsocketRefusal::Method) => {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
        }
        Refusal::Websocket(WebsocketRefusal::Version) => {
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        _ => {}
    }
    response
}

/// An answer to a request whose body was not read to its end.
pub(super) fn closing(status: StatusCode, version: Version) -> Response<Body> {
    let mut response = empty(status);
    // HTTP/2 resets the stream instead, and knows no such header.
    if version <= Version::HTTP_11 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html");
pub(super) const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");
pub(super) const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=UTF-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
