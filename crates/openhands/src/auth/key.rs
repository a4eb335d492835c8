//! Keys, made once and then known by their digest.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// A key's SHA-256, by which the server knows it. Our keys are 32 random bytes: there is nothing to
/// guess, so a fast digest without salt is right, and a slow one would only make each request slow.
#[derive(Clone, Copy)]
pub(crate) struct KeyId([u8; 32]);

impl KeyId {
    /// That of a key.
    pub(crate) fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Its first eight characters: enough for people to tell keys apart.
    pub(crate) fn short(&self) -> String {
        hex(&self.0[..4])
    }
}

impl PartialEq for KeyId {
    /// Takes as long for any two.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyId {}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", self.short())
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        unhex(&text).map(Self).ok_or_else(|| serde::de::Error::custom("a digest has 64 hex digits"))
    }
}

/// A new key, to be shown once and kept nowhere.
///
/// # Errors
/// When the system has no random bytes.
pub(super) fn new_key() -> Result<String, getrandom::Error> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)?;
    Ok(format!("{PREFIX}{}", hex(&entropy)))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// So that a key is known as one where it was left by mistake.
const PREFIX: &str = "ohk_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_sha_256_and_tells_nothing_of_the_key() {
        let id = KeyId::of("abc");
        let json = serde_json::to_string(&id).unwrap();
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(json, format!("\"{digest}\""));
        assert_eq!(serde_json::from_str::<KeyId>(&json).unwrap(), id);
        assert_eq!(
            (format!("{id:?}").as_str(), id.short().as_str()),
            ("KeyId(ba7816bf)", "ba7816bf")
        );
        assert_ne!(KeyId::of("abd"), id);
        for wrong in ["\"ba\"", "\"é\"", &format!("\"{}\"", "x".repeat(64)), "7"] {
            assert!(serde_json::from_str::<KeyId>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_are_long_and_never_the_same() {
        let (one, other) = (new_key().unwrap(), new_key().unwrap());
        assert_eq!(one.len(), 68);
        assert_ne!(one, other);
        assert!(
            one.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
            "fits query and cookie"
        );
    }
}
