//! Upgrades: a websocket for a session that polls.

use http::Response;
use hyper::upgrade::OnUpgrade;

use super::accept::accept;
use super::{Body, Parts, response};
use crate::proto::RequestError;
use crate::proto::request::Ask;
use crate::server::{Inner, Refusal, WebsocketRefusal};
use crate::session::Shared;
use crate::websocket::WebSocket;

/// A websocket with the id of a session.
pub(super) fn upgrade(
    server: &Inner,
    shared: &Shared<Inner>,
    head: &Parts,
    ask: Ask,
    upgrade: Option<OnUpgrade>,
) -> Result<Response<Body>, Refusal> {
    let accepted = accept(server, head)?;
    let upgrade = upgrade.ok_or(WebsocketRefusal::Connection)?;
    let (max, open) = (server.session.limits.max_payload, server.session.upgrade_timeout);
    let websocket = WebSocket::new(upgrade, max, open, None);
    let refused = shared.change_at(|state, now| match state.session.handle_upgrade(now) {
        Ok(()) => {
            state.session.handle_upgrade_base64(ask.base64);
            state.attached = Some(websocket);
            Ok(None)
        }
        // The reference opens a second websocket and closes it; its clients expect that.
        Err(RequestError::BadRequest) => Ok(Some(websocket)),
        Err(error) => Err(error),
    })?;
    if let Some(websocket) = refused {
        websocket.close();
    }
    let mut response = response::switching(accepted);
    response::add_headers(server, &mut response, head);
    Ok(response)
}
