//! Requests: handshakes, held GETs, POSTs, upgrades. [spec: HTTP long-polling, WebSocket]

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::driver::Driver;
use super::registry::Unavailable;
use super::shared::Shared;
use super::websocket::{WebSocket, accept, wants_websocket};
use super::{Inner, Origins, random_sid};
use crate::proto::request::{Route, route};
use crate::proto::server::Session;
use crate::proto::{RequestError, Sid, Time, Transport};

/// The body of every response.
pub type Body = http_body_util::Full<Bytes>;

/// The head of a handshake's request.
pub type Parts = http::request::Parts;

/// Answers one request.
pub(crate) async fn answer<B>(server: &Arc<Inner>, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: fmt::Display,
{
    let headers = request.headers();
    if !server.config.origins.allow(headers) {
        log_refusal(&request, RequestError::Forbidden);
        return error_response(RequestError::Forbidden);
    }
    let cross = headers
        .get(header::ORIGIN)
        .map(|origin| HeaderMap::from_iter([(header::ORIGIN, origin.clone())]));
    if request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        let mut response = empty(StatusCode::NO_CONTENT);
        Origins::add_preflight_headers(headers, response.headers_mut());
        return with_origin(response, cross.as_ref());
    }
    let response = match dispatch(server, request).await {
        Ok(response) => response,
        Err(error) => error_response(error),
    };
    with_origin(response, cross.as_ref())
}

async fn dispatch<B>(
    server: &Arc<Inner>,
    request: Request<B>,
) -> Result<Response<Body>, RequestError>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: fmt::Display,
{
    let query = request.uri().query().unwrap_or_default();
    let websocket = wants_websocket(request.headers());
    let route = route(request.method().as_str(), query, websocket)
        .and_then(|route| enabled(server, route))
        .inspect_err(|error| log_refusal(&request, *error))?;
    match route {
        Route::Handshake(Transport::Polling) => Ok(handshake(server, request).await),
        Route::Handshake(Transport::Websocket) => websocket_handshake(server, request),
        Route::Poll(sid) => Ok(poll(find(server, sid)?).await),
        Route::Post(sid) => Ok(post(server, find(server, sid)?, request).await),
        Route::Upgrade(sid) => upgrade(server, find(server, sid)?, request),
        Route::OtherMethod(sid) => {
            find(server, sid)?;
            let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
            let allow = HeaderValue::from_static("GET, POST");
            response.headers_mut().insert(header::ALLOW, allow);
            Ok(response)
        }
    }
}

fn enabled(server: &Inner, route: Route) -> Result<Route, RequestError> {
    let on = match route {
        Route::Handshake(Transport::Polling) | Route::Poll(_) | Route::Post(_) => {
            server.config.polling
        }
        Route::Handshake(Transport::Websocket) | Route::Upgrade(_) => server.config.websocket,
        Route::OtherMethod(_) => true,
    };
    if on { Ok(route) } else { Err(RequestError::TransportUnknown) }
}

fn find(server: &Inner, sid: Sid) -> Result<Arc<Shared>, RequestError> {
    server.registry.find(sid).ok_or(RequestError::SidUnknown)
}

/// A new session by polling: its open packet answers the request.
async fn handshake<B>(server: &Arc<Inner>, request: Request<B>) -> Response<Body> {
    match begin(server, request.into_parts().0, Transport::Polling) {
        Ok(shared) => {
            Driver::spawn(Arc::clone(server), Arc::clone(&shared), None);
            held(&shared).await
        }
        Err(why) => unavailable(why),
    }
}

/// A new session by websocket.
fn websocket_handshake<B>(
    server: &Arc<Inner>,
    mut request: Request<B>,
) -> Result<Response<Body>, RequestError> {
    let headers = accept(&request).ok_or(RequestError::BadRequest)?;
    let upgrade = hyper::upgrade::on(&mut request);
    Ok(match begin(server, request.into_parts().0, Transport::Websocket) {
        Ok(shared) => {
            Driver::spawn(Arc::clone(server), shared, Some(upgrade));
            switching(headers)
        }
        Err(why) => unavailable(why),
    })
}

fn begin(
    server: &Arc<Inner>,
    mut parts: Parts,
    transport: Transport,
) -> Result<Arc<Shared>, Unavailable> {
    server.registry.check_room()?;
    let sid = random_sid().map_err(|_| Unavailable::NoEntropy)?;
    // What hyper keeps here belongs to the connection; the session may outlive it.
    parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    let now = Time::from_origin(server.origin.elapsed());
    let mut config = Arc::clone(&server.session);
    if !server.config.websocket {
        Arc::make_mut(&mut config).upgrades = false;
    }
    let session = Session::new(sid, transport, config, now);
    let shared = Arc::new(Shared::new(session, Arc::new(parts), server.origin));
    server.registry.insert(Arc::clone(&shared))?;
    Ok(shared)
}

/// A GET of a session: held until there is something to say.
async fn poll(shared: Arc<Shared>) -> Response<Body> {
    match shared.drive(|state, now| state.session.handle_poll(now)) {
        Ok(()) => held(&shared).await,
        Err(error) => error_response(error),
    }
}

async fn held(shared: &Shared) -> Response<Body> {
    let abort = OnDrop(Some(|| shared.drive(|state, _| state.session.handle_poll_aborted())));
    let body = std::future::poll_fn(|cx| shared.poll_payload(cx)).await;
    abort.disarm();
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, TEXT);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A POST of a session.
async fn post<B>(server: &Inner, shared: Arc<Shared>, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: fmt::Display,
{
    if let Err(error) = shared.drive(|state, _| state.session.handle_post()) {
        return error_response(error);
    }
    let abort = OnDrop(Some(|| shared.drive(|state, _| state.session.handle_post_aborted())));
    // Binary bodies belong to protocol 3; read as protocol 4 they were a way to exhaust the
    // reference (CVE-2026-59725).
    let binary = request.headers().get(header::CONTENT_TYPE);
    if binary.is_some_and(|kind| kind.as_bytes().starts_with(b"application/octet-stream")) {
        return error_response(RequestError::BadRequest);
    }
    std::future::poll_fn(|cx| shared.poll_input(cx)).await;
    let max = server.session.limits.max_payload;
    let body = match timeout(server.config.body_timeout, collect(request.into_body(), max)).await {
        Ok(Ok(body)) => body,
        Ok(Err(Unread::TooLarge)) => {
            abort.disarm();
            shared.drive(|state, _| state.session.handle_post_refused());
            return closing(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Ok(Err(Unread::Failed(error))) => {
            tracing::debug!(sid = %shared.sid(), %error, "body of a POST not read");
            return closing(StatusCode::BAD_REQUEST);
        }
        Err(_) => return closing(StatusCode::REQUEST_TIMEOUT),
    };
    abort.disarm();
    match shared.drive(|state, now| state.session.handle_payload(now, body)) {
        Ok(()) => {
            let mut response = Response::new(Body::new(Bytes::from_static(b"ok")));
            response.headers_mut().insert(header::CONTENT_TYPE, HTML);
            response
        }
        Err(error) => {
            tracing::debug!(sid = %shared.sid(), %error, "bad payload");
            error_response(RequestError::BadRequest)
        }
    }
}

/// A websocket for a session that polls.
fn upgrade<B>(
    server: &Inner,
    shared: Arc<Shared>,
    mut request: Request<B>,
) -> Result<Response<Body>, RequestError> {
    let headers = accept(&request).ok_or(RequestError::BadRequest)?;
    let upgrade = hyper::upgrade::on(&mut request);
    shared.drive(|state, now| match state.session.handle_upgrade(now) {
        Ok(()) => {
            state.upgrade = Some(upgrade);
            Ok(switching(headers))
        }
        Err(RequestError::BadRequest) => {
            // The reference opens a second websocket and closes it; its clients expect that.
            WebSocket::new(upgrade, server.session.limits.max_payload).close();
            Ok(switching(headers))
        }
        Err(error) => Err(error),
    })
}

enum Unread {
    TooLarge,
    Failed(String),
}

/// The whole body, of at most `max` bytes.
async fn collect<B>(body: B, max: usize) -> Result<Bytes, Unread>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: fmt::Display,
{
    let announced = body.size_hint().lower();
    if announced > max as u64 {
        return Err(Unread::TooLarge);
    }
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|e| Unread::Failed(e.to_string()))?.into_data() else {
            continue;
        };
        if first.len() + rest.len() + data.len() > max {
            return Err(Unread::TooLarge);
        }
        if first.is_empty() {
            // Most bodies are one chunk, and stay the buffer they came in.
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

/// Runs when it is dropped: the request was, because its client is gone.
struct OnDrop<F: FnMut()>(Option<F>);

impl<F: FnMut()> OnDrop<F> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(mut run) = self.0.take() {
            run();
        }
    }
}

fn log_refusal<B>(request: &Request<B>, error: RequestError) {
    // The query may carry secrets of the application: only the path is logged.
    let (method, path) = (request.method(), request.uri().path());
    tracing::debug!(%method, %path, code = error.code(), %error, "request refused");
}

fn error_response(error: RequestError) -> Response<Body> {
    let mut response = Response::new(Body::new(error.to_json().into()));
    *response.status_mut() =
        StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

fn unavailable(why: Unavailable) -> Response<Body> {
    let text = match why {
        Unavailable::NoEntropy => "the system gives no random bytes".to_owned(),
        Unavailable::ShuttingDown => "the server is shutting down".to_owned(),
        Unavailable::Full { max } => format!("the server has all of its {max} sessions"),
    };
    tracing::warn!(%text, "handshake refused");
    let mut response = Response::new(Body::new(text.into()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

fn switching(headers: HeaderMap) -> Response<Body> {
    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    *response.headers_mut() = headers;
    response
}

/// An answer to a request whose body was not read to its end.
fn closing(status: StatusCode) -> Response<Body> {
    let mut response = empty(status);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

fn with_origin(mut response: Response<Body>, request: Option<&HeaderMap>) -> Response<Body> {
    if let Some(request) = request
        && response.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        Origins::add_headers(request, response.headers_mut());
    }
    response
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
