//! What the servers of one layer, which have no events, find out of a message.

use crate::wire::{self, FIRST};

/// Events of one `burst` or `replay`.
pub(crate) const BURST: u64 = 10_000;

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Echo,
    Cast,
    Burst,
    Replay,
}

impl Wish {
    /// By the text of the message, which begins with the engine's `4` or, past the engine, not.
    pub(crate) fn of(text: &[u8]) -> Self {
        match text.strip_prefix(b"4").unwrap_or(text).get(2..5) {
            Some(b"\"ca") => Self::Cast,
            Some(b"\"bu") => Self::Burst,
            Some(b"\"re") => Self::Replay,
            _ => Self::Echo,
        }
    }
}

/// The texts of a burst, one after the other, serialised when they are asked for.
pub(crate) fn burst() -> impl Iterator<Item = Vec<u8>> {
    let mut event = wire::numbered();
    (FIRST..FIRST + BURST).map(move |id| {
        event.id = id;
        wire::event("oh_event", &event)
    })
}

/// The text of a `cast`.
pub(crate) fn news() -> Vec<u8> {
    wire::event("news", &wire::numbered())
}
