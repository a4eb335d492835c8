//! Agents answer users. The hub starts one run per conversation and gives it a [`Seat`].
//!
//! In come the events of a conversation, by the seat; out go drafts, by the seat as well. An agent may
//! be dropped at any await and is started again from its durable cursor, so it must find its way from
//! the log. It never sees a client. Start with [`Agent`]; `demo/` is one to read, `seat.rs` is its place.

mod command;
mod demo;
mod none;
mod seat;

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::domain::{AgentState, ConversationId, Draft, UserName};
use crate::log::{LogError, Metadata};

pub use demo::DemoAgent;
pub use none::NoAgent;
pub use seat::Seat;
pub(crate) use seat::{SeatParts, SeatState};

/// Answers users of a conversation.
///
/// One value serves all conversations; what belongs to one lives in the future of [`Agent::run`].
pub trait Agent: fmt::Debug + Send + Sync {
    /// Its name, for logs and pages.
    fn name(&self) -> &str;

    /// The first events of a new conversation. By default, that the agent awaits the user: clients
    /// of OpenHands 0.62 show no prompt before that.
    fn greeting(&self) -> Vec<Draft> {
        vec![Draft::agent_state_changed(AgentState::AwaitingUserInput, "", None)]
    }

    /// Works on one conversation until [`Seat::next`] gives `None` or there is nothing to do.
    ///
    /// It is started when the user wrote something that the conversation's agent cursor has not
    /// passed, and again after it ended. It may be dropped at any await: what it had not appended
    /// by then is lost, and it must find its way from the log when it is started again.
    ///
    /// # Errors
    /// After an error or a panic it is started again, a few times; then the conversation gets an
    /// `agent_state_changed` with state `error` and the error's text. After an error of the log's
    /// storage it is started again until the storage works.
    fn run(&self, seat: Seat) -> BoxFuture<'_, Result<(), AgentError>>;
}

/// Says which agent a conversation has.
///
/// The hub asks when a conversation is created and each time it is loaded.
pub trait Agents: fmt::Debug + Send + Sync {
    /// The agent of a conversation that is being created: its greeting becomes the first events.
    fn of_new(&self, id: &ConversationId, owner: Option<&UserName>) -> Arc<dyn Agent>;

    /// The agent of a conversation that exists.
    fn of(&self, conversation: &Metadata) -> Arc<dyn Agent>;
}

/// One agent for all conversations.
#[derive(Clone, Debug)]
pub struct OneAgent(Arc<dyn Agent>);

impl OneAgent {
    /// `agent` answers everywhere.
    pub fn new(agent: impl Agent + 'static) -> Self {
        Self(Arc::new(agent))
    }
}

impl From<Arc<dyn Agent>> for OneAgent {
    fn from(agent: Arc<dyn Agent>) -> Self {
        Self(agent)
    }
}

impl Agents for OneAgent {
    fn of_new(&self, _id: &ConversationId, _owner: Option<&UserName>) -> Arc<dyn Agent> {
        Arc::clone(&self.0)
    }

    fn of(&self, _conversation: &Metadata) -> Arc<dyn Agent> {
        Arc::clone(&self.0)
    }
}

/// Why an agent stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The log failed or refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The machine beneath failed.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The agent's backend failed.
    #[error("{0}")]
    Backend(String),
}

impl AgentError {
    /// For `map_err`: `what` failed.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Whether the log's storage failed, which is nothing of the agent's and may pass.
    pub(crate) fn is_of_storage(&self) -> bool {
        matches!(self, Self::Log(LogError::Write(_) | LogError::Read(_)))
    }

    /// The error and its causes in one line.
    pub(crate) fn reason(&self) -> String {
        let mut reason = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            reason.push_str(": ");
            reason.push_str(&error.to_string());
            cause = error.source();
        }
        reason
    }
}
