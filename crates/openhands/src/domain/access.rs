//! The owner of a conversation, and what others may do with it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a user. Cloning copies no bytes.
///
/// 1 to 64 characters of `a-z`, `0-9`, `.`, `_`, `-` and `@`, the first a letter or a digit: it is
/// the name of a folder too, and no file system takes two such names for one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct UserName(Arc<str>);

impl UserName {
    /// Most characters of a name.
    pub const MAX_CHARS: usize = 64;

    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidUserName`] says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, InvalidUserName> {
        let chars = text.chars().count();
        if chars == 0 || chars > Self::MAX_CHARS {
            return Err(InvalidUserName::Length { chars, max: Self::MAX_CHARS });
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if let Some(found) = text.chars().find(|c| !plain(*c) && !"._-@".contains(*c)) {
            return Err(InvalidUserName::Character { found });
        }
        match text.starts_with(plain) {
            true => Ok(Self(text.into())),
            false => Err(InvalidUserName::Start),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = InvalidUserName;

    fn from_str(text: &str) -> Result<Self, InvalidUserName> {
        Self::new(text)
    }
}

impl TryFrom<String> for UserName {
    type Error = InvalidUserName;

    fn try_from(text: String) -> Result<Self, InvalidUserName> {
        Self::new(&text)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserName({:?})", &*self.0)
    }
}

/// A text that is not a user name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUserName {
    /// Nothing, or too much.
    #[error("a user name has 1 to {max} characters, this one has {chars}")]
    Length {
        /// Characters of the text.
        chars: usize,
        /// The limit.
        max: usize,
    },
    /// A character that is not allowed.
    #[error("a user name has only a-z, 0-9, '.', '_', '-' and '@', this one has {found:?}")]
    Character {
        /// The first such character.
        found: char,
    },
    /// Begins with a sign.
    #[error("a user name begins with a letter or a digit")]
    Start,
}

/// What somebody may do with a conversation; each right holds those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Find it, join it and read its events.
    Read,
    /// Append to it, start and stop it, change its files.
    Write,
    /// Rename, share and delete it.
    Own,
}

impl Right {
    /// Its name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Own => "own",
        }
    }

    /// The right of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::Own].into_iter().find(|right| right.as_str() == name)
    }
}

/// Whom a conversation is shared with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Every user there is, but no agent: `*`.
    Everyone,
    /// One user, or one agent.
    User(UserName),
}

impl Audience {
    /// The name, or `*`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Everyone => "*",
            Self::User(name) => name.as_str(),
        }
    }
}

impl FromStr for Audience {
    type Err = InvalidUserName;

    fn from_str(text: &str) -> Result<Self, InvalidUserName> {
        match text {
            "*" => Ok(Self::Everyone),
            name => UserName::new(name).map(Self::User),
        }
    }
}

/// One share of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Who gets it.
    pub with: Audience,
    /// What they may; [`Right::Own`] is nobody's by a share.
    pub right: Right,
}

/// The owner of a conversation and its shares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Who created it; nobody when it was created while the server had no keys.
    pub owner: Option<UserName>,
    /// At most [`Access::MAX_SHARES`], one for each audience.
    pub shares: Vec<Share>,
}

impl Access {
    /// Most shares of one conversation.
    pub const MAX_SHARES: usize = 100;

    /// That of a new conversation.
    pub fn of(owner: Option<UserName>) -> Self {
        Self { owner, shares: Vec::new() }
    }

    /// What a user may; `None` is nothing at all.
    pub fn right_of(&self, viewer: &Viewer) -> Option<Right> {
        if self.owner.as_ref() == Some(&viewer.user) {
            return Some(Right::Own);
        }
        let shares = self.shares.iter().filter(|share| match &share.with {
            Audience::Everyone => !viewer.is_agent,
            Audience::User(name) => *name == viewer.user,
        });
        shares.map(|share| share.right).max()
    }
}

/// Somebody who sees only what is theirs or shared with them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Viewer {
    /// Their name.
    pub user: UserName,
    /// An agent sees what is shared with it by name, not what is shared with everyone.
    pub is_agent: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(user: &str, is_agent: bool) -> Viewer {
        Viewer { user: user.parse().unwrap(), is_agent }
    }

    #[test]
    fn names_are_folders_on_any_file_system() {
        let long = "a".repeat(65);
        for (text, wrong) in [
            ("", "1 to 64 characters, this one has 0"),
            (&long, "1 to 64 characters, this one has 65"),
            ("Alice", "this one has 'A'"),
            ("a/b", "this one has '/'"),
            ("*", "this one has '*'"),
            ("..", "begins with a letter"),
            ("-x", "begins with a letter"),
        ] {
            let error = UserName::new(text).unwrap_err().to_string();
            assert!(error.contains(wrong), "{text:?}: {error}");
        }
        for text in ["alice", "bob.b@example.org", "7-of_9"] {
            assert_eq!(UserName::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn the_owner_has_all_rights_and_others_what_is_shared_with_them() {
        let mut access = Access::of(Some("alice".parse().unwrap()));
        assert_eq!(access.right_of(&viewer("alice", false)), Some(Right::Own));
        assert_eq!(access.right_of(&viewer("bob", false)), None);
        access.shares = vec![
            Share { with: Audience::Everyone, right: Right::Read },
            Share { with: "bob".parse().unwrap(), right: Right::Write },
        ];
        assert_eq!(access.right_of(&viewer("bob", false)), Some(Right::Write));
        assert_eq!(access.right_of(&viewer("bob", true)), Some(Right::Write));
        assert_eq!(access.right_of(&viewer("carol", false)), Some(Right::Read));
        assert_eq!(access.right_of(&viewer("carol", true)), None, "an agent is given it by name");
        assert_eq!(Access::default().right_of(&viewer("alice", false)), None);
    }
}
