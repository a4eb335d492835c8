//! Hooks: functions of the application that decide about handshakes and add to answers.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::HeaderMap;

use super::{Parts, Refusal};
use crate::proto::Sid;

/// Decides whether a handshake may pass. The request has its headers, its query, and what the host
/// put into its extensions, such as the peer's address.
#[derive(Clone)]
pub struct AllowRequest(Arc<AllowFn>);

type AllowFn = dyn Fn(Arc<Parts>) -> BoxFuture<'static, Result<(), String>> + Send + Sync;

impl AllowRequest {
    /// Asks this async fn; an error is the text of the refusal, shown to the client.
    pub fn new<F, Fut>(allow: F) -> Self
    where
        F: Fn(Arc<Parts>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(allow(request))))
    }

    pub(crate) async fn ask(&self, request: &Arc<Parts>) -> Result<(), String> {
        (self.0)(Arc::clone(request)).await
    }
}

/// Makes session ids. They must be unpredictable: anyone who knows an id can use its session.
#[derive(Clone)]
pub struct GenerateSid(Arc<SidFn>);

type SidFn = dyn Fn(Arc<Parts>) -> BoxFuture<'static, SidResult> + Send + Sync;
type SidResult = Result<Sid, Box<dyn Error + Send + Sync>>;

impl GenerateSid {
    /// Asks this async fn.
    pub fn new<F, Fut>(generate: F) -> Self
    where
        F: Fn(Arc<Parts>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = SidResult> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(generate(request))))
    }

    pub(crate) async fn ask(&self, request: &Arc<Parts>) -> SidResult {
        (self.0)(Arc::clone(request)).await
    }
}

/// Chooses one of the subprotocols that a client offers, given the head of its request.
#[derive(Clone)]
pub struct ChooseSubprotocol(Arc<ChooseFn>);

type ChooseFn = dyn Fn(&[&str], &Parts) -> Option<String> + Send + Sync;

impl ChooseSubprotocol {
    /// Calls this function with the names in the client's order. `None`, or a name that was not
    /// offered, chooses none of them.
    pub fn new(choose: impl Fn(&[&str], &Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(choose))
    }

    pub(crate) fn choose(&self, offered: &[&str], request: &Parts) -> Option<String> {
        (self.0)(offered, request)
    }
}

/// Adds headers to an answer, given the head of its request.
#[derive(Clone)]
pub struct ResponseHeaders(Arc<HeadersFn>);

type HeadersFn = dyn Fn(&mut HeaderMap, &Parts) + Send + Sync;

impl ResponseHeaders {
    /// Calls this function.
    pub fn new(add: impl Fn(&mut HeaderMap, &Parts) + Send + Sync + 'static) -> Self {
        Self(Arc::new(add))
    }

    pub(crate) fn add(&self, headers: &mut HeaderMap, request: &Parts) {
        (self.0)(headers, request);
    }
}

/// Is told of refusals, given the head of the request.
#[derive(Clone)]
pub struct OnRefused(Arc<RefusedFn>);

type RefusedFn = dyn Fn(&Parts, &Refusal) + Send + Sync;

impl OnRefused {
    /// Calls this function. It runs before the answer is sent: it must not block.
    pub fn new(tell: impl Fn(&Parts, &Refusal) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, request: &Parts, refusal: &Refusal) {
        (self.0)(request, refusal);
    }
}

macro_rules! opaque_debug {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

opaque_debug!(AllowRequest ChooseSubprotocol GenerateSid ResponseHeaders OnRefused);
