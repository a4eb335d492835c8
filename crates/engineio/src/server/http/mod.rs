//! Requests: handshakes, held GETs, POSTs, upgrades. [spec: HTTP long-polling, WebSocket]
//!
//! A request comes in from [`Service`](super::Service) with its head and body. Its route is read from
//! the query, its origin is checked, and it enters its session by `Shared::change_at`. The answer goes
//! out with the statuses and content types of the reference. Every request is answered; a refusal is
//! counted, logged and told to the application in one place, `refuse`.
//!
//! Start reading at [`answer`].

mod accept;
mod handshake;
mod head;
mod poll;
mod post;
mod response;
mod upgrade;

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;

use super::{Inner, Origins, Refusal};
use crate::proto::request::{Ask, Route, read};
use crate::proto::{Protocol, RequestError, Sid, Transport};
use crate::session::Shared;
use crate::websocket::wants_websocket;

/// The body of every response.
pub type Body = http_body_util::Full<Bytes>;

/// The head of a handshake's request.
pub type Parts = http::request::Parts;

/// Answers one request. The head is read before the future is made, so that what waits is small.
pub(crate) fn answer<B>(
    server: Arc<Inner>,
    request: Request<B>,
) -> impl Future<Output = Response<Body>> + Send
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: fmt::Display,
{
    let (mut head, body) = request.into_parts();
    // It belongs to the connection, which the session may outlive.
    let upgrade = head.extensions.remove::<OnUpgrade>();
    let query = head.uri.query().unwrap_or_default();
    let websocket = wants_websocket(&head.headers);
    let ask = read(head.method.as_str(), query, websocket, server.config.offer());
    if let Ok(Ask { route: Route::Handshake(_), .. }) = ask {
        // The session keeps the head as long as it lives.
        head::own(&mut head);
    }
    let head = Arc::new(head);
    async move {
        if !server.config.origins.allow(&head) {
            return refuse(&server, &head, &RequestError::Forbidden.into());
        }
        let headers = &head.headers;
        let is_preflight = head.method == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let response = if is_preflight {
            let mut response = response::empty(StatusCode::NO_CONTENT);
            Origins::add_preflight_headers(headers, response.headers_mut());
            response
        } else {
            let answer = match ask {
                Ok(ask) => dispatch(&server, &head, ask, upgrade, pin!(body)).await,
                Err(error) => Err(error.into()),
            };
            answer.unwrap_or_else(|refusal| refuse(&server, &head, &refusal))
        };
        with_origin(response, headers.get(header::ORIGIN))
    }
}

async fn dispatch<B>(
    server: &Arc<Inner>,
    head: &Arc<Parts>,
    ask: Ask,
    upgrade: Option<OnUpgrade>,
    body: Pin<&mut B>,
) -> Result<Response<Body>, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: fmt::Display,
{
    match ask.route {
        Route::Handshake(Transport::Polling) => handshake::polling(server, head, ask).await,
        Route::Handshake(Transport::Websocket) => {
            handshake::websocket(server, head, ask, upgrade).await
        }
        Route::Poll(sid) => poll::poll(server, find(server, sid, ask)?.as_ref(), head, ask).await,
        Route::Post(sid) => {
            post::post(server, find(server, sid, ask)?.as_ref(), head, ask, body).await
        }
        Route::Upgrade(sid) => {
            upgrade::upgrade(server, find(server, sid, ask)?.as_ref(), head, ask, upgrade)
        }
        Route::OtherMethod(sid) => {
            find(server, sid, ask)?;
            let mut response = response::empty(StatusCode::METHOD_NOT_ALLOWED);
            let allow = HeaderValue::from_static("GET, POST");
            response.headers_mut().insert(header::ALLOW, allow);
            Ok(response)
        }
    }
}

/// The session of a request. Its protocol does not change: a request that names another one, or
/// none, is not of this session's client.
fn find(server: &Inner, sid: Sid, ask: Ask) -> Result<Arc<Shared<Inner>>, RequestError> {
    let shared = server.registry.find(sid).ok_or(RequestError::SidUnknown)?;
    match ask.protocol == Some(shared.about().protocol) {
        true => Ok(shared),
        false => Err(RequestError::BadRequest),
    }
}

/// The callback that a session's answers are to be scripts for.
fn callback(server: &Inner, protocol: Protocol, ask: Ask) -> Option<u32> {
    ask.jsonp.filter(|_| server.config.jsonp && protocol == Protocol::V3)
}

/// Counts, logs, tells and answers a refusal.
fn refuse(server: &Inner, head: &Parts, refusal: &Refusal) -> Response<Body> {
    // The query may carry secrets of the application: only the path is logged.
    let (method, path, code) = (&head.method, head.uri.path(), refusal.code());
    match refusal {
        Refusal::Unavailable(_) => tracing::warn!(%method, %path, %refusal, "handshake refused"),
        _ => tracing::debug!(%method, %path, ?code, %refusal, "request refused"),
    }
    server.counters.refused(refusal);
    if let Some(hook) = &server.config.on_refused {
        hook.tell(head, refusal);
    }
    response::refusal(refusal)
}

fn with_origin(mut response: Response<Body>, origin: Option<&HeaderValue>) -> Response<Body> {
    if let Some(origin) = origin
        && response.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        Origins::add_headers(origin.clone(), response.headers_mut());
    }
    response
}
