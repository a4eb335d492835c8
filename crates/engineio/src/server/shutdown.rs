//! The end of a server: refuse, drain, cut.

use std::time::Duration;

use super::Server;

/// How the sessions ended that were there when the shutdown began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Sessions that sent what waited and closed in time.
    pub drained: usize,
    /// Sessions that were cut off at the deadline; what they had to send is lost.
    pub cut: usize,
}

impl Server {
    /// Refuses new sessions from now on (503 with `Retry-After`), closes all others, and waits
    /// until they have sent what is queued, at most for `deadline`. Cuts off the rest.
    ///
    /// # Cancel safety
    /// Dropping the future stops the waiting and the cutting, not the closing.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        let sessions = self.inner.registry.close();
        for session in &sessions {
            session.close();
        }
        let empty = self.inner.registry.wait_empty();
        let _ = tokio::time::timeout(deadline, empty).await;
        let left = self.inner.registry.all();
        for session in &left {
            session.discard();
        }
        Drained { drained: sessions.len().saturating_sub(left.len()), cut: left.len() }
    }

    /// Drains like [`Server::drain`], and returns how many sessions were cut off.
    ///
    /// # Cancel safety
    /// Dropping the future stops the waiting and the cutting, not the closing.
    pub async fn shutdown(&self, deadline: Duration) -> usize {
        self.drain(deadline).await.cut
    }
}
