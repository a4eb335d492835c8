//! Writes JSON strings, by the rules of `serde_json` and many bytes at a time.

use std::io::Write;

use crate::proto::json::marks::{BLOCK, lane_marks, look};

/// Appends `text` as a JSON string.
pub(in crate::proto) fn write_string(wire: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // Of a long one with room for some escapes and for what stands behind: a large buffer that is
    // full is copied whole.
    let spare = if bytes.len() < BLOCK { 0 } else { bytes.len() / SPARE };
    wire.reserve(bytes.len() + 2 + spare);
    wire.push(b'"');
    if bytes.len() < BLOCK && is_plain(bytes) {
        wire.extend_from_slice(bytes);
    } else {
        write_blocks(wire, bytes);
    }
    wire.push(b'"');
}

/// Whether nothing in a short string has to be escaped: most keys and words.
fn is_plain(bytes: &[u8]) -> bool {
    let plain = |lane: &[u8; 16]| lane_marks(lane) == 0;
    if let Some(last) = bytes.last_chunk() {
        return plain(last) && bytes.as_chunks().0.iter().all(plain);
    }
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => plain(&std::array::from_fn(|i| [first, last][i / 8][i % 8])),
        _ => !bytes.iter().any(|byte| ESCAPED[usize::from(*byte)]),
    }
}

#[inline(never)]
fn write_blocks(wire: &mut Vec<u8>, bytes: &[u8]) {
    let mut written = 0;
    for block in (0..bytes.len()).step_by(BLOCK) {
        let mut marks = look(bytes, block);
        while marks != 0 {
            let at = block + marks.trailing_zeros() as usize;
            let Some(byte) = bytes.get(at) else { break };
            wire.extend_from_slice(&bytes[written..at]);
            write_escape(wire, *byte);
            written = at + 1;
            marks &= marks - 1;
        }
    }
    wire.extend_from_slice(&bytes[written..]);
}

fn write_escape(wire: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            // Writing to a vector cannot fail.
            let _ = write!(wire, "\\u{byte:04x}");
            return;
        }
    };
    wire.extend_from_slice(&[b'\\', letter]);
}

/// Of so many bytes one more is made room for: lines of code have an escape in each.
pub(in crate::proto) const SPARE: usize = 16;
/// What a string may not hold as it is.
const ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        escaped[control] = true;
        control += 1;
    }
    escaped[b'"' as usize] = true;
    escaped[b'\\' as usize] = true;
    escaped
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_character_is_escaped_as_serde_json_does() {
        for text in (0..0x2000).filter_map(char::from_u32).map(|c| format!("a{c}b")) {
            let mut wire = Vec::new();
            write_string(&mut wire, &text);
            assert_eq!(wire, serde_json::to_vec(&text).unwrap());
        }
    }

    proptest! {
        #[test]
        fn strings_are_written_as_serde_json_does(text in "([a-y]{0,70}|[\\x00-\\x7fé\u{1f600}]){0,6}") {
            let mut wire = Vec::new();
            write_string(&mut wire, &text);
            prop_assert_eq!(wire, serde_json::to_vec(&text).unwrap());
        }
    }
}
