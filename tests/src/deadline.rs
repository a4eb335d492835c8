//! Waits with a deadline.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

/// The most a test waits for any one thing. Ample for a busy machine; no test relies on it.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for `future` and returns its result.
///
/// # Panics
/// If there is no result within [`DEADLINE`]; `what` says what the test waited for.
pub async fn within<F: Future>(what: impl Display, future: F) -> F::Output {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(output) => output,
        Err(_) => panic!("no {what} within {DEADLINE:?}"),
    }
}
