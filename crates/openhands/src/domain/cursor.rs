//! Places in a conversation: `latest_event_id` and what it means.

use super::EventId;

/// A place between two events: the id of the first event behind it.
///
/// A client that has seen nothing stands at [`Position::START`]; one that has event 4 stands at 5.
/// The head of a conversation is a position too: the id the next event will get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl Position {
    /// Before event 0.
    pub const START: Self = Self(0);

    /// Right behind `id`.
    pub fn after(id: EventId) -> Self {
        Self(id.0.saturating_add(1))
    }

    /// Right before `id`.
    pub fn before(id: EventId) -> Self {
        Self(id.0)
    }

    /// The id of the first event behind this place.
    pub fn next(self) -> EventId {
        EventId(self.0)
    }

    /// The id of the last event before this place; `None` at the start.
    pub fn last(self) -> Option<EventId> {
        self.0.checked_sub(1).map(EventId)
    }
}

/// Where a client with this `latest_event_id` stands, read as OpenHands 0.62 reads it: Python's
/// `int`, and everything that is no number or negative means "from the start".
///
/// A number beyond the end of the conversation stays what it is; the client gets nothing old, and
/// live events from the head on: see [`Position`] and the hub, which caps it.
pub fn parse_cursor(latest_event_id: Option<&str>) -> Position {
    latest_event_id.and_then(python_int).map_or(Position::START, |id| Position::after(EventId(id)))
}

/// A non-negative number by the grammar of Python's `int(str)`: white space around it, a sign,
/// single underscores between digits. Numbers over `u64` are `u64::MAX`.
fn python_int(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let mut value = 0_u64;
    for group in digits.split('_') {
        if group.is_empty() {
            return None;
        }
        for digit in group.chars() {
            let digit = u64::from(digit.to_digit(10)?);
            value = value.saturating_mul(10).saturating_add(digit);
        }
    }
    (value == 0 || !negative).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_event_id_is_read_as_python_reads_it() {
        for (text, next) in [
            (None, 0),
            (Some(""), 0),
            (Some(" "), 0),
            (Some("-1"), 0),
            (Some("-5"), 0),
            (Some("undefined"), 0),
            (Some("null"), 0),
            (Some("240.5"), 0),
            (Some("1e3"), 0),
            (Some("0x10"), 0),
            (Some("_1"), 0),
            (Some("1_"), 0),
            (Some("1__2"), 0),
            (Some("+-1"), 0),
            (Some("+"), 0),
            (Some("-0"), 1),
            (Some("0"), 1),
            (Some("245"), 246),
            (Some(" 245\n"), 246),
            (Some("2_45"), 246),
            (Some("+5"), 6),
            (Some("007"), 8),
            (Some("99999999999999999999999"), u64::MAX),
        ] {
            assert_eq!(parse_cursor(text), Position(next), "{text:?}");
        }
    }
}
