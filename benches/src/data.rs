//! The data: an event of OpenHands 0.62, as text and as a type.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes of the events measured.
pub const SIZES: [usize; 3] = [300, 16 << 10, 64 << 10];

/// Its name on the wire.
pub const NAME: &str = "oh_event";

/// An observation of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OhEvent {
    /// Counted from 0.
    pub id: u64,
    /// When.
    pub timestamp: String,
    /// `agent`, `user` or `environment`.
    pub source: String,
    /// For people.
    pub message: String,
    /// Of which action.
    pub cause: u64,
    /// What kind.
    pub observation: String,
    /// The command's output; as long as needed.
    pub content: String,
    /// The rest.
    pub extras: Extras,
}

/// What only this kind has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extras {
    /// The command.
    pub command: String,
    /// Its exit code.
    pub exit_code: i32,
    /// Whether it was not shown.
    pub hidden: bool,
}

/// An event of `size` bytes of JSON.
///
/// # Panics
/// When `size` is too small for any.
pub fn event(size: usize) -> OhEvent {
    let mut event = OhEvent {
        id: 1234,
        timestamp: "2026-11-22T06:54:03.196084".to_owned(),
        source: "agent".to_owned(),
        message: "Command `cargo test` executed with exit code 0.".to_owned(),
        cause: 1233,
        observation: "run".to_owned(),
        content: String::new(),
        extras: Extras { command: "cargo test".to_owned(), exit_code: 0, hidden: false },
    };
    // A line feed in every line, two bytes in JSON, as in any command's output.
    const LINE: &str = "test proto::packet::tests::every_vector ... ok\n";
    let missing = size - json(&event).len();
    while json(&event).len() + LINE.len() < size {
        event.content.push_str(LINE);
    }
    event.content.push_str(&"x".repeat(size - json(&event).len()));
    assert!(event.content.len() <= missing && json(&event).len() == size);
    event
}

/// The event's JSON.
pub fn json(event: &OhEvent) -> Vec<u8> {
    // A struct of strings and numbers: nothing in it can fail.
    serde_json::to_vec(event).unwrap_or_default()
}

/// `["oh_event",{…}]`
pub fn array(size: usize) -> Bytes {
    let event = String::from_utf8_lossy(&json(&event(size))).into_owned();
    format!(r#"["{NAME}",{event}]"#).into()
}

/// `42["oh_event",{…}]`, as it is on a websocket.
pub fn wire(size: usize) -> Bytes {
    [&b"42"[..], &array(size)].concat().into()
}

/// `300 B`, `16 KiB`.
pub fn name(size: usize) -> String {
    if size.is_multiple_of(1024) { format!("{} KiB", size / 1024) } else { format!("{size} B") }
}
