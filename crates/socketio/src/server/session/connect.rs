//! How a client joins a namespace: the CONNECT, middlewares, recovery, and the answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use engineio::server::random_sid;
use futures_util::FutureExt as _;
use serde::Deserialize;

use super::Session;
use super::lane::{Lane, Running};
use crate::proto::encode::INVALID_NAMESPACE;
use crate::proto::{self, RawJson, Version};
use crate::server::hooks::Hooks;
use crate::server::local::RestoredSession;
use crate::server::namespace::Middleware;
use crate::server::socket::SocketParts;
use crate::server::{ConnectError, DisconnectReason, Socket};

impl Session {
    /// Handles a CONNECT of the client.
    pub(super) fn connect(&mut self, name: &proto::NamespaceName, auth: Option<RawJson>) {
        let Some(visit) = self.namespaces.enter(name, auth.as_ref()) else {
            let refusal = self.connection.refuse(name, INVALID_NAMESPACE, None);
            return self.send(refusal);
        };
        let recovery = self.server.config.recovery.as_ref();
        let recovery = recovery.filter(|_| self.version == Version::V5);
        let pid = recovery.map_or(Ok(None), |_| random_sid().map(|pid| Some(pid.to_string())));
        let (Ok(id), Ok(pid)) = (random_sid(), pid) else {
            let refusal = self.connection.refuse(name, "Server error", None);
            return self.send(refusal);
        };
        // Clients of v4 use the session's id as the id of their socket in `/`.
        let is_session = self.version == Version::V4 && name.is_root();
        let id = if is_session { self.engine.sid() } else { id };
        let claim = match (&auth, recovery) {
            (Some(auth), Some(_)) => auth.parse().ok(),
            _ => None,
        };
        let socket = Socket::new(SocketParts {
            id,
            pid,
            namespace: visit.namespace().clone(),
            engine: self.engine.sender(),
            auth,
            mailbox: Arc::clone(&self.mailbox),
        });
        let asks = claim.is_some() || socket.namespace().has_middlewares();
        let running = match asks {
            true => Running::Authorizing(Box::pin(authorize(socket.clone(), claim))),
            false => Running::Nothing,
        };
        self.sockets.reserve_exact(1);
        self.sockets.push(Lane::new(socket, visit, running));
        if !asks {
            self.admit(self.sockets.len() - 1, Ok(None));
        }
    }

    /// Lets a socket in, or refuses it, by the result of its middlewares.
    pub(super) fn admit(
        &mut self,
        at: usize,
        result: Result<Option<Box<RestoredSession>>, ConnectError>,
    ) {
        self.stale = true;
        let lane = &mut self.sockets[at];
        let (socket, name) = (lane.socket.clone(), lane.socket.namespace_name());
        let refusal = match result {
            Ok(restored) if lane.is_in() && !socket.namespace().is_closed() => {
                let answer =
                    self.connection.accept_with_pid(name, socket.id().as_str(), socket.pid());
                let Some(answer) = answer else {
                    lane.gone();
                    return;
                };
                if let Err(error) = socket.namespace().local_sockets().admit(
                    &socket,
                    answer,
                    restored.map(|it| *it),
                ) {
                    tracing::debug!(socket = %socket.id(), %error, "answer not sent");
                    self.engine.close();
                }
                socket.enter_first_rooms();
                return lane.admit();
            }
            Ok(restored) => {
                // The session stays stored: the client may come back for it.
                if let Some(restored) = restored {
                    socket.namespace().adapter(false).persist_session(restored.session);
                }
                ConnectError::new(INVALID_NAMESPACE)
            }
            Err(refusal) => refusal,
        };
        let ConnectError { message, data } = refusal;
        let answer = self.connection.refuse(name, &message, data.as_ref());
        socket.end(&DisconnectReason::Server);
        lane.gone();
        self.send(answer);
    }
}

/// The part of a CONNECT that claims a session.
#[derive(Deserialize)]
struct Claim {
    pid: Option<String>,
    offset: Option<String>,
}

/// Finds the session that the client claims, and runs the middlewares.
async fn authorize(
    socket: Socket,
    claim: Option<Claim>,
) -> Result<Option<Box<RestoredSession>>, ConnectError> {
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
        // A panic is this server's fault: the client gets no details.
        let run = AssertUnwindSafe(async { middleware(socket.clone()).await }).catch_unwind();
        run.await.unwrap_or_else(|_| {
            socket.report_panic("a middleware");
            Err(ConnectError::new("Server error"))
        })?;
    }
    Ok(())
}
