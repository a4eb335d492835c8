//! `latest_event_id`, as clients send it.

use super::{EventId, Position};

/// Where a client with this `latest_event_id` stands, read as OpenHands 0.62 reads it: Python's
/// `int`, and everything that is negative or not a number means "from the start".
///
/// A number beyond the end of the conversation stays what it is; the client gets nothing old, and
/// live events from the head on: see [`Position`] and the hub, which caps it.
pub(crate) fn parse_cursor(latest_event_id: Option<&str>) -> Position {
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
