//! GETs: held until there is something to say.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use super::{Body, Parts, callback, response};
use crate::proto::request::Ask;
use crate::proto::{Protocol, jsonp, v3};
use crate::server::shared::Shared;
use crate::server::{Inner, Refusal};

/// A GET of a session.
pub(super) async fn poll(
    server: &Inner,
    shared: &Shared,
    head: &Arc<Parts>,
    ask: Ask,
) -> Result<Response<Body>, Refusal> {
    shared.drive(|state, now| state.session.handle_poll(now))?;
    Ok(held(server, shared, head, ask).await)
}

/// The answer to the GET that the session holds.
pub(super) async fn held(
    server: &Inner,
    shared: &Shared,
    head: &Arc<Parts>,
    ask: Ask,
) -> Response<Body> {
    let abort = OnDrop(Some(|| shared.drive(|state, _| state.session.handle_poll_aborted())));
    #[cfg_attr(not(feature = "compression"), allow(unused_variables, reason = "asked there only"))]
    let (payload, may_compress) = std::future::poll_fn(|cx| shared.poll_payload(cx)).await;
    server.counters.add(shared.take_tally());
    let (body, kind) = form(payload, shared.protocol(), callback(server, shared.protocol(), ask));
    let mut response = response::polling(Bytes::new(), kind, head);
    #[cfg(feature = "compression")]
    let body = match &server.config.compression {
        Some(compression) if may_compress => {
            compression.apply(body, &head.headers, response.headers_mut()).await
        }
        _ => body,
    };
    abort.disarm();
    *response.body_mut() = Body::new(body);
    response::add_headers(server, &mut response, head);
    response
}

/// The body as the client asked for it, with its content type.
fn form(payload: Bytes, protocol: Protocol, callback: Option<u32>) -> (Bytes, http::HeaderValue) {
    if protocol == Protocol::V3 && v3::payload::is_binary(&payload) {
        return (payload, response::BINARY);
    }
    match (callback, std::str::from_utf8(&payload)) {
        (Some(callback), Ok(text)) => (jsonp::script(callback, text).into(), response::SCRIPT),
        _ => (payload, response::TEXT),
    }
}

/// Runs when it is dropped: the request was, because its client is gone.
pub(super) struct OnDrop<F: FnMut()>(pub(super) Option<F>);

impl<F: FnMut()> OnDrop<F> {
    pub(super) fn disarm(mut self) {
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
