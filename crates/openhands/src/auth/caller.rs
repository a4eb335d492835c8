//! Who asks, once it is known.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::KeyId;
use crate::domain::{
    Access, ActionError, ConversationId, Draft, Right, UserName, Viewer, parse_agent_event,
    parse_user_action,
};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person: their own conversations, and those shared with them
    User,
    /// Runs the server: every conversation, and the metrics
    Admin,
    /// A program that works in conversations given to it: what it appends is the agent's
    Agent,
}

impl Role {
    /// Its name, as on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Agent => "agent",
        }
    }
}

/// Who asks. Holds no key, only whose it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Nobody in particular on a server without keys.
    known: Option<Known>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    user: UserName,
    role: Role,
    key: KeyId,
}

impl Caller {
    /// Whoever reaches a server without keys: they may do everything.
    pub fn anybody() -> Self {
        Self { known: None }
    }

    /// A user with this key.
    pub fn new(user: UserName, role: Role, key: KeyId) -> Self {
        Self { known: Some(Known { user, role, key }) }
    }

    /// Their name; `None` on a server without keys.
    pub fn user(&self) -> Option<&UserName> {
        self.known.as_ref().map(|known| &known.user)
    }

    /// Their role; anybody is an admin.
    pub fn role(&self) -> Role {
        self.known.as_ref().map_or(Role::Admin, |known| known.role)
    }

    /// The key they came with.
    pub fn key(&self) -> Option<&KeyId> {
        self.known.as_ref().map(|known| &known.key)
    }

    /// Whose eyes see less than everything; `None` for who sees all.
    pub fn viewer(&self) -> Option<Viewer> {
        let known = self.known.as_ref().filter(|known| known.role != Role::Admin)?;
        Some(Viewer { user: known.user.clone(), is_agent: known.role == Role::Agent })
    }

    /// Whether they may do this with a conversation of this access. The one place that decides it.
    pub fn may(&self, right: Right, access: &Access) -> bool {
        self.viewer().is_none_or(|viewer| access.right_of(&viewer) >= Some(right))
    }

    /// What they append, from what they sent: an agent's events are the agent's, all others a user's.
    ///
    /// # Errors
    /// [`ActionError`] tells what to send instead.
    pub fn draft(&self, json: &[u8]) -> Result<Draft, ActionError> {
        match self.role() {
            Role::Agent => parse_agent_event(json),
            Role::User | Role::Admin => parse_user_action(json),
        }
    }

    /// A message of theirs.
    pub fn message(&self, text: &str) -> Draft {
        match self.role() {
            Role::Agent => Draft::agent_message(text, false),
            Role::User | Role::Admin => Draft::user_message(text),
        }
    }

    /// What they are told when they may not, in the words of OpenHands' hosted server.
    pub fn not_allowed(&self, conversation: &ConversationId) -> String {
        let user = self.user().map_or("anybody", UserName::as_str);
        format!("User {user} is not allowed to join conversation {conversation}")
    }

    /// Whether they may make conversations: an agent is given them.
    pub fn may_create(&self) -> bool {
        self.role() != Role::Agent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Audience, Share};

    fn caller(user: &str, role: Role) -> Caller {
        Caller::new(user.parse().unwrap(), role, KeyId::of("k"))
    }

    #[test]
    fn an_admin_and_anybody_may_everything_and_others_what_they_have() {
        let mut access = Access::of(Some("alice".parse().unwrap()));
        access.shares.push(Share { with: Audience::Everyone, right: Right::Read });
        access.shares.push(Share { with: "bot".parse().unwrap(), right: Right::Write });
        for (caller, right) in [
            (Caller::anybody(), Some(Right::Own)),
            (caller("root", Role::Admin), Some(Right::Own)),
            (caller("alice", Role::User), Some(Right::Own)),
            (caller("bob", Role::User), Some(Right::Read)),
            (caller("bot", Role::Agent), Some(Right::Write)),
            (caller("other", Role::Agent), None),
        ] {
            for asked in [Right::Read, Right::Write, Right::Own] {
                assert_eq!(
                    caller.may(asked, &access),
                    right >= Some(asked),
                    "{caller:?} {asked:?}"
                );
            }
        }
        let nobodys = Access::default();
        assert!(caller("root", Role::Admin).may(Right::Own, &nobodys));
        assert!(!caller("alice", Role::User).may(Right::Read, &nobodys));
    }
}
