//! POSTs: payloads of the client.

use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::time::sleep;

use super::poll::OnDrop;
use super::{Body, Parts, callback, response};
use crate::proto::request::Ask;
use crate::proto::{Protocol, RequestError, TransportFault, jsonp};
use crate::server::{Inner, Refusal};
use crate::session::Shared;

/// A POST of a session.
pub(super) async fn post<B>(
    server: &Inner,
    shared: &Shared<Inner>,
    head: &Parts,
    ask: Ask,
    body: Pin<&mut B>,
) -> Result<Response<Body>, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: fmt::Display,
{
    shared.change_at(|state, _| state.session.handle_post())?;
    let abort = OnDrop(Some(|| fail(shared, TransportFault::PostAborted)));
    let binary = is_binary(head);
    if binary && shared.about().protocol == Protocol::V4 {
        abort.disarm();
        fail(shared, TransportFault::PostKind);
        return Err(RequestError::BadRequest.into());
    }
    std::future::poll_fn(|cx| poll_input(shared, cx)).await;
    let max = server.session.limits.max_payload;
    let body = patiently(server.config.body_timeout, pin!(collect(body, max))).await;
    abort.disarm();
    let body = match body {
        Ok(Ok(body)) => body,
        Ok(Err(Unread::TooLarge)) => {
            shared.change_at(|state, _| state.session.handle_post_refused());
            return Ok(response::closing(StatusCode::PAYLOAD_TOO_LARGE, head.version));
        }
        Ok(Err(Unread::Failed(error))) => {
            tracing::debug!(sid = %shared.about().sid, %error, "body of a POST not read");
            fail(shared, TransportFault::PostAborted);
            return Ok(response::closing(StatusCode::BAD_REQUEST, head.version));
        }
        Err(Elapsed) => {
            let max_ms = server.config.body_timeout.as_millis();
            let max_ms = u64::try_from(max_ms).unwrap_or(u64::MAX);
            fail(shared, TransportFault::PostTimeout { max_ms });
            return Ok(response::closing(StatusCode::REQUEST_TIMEOUT, head.version));
        }
    };
    let body = match callback(server, shared.about().protocol, ask) {
        Some(_) if !binary => jsonp::payload(&body),
        _ => Some(body),
    };
    let Some(body) = body else {
        fail(shared, TransportFault::PostKind);
        return Err(RequestError::BadRequest.into());
    };
    let (result, tally) = shared.change_at(|state, now| {
        let result = match binary {
            true => state.session.handle_binary_payload(now, body),
            false => state.session.handle_payload(now, body),
        };
        (result, state.session.take_tally())
    });
    server.counters.add(tally);
    if let Err(error) = result {
        tracing::debug!(sid = %shared.about().sid, %error, "bad payload");
        return Err(RequestError::BadRequest.into());
    }
    // As in the reference: some browsers offer a download of an answer in text/plain to a form.
    let mut response = response::polling(&b"ok"[..], response::HTML, head);
    response::add_headers(server, &mut response, head);
    Ok(response)
}

/// Waits until the body may be read: the application keeps up, or the session is over.
fn poll_input(shared: &Shared<Inner>, cx: &mut Context<'_>) -> Poll<()> {
    shared.change_at(|state, _| {
        if state.session.wants_input() || !state.session.is_open() {
            return Poll::Ready(());
        }
        state.post = Some(cx.waker().clone());
        Poll::Pending
    })
}

fn is_binary(head: &Parts) -> bool {
    let kind = head.headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/octet-stream"))
}

fn fail(shared: &Shared<Inner>, fault: TransportFault) {
    shared.change_at(|state, _| state.session.handle_post_failed(fault));
}

struct Elapsed;

/// What `future` gives within this time. No timer is set in a poll without a waker, which is how a
/// request is begun: most bodies have come by the next poll, and a timer costs more than that poll.
async fn patiently<F: Future>(
    within: Duration,
    mut future: Pin<&mut F>,
) -> Result<F::Output, Elapsed> {
    let mut timer = None;
    std::future::poll_fn(|cx| {
        if let Poll::Ready(done) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(done));
        }
        if cx.waker().will_wake(Waker::noop()) {
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep(within)));
        timer.as_mut().poll(cx).map(|()| Err(Elapsed))
    })
    .await
}

enum Unread {
    TooLarge,
    Failed(String),
}

/// The whole body, of at most `max` bytes.
async fn collect<B>(mut body: Pin<&mut B>, max: usize) -> Result<Bytes, Unread>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: fmt::Display,
{
    let announced = body.size_hint().lower();
    if announced > max as u64 {
        return Err(Unread::TooLarge);
    }
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
