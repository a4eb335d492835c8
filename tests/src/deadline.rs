//! Waits that end.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

/// The most a test waits for any one thing. Ample for a busy machine; no test relies on it.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// What `future` gives.
///
/// # Panics
/// When it is not there within [`DEADLINE`]; `what` says what was awaited.
pub async fn within<F: Future>(what: impl Display, future: F) -> F::Output {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(output) => output,
        Err(_) => panic!("no {what} within {DEADLINE:?}"),
    }
}
