//! Whether a client is let in, and as whom.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use serde::Deserialize;

use crate::server::hooks::Hooks;
use crate::server::local::Restored;
use crate::server::namespace::Middleware;
use crate::server::{ConnectError, Socket};

/// What a CONNECT says of a session to be recovered.
#[derive(Deserialize)]
pub(super) struct Claim {
    pub(super) pid: Option<String>,
    offset: Option<String>,
}

/// Finds the session that the client claims, and runs the middlewares.
pub(super) async fn authorize(
    socket: Socket,
    claim: Option<Claim>,
) -> Result<Option<Box<Restored>>, ConnectError> {
    let middlewares = socket.namespace().middlewares();
    let Some(Claim { pid: Some(pid), offset }) = claim else {
        return run(middlewares, &socket).await.map(|()| None);
    };
    let context = socket.context();
    let adapter = socket.namespace().adapter(false);
    let restored = adapter.restore_session(&pid, offset.as_deref()).await;
    let Some(restored) = restored else {
        Hooks::count(&context.hooks.not_recovered);
        return run(middlewares, &socket).await.map(|()| None);
    };
    socket.recover(&restored.session);
    Hooks::count(&context.hooks.recovered);
    if context.config.recovery.as_ref().is_some_and(|recovery| !recovery.skip_middlewares) {
        run(middlewares, &socket).await?;
    }
    Ok(Some(Box::new(restored)))
}

async fn run(middlewares: Vec<Middleware>, socket: &Socket) -> Result<(), ConnectError> {
    for middleware in middlewares {
        // A panic is this server's fault: the client is told no more than that.
        let run = AssertUnwindSafe(async { middleware(socket.clone()).await }).catch_unwind();
        run.await.unwrap_or_else(|_| {
            socket.report_panic("a middleware");
            Err(ConnectError::new("Server error"))
        })?;
    }
    Ok(())
}
