//! Handlers of the events that the servers of a cluster send each other by `server_side_emit`.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::proto::{Args, RawJson};

type Handler = Arc<dyn Fn(Args) -> BoxFuture<'static, Option<RawJson>> + Send + Sync>;

#[derive(Default)]
pub(crate) struct ServerSide {
    handlers: RwLock<HashMap<String, Handler>>,
}

impl ServerSide {
    pub(crate) fn on<F, Fut, T>(&self, event: String, handler: F)
    where
        F: Fn(Args) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Serialize,
    {
        let handler: Handler = Arc::new(move |args| {
            let answer = handler(args);
            Box::pin(async move {
                let answer = RawJson::from_value(&answer.await);
                answer.inspect_err(|error| tracing::error!(%error, "answer is not JSON")).ok()
            })
        });
        let mut handlers = self.handlers.write().unwrap_or_else(PoisonError::into_inner);
        handlers.insert(event, handler);
    }

    pub(crate) fn handle(&self, args: Args) -> BoxFuture<'static, Option<RawJson>> {
        let handler = {
            let handlers = self.handlers.read().unwrap_or_else(PoisonError::into_inner);
            handlers.get(args.name().as_ref()).cloned()
        };
        match handler {
            Some(handler) => handler(args),
            None => Box::pin(std::future::ready(None)),
        }
    }
}
