//! Session ids.

use std::fmt;
use std::str::FromStr;

/// The id of a session: 20 characters of `A-Za-z0-9_-`.
///
/// The length is part of the contract: cluster adapters of the reference tell ids from room names
/// by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid([u8; Self::LEN]);

impl Sid {
    /// Characters of an id.
    pub const LEN: usize = 20;

    /// Bytes of entropy an id is made of.
    pub const ENTROPY: usize = 15;

    /// The id of 15 random bytes. The caller's generator must be unpredictable.
    pub fn from_entropy(entropy: [u8; Self::ENTROPY]) -> Self {
        let mut chars = [0; Self::LEN];
        // As base64 has it; without its rests and its buffers of any length it is a third of that.
        for (bytes, chars) in entropy.chunks_exact(3).zip(chars.chunks_exact_mut(4)) {
            let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
            for (char, shift) in chars.iter_mut().zip([18, 12, 6, 0]) {
                *char = ALPHABET[(bits >> shift) as usize % ALPHABET.len()];
            }
        }
        Self(chars)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // All ways to make one leave only ASCII in it.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Sid {
    type Err = InvalidSid;

    fn from_str(text: &str) -> Result<Self, InvalidSid> {
        let chars: [u8; Self::LEN] =
            text.as_bytes().try_into().map_err(|_| InvalidSid { len: text.len() })?;
        if chars.iter().all(|char| IN_IDS[usize::from(*char)]) {
            Ok(Self(chars))
        } else {
            Err(InvalidSid { len: text.len() })
        }
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sid({})", self.as_str())
    }
}

/// Which bytes an id is made of: asked for each byte of the id that every request names.
static IN_IDS: [bool; 256] = {
    let (mut table, mut at) = ([false; 256], 0);
    while at < 256 {
        // Below 256, it is a byte.
        let byte = at as u8;
        table[at] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        at += 1;
    }
    table
};

/// A text that is not a session id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session id is 20 characters of A-Za-z0-9_-, this text has {len} bytes")]
pub struct InvalidSid {
    /// Bytes of the text.
    pub len: usize,
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

    use super::*;

    #[test]
    fn an_id_is_its_entropy_in_base64() {
        for seed in 0..=u8::MAX {
            let entropy: [u8; Sid::ENTROPY] =
                std::array::from_fn(|at| seed.wrapping_mul(at as u8 + 1) ^ (at as u8) << 4);
            let expected = BASE64_URL_SAFE_NO_PAD.encode(entropy);
            assert_eq!(Sid::from_entropy(entropy).as_str(), expected);
        }
    }

    #[test]
    fn ids_have_twenty_characters_of_the_url_alphabet() {
        let sid = Sid::from_entropy([0xff; 15]);
        assert_eq!(sid.as_str(), "____________________");
        assert_eq!(sid.as_str().parse(), Ok(sid));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "nope", "aaaaaaaaaaaaaaaaaaa/", "aaaaaaaaaaaaaaaaaaaaa", "__proto__"] {
            assert!(text.parse::<Sid>().is_err(), "{text}");
        }
    }
}
