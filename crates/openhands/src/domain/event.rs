//! What an event is known by: its conversation, its id, its source and its kind.
//!
//! In come names and numbers of clients and of the log; out go ids that keep their rules, places
//! between events, and the names of OpenHands 0.62 as enums. Start with [`ConversationId`],
//! [`EventId`], [`Position`] and [`Kind`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The id of a conversation, as clients choose it. Cloning copies no bytes.
///
/// 1 to 100 characters; no control characters, no `/`, `\` or `..`; does not begin with `.`; no
/// white space at either end. These are the rules OpenHands 0.62 has on its REST routes; here they
/// hold on every way in, because the original wrote outside its store where they did not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId(Arc<str>);

impl ConversationId {
    /// Most characters of an id.
    pub const MAX_CHARS: usize = 100;

    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidConversationId`] says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, InvalidConversationId> {
        use InvalidConversationId as Invalid;
        if text.is_empty() {
            return Err(Invalid::Empty);
        }
        let chars = text.chars().count();
        if chars > Self::MAX_CHARS {
            return Err(Invalid::TooLong { chars, max: Self::MAX_CHARS });
        }
        if let Some(at) = text.chars().position(char::is_control) {
            return Err(Invalid::Control { at });
        }
        if let Some(found) = ["/", "\\", ".."].into_iter().find(|bad| text.contains(bad)) {
            return Err(Invalid::PathPart { found });
        }
        if text.starts_with('.') {
            return Err(Invalid::LeadingDot);
        }
        if text.trim() != text {
            return Err(Invalid::WhiteSpace);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The title OpenHands 0.62 gives a conversation that has none.
    pub fn default_title(&self) -> String {
        let mut title = "Conversation ".to_owned();
        title.extend(self.0.chars().take(5));
        title
    }
}

impl FromStr for ConversationId {
    type Err = InvalidConversationId;

    fn from_str(text: &str) -> Result<Self, InvalidConversationId> {
        Self::new(text)
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConversationId({:?})", &*self.0)
    }
}

impl Serialize for ConversationId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ConversationId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// A text that is not a conversation id. The client's fault; nothing was created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConversationId {
    /// No character at all.
    #[error("a conversation id has at least 1 character, this one has 0")]
    Empty,
    /// Too many characters.
    #[error("a conversation id has at most {max} characters, this one has {chars}")]
    TooLong {
        /// Characters of the text.
        chars: usize,
        /// The limit.
        max: usize,
    },
    /// A NUL or another control character.
    #[error("a conversation id has no control characters, this one has one at character {at}")]
    Control {
        /// Characters before it.
        at: usize,
    },
    /// `/`, `\` or `..`.
    #[error("a conversation id does not contain {found:?}")]
    PathPart {
        /// What was found.
        found: &'static str,
    },
    /// Begins with a dot.
    #[error("a conversation id does not begin with '.'")]
    LeadingDot,
    /// White space at an end.
    #[error("a conversation id does not begin or end with white space")]
    WhiteSpace,
}

/// The id of an event in its conversation: from 0, dense, never reused.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EventId(pub u64);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A place between two events: the id of the first event after it.
///
/// A client that has seen nothing stands at [`Position::START`]; one that has event 4 stands at 5.
/// The head of a conversation is a position too: the id the next event will get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl Position {
    /// Before event 0.
    pub const START: Self = Self(0);

    /// Right after `id`.
    pub fn after(id: EventId) -> Self {
        Self(id.0.saturating_add(1))
    }

    /// Right before `id`.
    pub fn before(id: EventId) -> Self {
        Self(id.0)
    }

    /// The id of the first event after this place.
    pub fn next(self) -> EventId {
        EventId(self.0)
    }

    /// The id of the last event before this place; `None` at the start.
    pub fn last(self) -> Option<EventId> {
        self.0.checked_sub(1).map(EventId)
    }
}

/// Declares an enum whose variants have one name each in JSON.
macro_rules! names {
    ($(#[$doc:meta])* $Type:ident { $($(#[$vdoc:meta])* $Variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $Type {
            $($(#[$vdoc])* #[doc = concat!("`", $name, "`.")] $Variant,)+
        }

        impl $Type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$Variant),+];

            /// The name in JSON.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                }
            }

            /// The one of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$Variant),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// The source of an event.
    Source {
        Agent = "agent",
        User = "user",
        Environment = "environment",
    }
}

names! {
    /// What an agent is doing, as `agent_state_changed` tells it.
    AgentState {
        Loading = "loading",
        Running = "running",
        AwaitingUserInput = "awaiting_user_input",
        Paused = "paused",
        Stopped = "stopped",
        Finished = "finished",
        Rejected = "rejected",
        Error = "error",
        AwaitingUserConfirmation = "awaiting_user_confirmation",
        UserConfirmed = "user_confirmed",
        UserRejected = "user_rejected",
        RateLimited = "rate_limited",
    }
}

names! {
    /// The kinds of actions.
    ActionKind {
        Message = "message",
        System = "system",
        Run = "run",
        RunIpython = "run_ipython",
        Read = "read",
        Write = "write",
        Edit = "edit",
        Browse = "browse",
        BrowseInteractive = "browse_interactive",
        CallToolMcp = "call_tool_mcp",
        Think = "think",
        Finish = "finish",
        Reject = "reject",
        Delegate = "delegate",
        Recall = "recall",
        ChangeAgentState = "change_agent_state",
        Condensation = "condensation",
        CondensationRequest = "condensation_request",
        TaskTracking = "task_tracking",
        LoopRecovery = "loop_recovery",
        Null = "null",
    }
}

names! {
    /// The kinds of observations.
    ObservationKind {
        Run = "run",
        RunIpython = "run_ipython",
        Read = "read",
        Write = "write",
        Edit = "edit",
        Browse = "browse",
        AgentStateChanged = "agent_state_changed",
        Error = "error",
        UserRejected = "user_rejected",
        Think = "think",
        Success = "success",
        Condense = "condense",
        LoopDetection = "loop_detection",
        Delegate = "delegate",
        Mcp = "mcp",
        Download = "download",
        TaskTracking = "task_tracking",
        Recall = "recall",
        Null = "null",
    }
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Somebody does something.
    Action(ActionKind),
    /// Something was seen to happen.
    Observation(ObservationKind),
}

impl Kind {
    /// The action's or observation's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Action(kind) => kind.as_str(),
            Self::Observation(kind) => kind.as_str(),
        }
    }

    /// Whether this is an `agent_state_changed`.
    pub fn is_agent_state_changed(self) -> bool {
        self == Self::Observation(ObservationKind::AgentStateChanged)
    }
}

impl ActionKind {
    /// Whether an observation follows that tells how the action went.
    pub fn has_observation(self) -> bool {
        matches!(
            self,
            Self::Run
                | Self::RunIpython
                | Self::Read
                | Self::Write
                | Self::Edit
                | Self::Browse
                | Self::BrowseInteractive
                | Self::CallToolMcp
                | Self::Think
                | Self::Delegate
                | Self::TaskTracking
        )
    }
}

#[cfg(test)]
mod tests {
    use super::InvalidConversationId as Invalid;
    use super::*;

    #[test]
    fn ids_that_clients_use_are_taken() {
        let long = "é".repeat(100);
        for id in ["8e9b391c56014715a585fe6e84c1e849", "your-conversation-id", "a b", "a.b", &long]
        {
            assert_eq!(ConversationId::new(id).map(|id| id.to_string()), Ok(id.to_owned()));
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        let long = "é".repeat(101);
        for (text, error) in [
            ("", Invalid::Empty),
            (&long, Invalid::TooLong { chars: 101, max: 100 }),
            ("a\0b", Invalid::Control { at: 1 }),
            ("ab\u{85}", Invalid::Control { at: 2 }),
            ("../../etc", Invalid::PathPart { found: "/" }),
            ("a\\b", Invalid::PathPart { found: "\\" }),
            ("a..b", Invalid::PathPart { found: ".." }),
            (".hidden", Invalid::LeadingDot),
            (" a", Invalid::WhiteSpace),
            ("a\u{a0}", Invalid::WhiteSpace),
        ] {
            assert_eq!(ConversationId::new(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn names_lead_back() {
        for &kind in ActionKind::ALL {
            assert_eq!(ActionKind::from_name(kind.as_str()), Some(kind));
        }
        for &kind in ObservationKind::ALL {
            assert_eq!(ObservationKind::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(AgentState::from_name("bogus"), None);
    }
}
