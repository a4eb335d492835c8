//! Messages: what the application sends and receives. [spec: Packet types, `message`]

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::PacketError;

/// The data of one `message` packet.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// Text; on the wire `4` and the text, on every transport.
    Text(Text),
    /// Binary; on websocket a binary frame, on polling `b` and base64.
    Binary(Bytes),
}

impl Message {
    /// Bytes of data, without the packet type.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) => data.len(),
        }
    }

    /// Whether the message carries no data.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Text> for Message {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(Text::new(text))
    }
}

impl From<Bytes> for Message {
    fn from(data: Bytes) -> Self {
        Self::Binary(data)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({:?})", text.as_str()),
            Self::Binary(data) => write!(f, "Binary({data:?})"),
        }
    }
}

/// Text of a message in its wire form: one shared buffer that begins with `4`.
///
/// A text that arrived shares the frame it came in; a text that leaves is written once and shared
/// by every receiver. Cloning copies no bytes.
///
/// ```
/// use engineio::proto::Text;
/// let text = Text::new("hello");
/// assert_eq!(text.as_str(), "hello");
/// assert_eq!(&text.wire()[..], b"4hello");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text {
    /// `4` and UTF-8.
    wire: Bytes,
}

impl Text {
    /// Copies `text` after the packet type.
    pub fn new(text: &str) -> Self {
        let mut wire = BytesMut::with_capacity(1 + text.len());
        wire.put_u8(PREFIX);
        wire.put_slice(text.as_bytes());
        Self { wire: wire.freeze() }
    }

    /// Takes a buffer that already begins with `4`, without copying.
    ///
    /// # Errors
    /// [`PacketError::NotAMessage`] when the first byte is another one, [`PacketError::Utf8`] when
    /// the rest is not UTF-8.
    pub fn from_wire(wire: Bytes) -> Result<Self, PacketError> {
        if wire.first() != Some(&PREFIX) {
            return Err(PacketError::NotAMessage { first: wire.first().copied() });
        }
        // Most text is ASCII, which takes half the time to check.
        if !wire.is_ascii() {
            std::str::from_utf8(&wire).map_err(|e| PacketError::Utf8 { at: e.valid_up_to() })?;
        }
        Ok(Self { wire })
    }

    /// Takes a buffer that is known to begin with `4` and to be UTF-8. Checks nothing; use
    /// [`Text::from_wire`] when in doubt.
    ///
    /// If the bytes are not UTF-8, the peer refuses the message, and [`Text::as_str`] gives the text
    /// before the first fault.
    pub fn from_checked(wire: Bytes) -> Self {
        debug_assert_eq!(wire.first(), Some(&PREFIX));
        Self { wire }
    }

    /// The wire form: `4` and the text.
    pub fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// The wire form, given away. A buffer that is not shared stays so; the first clone of it would
    /// allocate.
    pub(crate) fn into_wire(self) -> Bytes {
        self.wire
    }

    /// The text's bytes, without the packet type.
    pub fn as_bytes(&self) -> &[u8] {
        self.wire.get(1..).unwrap_or_default()
    }

    /// The text. Checks UTF-8 again, which costs a pass; prefer [`Text::as_bytes`] for parsers.
    pub fn as_str(&self) -> &str {
        let bytes = self.as_bytes();
        // Bytes that were promised to be UTF-8 and are not give their valid start, never a panic.
        std::str::from_utf8(bytes)
            .or_else(|e| std::str::from_utf8(&bytes[..e.valid_up_to()]))
            .unwrap_or_default()
    }

    /// The text's bytes as a shared slice.
    pub fn into_bytes(self) -> Bytes {
        self.wire.slice(1..)
    }

    /// Bytes of text, without the packet type.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

const PREFIX: u8 = b'4';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_without_the_prefix_or_with_bad_utf8_is_refused() {
        assert!(matches!(
            Text::from_wire(Bytes::from_static(b"2probe")),
            Err(PacketError::NotAMessage { first: Some(b'2') })
        ));
        assert!(matches!(
            Text::from_wire(Bytes::from_static(b"4\xff")),
            Err(PacketError::Utf8 { at: 1 })
        ));
        assert!(Text::from_wire(Bytes::new()).is_err());
    }

    #[test]
    fn a_broken_promise_of_utf8_gives_the_valid_start() {
        assert_eq!(Text::from_checked(Bytes::from_static(b"4ab\xff")).as_str(), "ab");
    }
}
