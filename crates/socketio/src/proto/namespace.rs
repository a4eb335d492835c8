//! Namespaces: names of the channels in one connection. [spec: Namespaces]

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use super::Misuse;

/// The name of a namespace. Begins with `/`, holds no comma; a query in it is part of the name.
///
/// Cheap to clone; the default, `/`, has no allocation at all.
///
/// ```
/// use socketio::proto::Namespace;
/// assert_eq!(Namespace::default().as_str(), "/");
/// assert_eq!("/admin?x=1".parse::<Namespace>()?.as_str(), "/admin?x=1");
/// assert!("admin".parse::<Namespace>().is_err());
/// # Ok::<(), socketio::proto::Misuse>(())
/// ```
#[derive(Clone, Default)]
pub struct Namespace {
    /// `None` for `/`.
    name: Option<Arc<str>>,
}

impl Namespace {
    /// The name.
    pub fn as_str(&self) -> &str {
        self.name.as_deref().unwrap_or(ROOT)
    }

    pub(crate) const ROOT: Self = Self { name: None };

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.name.is_none()
    }

    /// Takes a name that the parser cut: it begins with `/` and holds no comma.
    pub(crate) fn from_checked(name: &str) -> Self {
        Self { name: (name != ROOT).then(|| name.into()) }
    }

    /// Bytes that [`Namespace::write`] writes.
    pub(crate) fn wire_len(&self) -> usize {
        self.name.as_ref().map_or(0, |name| name.len() + 1)
    }

    /// Appends the name as a packet has it: nothing for `/`.
    pub(crate) fn write(&self, wire: &mut Vec<u8>) {
        if let Some(name) = &self.name {
            wire.extend_from_slice(name.as_bytes());
            wire.push(b',');
        }
    }
}

impl FromStr for Namespace {
    type Err = Misuse;

    fn from_str(name: &str) -> Result<Self, Misuse> {
        if name.starts_with('/') && !name.contains(',') {
            Ok(Self::from_checked(name))
        } else {
            Err(Misuse::Namespace { name: name.to_owned() })
        }
    }
}

// Equality, order and hash are those of the name, as `Borrow<str>` demands.
impl Borrow<str> for Namespace {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Namespace {}

impl PartialOrd for Namespace {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Namespace {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Namespace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const ROOT: &str = "/";
