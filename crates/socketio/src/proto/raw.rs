//! Raw JSON: one value, kept as the bytes it came in.

use std::fmt;

use bytes::Bytes;
use checked_json::{DEEPEST, check, from_checked, trim};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::Misuse;

/// One JSON value as bytes that were checked. Cheap to clone.
///
/// ```
/// use socketio::proto::RawJson;
/// let raw = RawJson::new(r#"{"b":1,"a":2.50}"#)?;
/// assert_eq!(raw.as_bytes(), br#"{"b":1,"a":2.50}"#);
/// # Ok::<(), socketio::proto::Misuse>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RawJson {
    bytes: Bytes,
}

impl RawJson {
    /// Checks `json` and keeps it, without the white space around it.
    ///
    /// # Errors
    /// [`Misuse::Utf8`] or [`Misuse::Json`].
    pub fn new(json: impl Into<Bytes>) -> Result<Self, Misuse> {
        let bytes = json.into();
        std::str::from_utf8(&bytes).map_err(|_| Misuse::Utf8)?;
        check(&bytes, DEEPEST).map_err(Misuse::Json)?;
        Ok(Self::from_checked(&bytes))
    }

    /// Writes `value` as JSON.
    ///
    /// # Errors
    /// Those of `serde_json`, such as a map whose keys do not become strings.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self { bytes: serde_json::to_vec(value)?.into() })
    }

    /// Takes bytes that were checked to be UTF-8 and one JSON text.
    pub(crate) fn from_checked(bytes: &Bytes) -> Self {
        Self { bytes: bytes.slice_ref(trim(bytes)) }
    }

    /// The bytes: UTF-8, exactly as they came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads a `T`, which may borrow strings that have no escapes.
    ///
    /// # Errors
    /// Those of `serde_json` when the value is not a `T`.
    pub fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, serde_json::Error> {
        from_checked(&self.bytes)
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.parse::<&RawValue>().map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes))
    }
}
