//! The service: a tower and a hyper service over the same requests.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either, Ready, ready};
use http::{Request, Response};

use super::http::{self as requests, Body};
use super::{Inner, Server};

/// An answer that is ready, as most are, or one that waits.
type Answering = Either<Ready<Answer>, BoxFuture<'static, Answer>>;

type Answer = Result<Response<Body>, Infallible>;

/// Answers the requests of a [`Server`]. Cheap to clone.
///
/// It looks at the query, the method and the headers, not at the path: mount it under any path,
/// with or without a trailing slash, next to other routes. Every request gets an answer; refusals
/// are answers too.
#[derive(Clone)]
pub struct Service {
    server: Arc<Inner>,
}

impl Service {
    pub(crate) fn new(server: Arc<Inner>) -> Self {
        Self { server }
    }

    /// The server that answers.
    pub fn server(&self) -> Server {
        Server { inner: Arc::clone(&self.server) }
    }

    /// Answers one request.
    ///
    /// A websocket needs the request's connection: serve hyper connections `with_upgrades`.
    /// Needs a tokio runtime with time.
    ///
    /// # Cancel safety
    /// Dropping the future means that the client is gone: a held GET closes its session.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: fmt::Display,
    {
        requests::answer(Arc::clone(&self.server), request).await
    }
}

impl<B> tower_service::Service<Request<B>> for Service
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Display,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        hyper::service::Service::call(self, request)
    }
}

impl<B> hyper::service::Service<Request<B>> for Service
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Display,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<B>) -> Self::Future {
        let answer = requests::answer(Arc::clone(&self.server), request);
        let mut answer: BoxFuture<'static, _> = Box::pin(answer.map(Ok));
        // Begun here, not when the host first polls. A connection that ends right after its GET is
        // dropped before that, and the GET must count as aborted all the same.
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(response) => Either::Left(ready(response)),
            Poll::Pending => Either::Right(answer),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server().fmt(f)
    }
}
