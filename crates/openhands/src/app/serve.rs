//! Accepting connections, and ending them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use engineio::server::Cork;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::add_extension::AddExtension;

use crate::limits::Peer;

/// Serves `app` on `listener` until `stop` is ready. Then runs `close` while requests in progress
/// finish, at most for [`GRACE`]. At most `max_connections` speak HTTP at once, and as many are
/// websockets: further ones wait in the system's queue.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    max_connections: usize,
    stop: impl Future<Output = ()>,
    close: impl Future<Output = ()>,
) {
    let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES);
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(max_connections));
    tokio::pin!(stop);
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                pause(&error).await;
                continue;
            }
        };
        // Small packets must not wait for one another.
        let _ = stream.set_nodelay(true);
        let service = AddExtension::new(app.clone(), Peer(peer.ip()));
        let service = TowerToHyperService::new(service);
        let stream = TokioIo::new(Cork::new(stream));
        let connection = http.serve_connection_with_upgrades(stream, service);
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(permit);
        });
    }
    drop(listener);
    let finish = tokio::time::timeout(GRACE, graceful.shutdown());
    let _ = tokio::join!(finish, close);
}

/// Out of file descriptors, accepting again at once would only spin.
async fn pause(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Time a client has to send the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// Most bytes of a request's head.
const HEADER_BYTES: usize = 64 << 10;
/// Time requests in progress have when the server stops.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
