//! GETs: held until there is something to send.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;

use super::{Body, Parts, callback, response};
use crate::proto::request::Ask;
use crate::proto::{Protocol, Tally, jsonp, v3};
use crate::server::{Inner, Refusal};
use crate::session::Shared;

/// A GET of a session.
pub(super) async fn poll(
    server: &Inner,
    shared: &Shared<Inner>,
    head: &Arc<Parts>,
    ask: Ask,
) -> Result<Response<Body>, Refusal> {
    shared.change_at(|state, now| state.session.handle_poll(now))?;
    Ok(held(server, shared, head, ask).await)
}

/// The answer to the GET that the session holds.
pub(super) async fn held(
    server: &Inner,
    shared: &Shared<Inner>,
    head: &Arc<Parts>,
    ask: Ask,
) -> Response<Body> {
    let abort = OnDrop(Some(|| shared.change_at(|state, _| state.session.handle_poll_aborted())));
    #[cfg_attr(not(feature = "compression"), allow(unused_variables, reason = "asked there only"))]
    let (payload, may_compress, tally) = std::future::poll_fn(|cx| poll_payload(shared, cx)).await;
    server.counters.add(tally);
    let (body, kind) =
        form(payload, shared.about().protocol, callback(server, shared.about().protocol, ask));
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

/// The answer to the held GET, whether it may be compressed, and what was counted until then.
fn poll_payload(shared: &Shared<Inner>, cx: &mut Context<'_>) -> Poll<(Bytes, bool, Tally)> {
    shared.change_at(|state, _| match state.session.poll_payload() {
        Some(body) => {
            let may_compress = state.session.may_compress();
            Poll::Ready((body, may_compress, state.session.take_tally()))
        }
        None => {
            state.get = Some(cx.waker().clone());
            Poll::Pending
        }
    })
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

/// Runs a function when it is dropped: the host drops a request whose client is gone.
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
