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
/// use socketio::proto::NamespaceName;
/// assert_eq!(NamespaceName::default().as_str(), "/");
/// assert_eq!("/admin?x=1".parse::<NamespaceName>()?.as_str(), "/admin?x=1");
/// assert!("admin".parse::<NamespaceName>().is_err());
/// # Ok::<(), socketio::proto::Misuse>(())
/// ```
#[derive(Clone, Default)]
pub struct NamespaceName {
    /// `None` for `/`.
    name: Option<Arc<str>>,
}

impl NamespaceName {
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

    /// Bytes that [`NamespaceName::write`] writes.
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

impl FromStr for NamespaceName {
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
impl Borrow<str> for NamespaceName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for NamespaceName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for NamespaceName {}

impl PartialOrd for NamespaceName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NamespaceName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for NamespaceName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for NamespaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for NamespaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const ROOT: &str = "/";
