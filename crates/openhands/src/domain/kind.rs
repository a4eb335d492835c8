//! The names of sources, states, actions and observations of OpenHands 0.62.

use std::fmt;

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
    use super::*;

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
