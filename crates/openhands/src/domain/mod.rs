//! Events, conversations and their ids: pure types.
//!
//! In come JSON of clients and agents; out go a [`Draft`] or the reason why not, and forms of stored
//! events. No clock, no runtime, no storage and no packet. Start with [`Draft`]; `inbound.rs` reads what
//! users send, `action.rs` is the table of arguments, `event.rs` names events and conversations.

mod access;
mod action;
mod agent_event;
mod cursor;
mod draft;
mod ephemeral;
mod event;
mod guide;
mod inbound;
mod observation;
pub(crate) mod python;
mod redaction;
pub(crate) mod surrogates;
pub(crate) mod trajectory;

pub use access::{Access, Audience, InvalidUserName, Right, Share, UserName, Viewer};
pub use action::ArgsError;
pub(crate) use agent_event::parse_agent_event;
pub(crate) use cursor::parse_cursor;
pub use draft::Draft;
pub use ephemeral::Ephemeral;
pub use event::{
    ActionKind, AgentState, ConversationId, EventId, InvalidConversationId, Kind, ObservationKind,
    Position, Source,
};
pub(crate) use guide::{guide_cause, guide_event};
pub(crate) use inbound::{ActionError, parse_user_action};
pub use observation::{EditResult, RunResult};
pub(crate) use redaction::end_of_string;
pub use redaction::{Redaction, RedactionError};
