//! A service under a path, in front of another one.

use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::Either;

use super::{Body, Service};

/// Serves a path by the engine and all other paths by `S`, from
/// [`Service::with_fallback`].
///
/// It is a tower service if `S` is one, and a hyper service if `S` is one.
#[derive(Clone)]
pub struct Mount<S> {
    path: String,
    engine: Service,
    fallback: S,
}

impl Service {
    /// Serves `path` and everything below it, with and without a trailing slash, and hands all
    /// other requests to `fallback`.
    ///
    /// `/engine.io/anything/` is served too, as in the reference.
    ///
    /// ```
    /// use engineio::server::{Server, Socket};
    /// # async fn app(_: Socket) {}
    /// let server = Server::new(Default::default(), app);
    /// let home = axum::Router::new().route("/", axum::routing::get(async || "home"));
    /// let mount = server.service().with_fallback("/engine.io", home);
    /// let app: axum::Router = axum::Router::new().fallback_service(mount);
    /// ```
    pub fn with_fallback<S>(self, path: &str, fallback: S) -> Mount<S> {
        Mount { path: path.trim_end_matches('/').to_owned(), engine: self, fallback }
    }
}

impl<S> Mount<S> {
    fn serves(&self, path: &str) -> bool {
        let below = path.strip_prefix(&self.path);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }
}

impl<S, B, R> tower_service::Service<Request<B>> for Mount<S>
where
    S: tower_service::Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Display,
{
    type Response = Response<Either<Body, R>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.fallback.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.serves(request.uri().path()) {
            return answer(self.engine.clone(), request);
        }
        let answer = self.fallback.call(request);
        Box::pin(async move { Ok(answer.await?.map(Either::Right)) })
    }
}

impl<S, B, R> hyper::service::Service<Request<B>> for Mount<S>
where
    S: hyper::service::Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Display,
{
    type Response = Response<Either<Body, R>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        if self.serves(request.uri().path()) {
            return answer(self.engine.clone(), request);
        }
        let answer = self.fallback.call(request);
        Box::pin(async move { Ok(answer.await?.map(Either::Right)) })
    }
}

fn answer<B, R, E>(
    engine: Service,
    request: Request<B>,
) -> BoxFuture<'static, Result<Response<Either<Body, R>>, E>>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Display,
{
    // Begun before the host first polls, like the service alone.
    let answer = hyper::service::Service::call(&engine, request);
    Box::pin(async move {
        let Ok(answer) = answer.await;
        Ok(answer.map(Either::Left))
    })
}

impl<S> fmt::Debug for Mount<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount")
            .field("path", &self.path)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::server::Server;

    #[test]
    fn a_path_is_served_with_and_without_its_slash_and_below() {
        let service = || Server::new(Default::default(), async |_| {}).service();
        for path in ["/engine.io", "/engine.io/"] {
            let mount = service().with_fallback(path, ());
            for (asked, served) in [
                ("/engine.io", true),
                ("/engine.io/", true),
                ("/engine.io/anything/", true),
                ("/engine.iox", false),
                ("/", false),
                ("/other/engine.io/", false),
            ] {
                assert_eq!(mount.serves(asked), served, "{path} {asked}");
            }
        }
        assert!(service().with_fallback("/", ()).serves("/anything"));
    }
}
