//! No agent: events come from users and over HTTP only.

use futures_util::future::{BoxFuture, ready};

use super::{Agent, AgentError, Seat};
use crate::domain::Draft;

/// Answers nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAgent;

impl Agent for NoAgent {
    fn name(&self) -> &str {
        "none"
    }

    fn greeting(&self) -> Vec<Draft> {
        Vec::new()
    }

    fn run(&self, _seat: Seat) -> BoxFuture<'_, Result<(), AgentError>> {
        Box::pin(ready(Ok(())))
    }
}
