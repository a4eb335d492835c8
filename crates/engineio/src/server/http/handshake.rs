//! Handshakes: new sessions on either transport.

use std::sync::Arc;

use http::{Response, header};
use hyper::upgrade::OnUpgrade;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::accept::accept;
use super::{Body, Parts, callback, poll, response};
use crate::proto::request::Ask;
use crate::proto::server::Session;
use crate::proto::{Protocol, RequestError, Sid, Time, Transport};
use crate::server::socket::{About, Socket};
use crate::server::{Inner, Refusal, Unavailable, WebsocketRefusal, random_sid};
use crate::session::{Driver, Shared};
use crate::websocket::WebSocket;

/// A new session by polling: its open packet answers the request.
pub(super) async fn polling(
    server: &Arc<Inner>,
    head: &Arc<Parts>,
    ask: Ask,
) -> Result<Response<Body>, Refusal> {
    let permit = permit(server)?;
    let shared = begin(server, head, ask, Transport::Polling).await?;
    spawn(server, &shared, None);
    let mut response = poll::held(server, &shared, head, ask).await;
    drop(permit);
    add_initial_headers(server, &mut response, head, shared.about().sid);
    Ok(response)
}

/// A new session by websocket.
pub(super) async fn websocket(
    server: &Arc<Inner>,
    head: &Arc<Parts>,
    ask: Ask,
    upgrade: Option<OnUpgrade>,
) -> Result<Response<Body>, Refusal> {
    let accepted = accept(server, head)?;
    let upgrade = upgrade.ok_or(WebsocketRefusal::Connection)?;
    let permit = permit(server)?;
    let shared = begin(server, head, ask, Transport::Websocket).await?;
    let (max, open) = (server.session.limits.max_payload, server.config.handshake_timeout);
    let websocket = WebSocket::new(upgrade, max, open, Some(permit));
    let sid = shared.about().sid;
    spawn(server, &shared, Some(websocket));
    let mut response = response::switching(accepted);
    response::add_headers(server, &mut response, head);
    add_initial_headers(server, &mut response, head, sid);
    Ok(response)
}

/// A permit for one handshake in progress.
fn permit(server: &Inner) -> Result<OwnedSemaphorePermit, Unavailable> {
    server.registry.check_room()?;
    let max = server.config.max_handshakes;
    Arc::clone(&server.handshakes).try_acquire_owned().map_err(|_| Unavailable::Handshakes { max })
}

async fn begin(
    server: &Arc<Inner>,
    head: &Arc<Parts>,
    ask: Ask,
    transport: Transport,
) -> Result<Arc<Shared<Inner>>, Refusal> {
    let config = &server.config;
    let sid = match (&config.allow_request, &config.generate_sid) {
        (None, None) => random()?,
        _ => {
            // Boxed: otherwise the futures of all requests would have its size.
            let decided = Box::pin(timeout(config.handshake_timeout, decide(server, head)));
            decided.await.unwrap_or_else(|_| {
                let max_ms = config.handshake_timeout.as_millis();
                let max_ms = u64::try_from(max_ms).unwrap_or(u64::MAX);
                Err(Unavailable::Undecided { max_ms }.into())
            })?
        }
    };
    let now = Time::from_origin(server.origin.elapsed());
    let config = Arc::clone(&server.session);
    let protocol = ask.protocol.unwrap_or_default();
    let mut session = match protocol {
        Protocol::V3 => {
            let base64 = ask.base64 || callback(server, protocol, ask).is_some();
            Session::new_v3(sid, transport, base64, config, now)
        }
        Protocol::V4 => Session::new(sid, transport, config, now),
    };
    if let Some(message) = &server.config.initial_packet {
        // An outbox takes one message of any size while it is empty.
        let sent = session.send(message.clone());
        debug_assert_eq!(sent, Ok(()));
    }
    let about = About { sid, protocol: session.protocol(), request: Arc::clone(head) };
    let shared = Arc::new(Shared::new(session, about, server.origin));
    server.registry.insert(Arc::clone(&shared))?;
    Ok(shared)
}

/// Starts the task of a session.
fn spawn(server: &Arc<Inner>, shared: &Arc<Shared<Inner>>, websocket: Option<WebSocket>) {
    let transport = shared.look(|state| state.session.transport());
    server.counters.opened(transport);
    let app = (server.app)(Socket::new(Arc::clone(shared)));
    Driver::spawn(Arc::clone(server), Arc::clone(shared), app, websocket);
}

/// Asks the application whether the session may begin, and for its id.
async fn decide(server: &Inner, head: &Arc<Parts>) -> Result<Sid, Refusal> {
    if let Some(hook) = &server.config.allow_request {
        hook.ask(head).await.map_err(Refusal::Application)?;
    }
    match &server.config.generate_sid {
        None => Ok(random()?),
        Some(hook) => hook.ask(head).await.map_err(|error| {
            tracing::warn!(%error, "no session id");
            RequestError::BadRequest.into()
        }),
    }
}

fn random() -> Result<Sid, Unavailable> {
    random_sid().map_err(|_| Unavailable::NoEntropy)
}

fn add_initial_headers(server: &Inner, response: &mut Response<Body>, head: &Parts, sid: Sid) {
    let cookie = server.config.cookie.as_ref().and_then(|cookie| cookie.header(sid));
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    if let Some(hook) = &server.config.initial_headers {
        hook.add(response.headers_mut(), head);
    }
}
