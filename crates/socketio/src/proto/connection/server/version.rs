//! The differences of protocol v4, which Socket.IO 2 speaks over Engine.IO v3.

use serde_json::{Map, Value};

use crate::proto::{ConnectionConfig, Encoded, NamespaceName, PeerError, RawJson, encode};

/// The protocol version that a client speaks.
///
/// | | v5 | v4 |
/// |---|---|---|
/// | `/` | joined by a CONNECT | joined when the connection opens |
/// | data of a CONNECT | JSON | a query in the namespace: `0/admin?token=x,` |
/// | its answer | `0{"sid":…}` | `0` |
/// | its refusal | `4{"message":…,"data":…}` | `4` and the data, or else the message |
/// | recovery | yes | no |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Version {
    /// Of Socket.IO 1 and 2.
    V4,
    /// Since Socket.IO 3.
    #[default]
    V5,
}

impl Version {
    /// The limits of packets, if they differ: in v4 a namespace may carry a query.
    pub(super) fn limits(self, config: &ConnectionConfig) -> Option<ConnectionConfig> {
        let max = config.max_namespace_len.saturating_add(config.max_connect_query);
        (self == Self::V4).then(|| ConnectionConfig { max_namespace_len: max, ..config.clone() })
    }

    /// Splits the query off the namespace of a CONNECT of v4, and returns it as JSON.
    pub(super) fn split(
        self,
        namespace: NamespaceName,
        auth: Option<RawJson>,
        config: &ConnectionConfig,
    ) -> Result<(NamespaceName, Option<RawJson>), PeerError> {
        if self == Self::V5 {
            return Ok((namespace, auth));
        }
        let (name, query) = namespace.as_str().split_once('?').unwrap_or((namespace.as_str(), ""));
        if name.len() > config.max_namespace_len {
            let (len, max) = (name.len(), config.max_namespace_len);
            return Err(PeerError::NamespaceTooLong { len, max });
        }
        if query.is_empty() {
            return Ok((NamespaceName::from_checked(name), None));
        }
        let mut auth = Map::new();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = Value::String(value.into_owned());
            match auth.get_mut(&*key) {
                None => drop(auth.insert(key.into_owned(), value)),
                Some(Value::Array(values)) => values.push(value),
                // Like Node's querystring: several values of one key become a list.
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Ok((NamespaceName::from_checked(name), RawJson::from_value(&auth).ok()))
    }

    pub(super) fn accept(self, namespace: &NamespaceName, sid: &str, pid: Option<&str>) -> Encoded {
        match self {
            Self::V4 => encode::connect_v4(namespace),
            Self::V5 => encode::connect_with_pid(namespace, sid, pid),
        }
    }

    pub(super) fn refuse(
        self,
        namespace: &NamespaceName,
        message: &str,
        data: Option<&RawJson>,
    ) -> Encoded {
        match self {
            Self::V4 => encode::connect_error_v4(namespace, message, data),
            Self::V5 => encode::connect_error(namespace, message, data),
        }
    }
}
