//! Upgrades: a websocket for a session that polls.

use http::Response;
use hyper::upgrade::OnUpgrade;

use super::{Body, Parts, response};
use crate::proto::RequestError;
use crate::proto::request::Ask;
use crate::server::shared::Shared;
use crate::server::websocket::{WebSocket, accept};
use crate::server::{Inner, Refusal};

/// A websocket with the id of a session.
pub(super) fn upgrade(
    server: &Inner,
    shared: &Shared,
    head: &Parts,
    ask: Ask,
    upgrade: Option<OnUpgrade>,
) -> Result<Response<Body>, Refusal> {
    let accept = accept(&head.headers).ok_or(RequestError::BadRequest)?;
    let upgrade = upgrade.ok_or(RequestError::BadRequest)?;
    shared.drive(|state, now| match state.session.handle_upgrade(now) {
        Ok(()) => {
            state.session.handle_upgrade_base64(ask.base64);
            state.upgrade = Some(upgrade);
            Ok(())
        }
        Err(RequestError::BadRequest) => {
            // The reference opens a second websocket and closes it; its clients expect that.
            let (max, open) = (server.session.limits.max_payload, server.session.upgrade_timeout);
            WebSocket::new(upgrade, max, open, None).close();
            Ok(())
        }
        Err(error) => Err(error),
    })?;
    let mut response = response::switching(accept);
    response::add_headers(server, &mut response, head);
    Ok(response)
}
