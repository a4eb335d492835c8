//! Which bytes end or interrupt a JSON string, or must be escaped in one.

use wide::u8x16;

/// Bytes looked at together.
pub(in crate::proto) const BLOCK: usize = 64;

/// The first block from `at` on that has a mark: where it begins, and its marks as of [`look`].
// Not for inlining: its caller's loop would have to save its registers where it asks for nothing.
#[inline(never)]
pub(super) fn find(bytes: &[u8], mut at: usize) -> (usize, u64) {
    while let Some(rest) = bytes.get(at..)
        && let Some(block) = rest.first_chunk()
    {
        let marks = marks(block);
        if marks != 0 {
            return (at, marks);
        }
        at += BLOCK;
    }
    look_at_end(bytes, at)
}

/// One bit for each quote, backslash and control character of the [`BLOCK`] bytes from `at` on, the
/// first byte's lowest; set as well for all that such a block has beyond the end of `bytes`.
pub(in crate::proto) fn look(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(block) => marks(block),
        None => look_at_end(bytes, at).1,
    }
}

/// As [`find`], for a block that is not whole.
#[inline(never)]
fn look_at_end(bytes: &[u8], at: usize) -> (usize, u64) {
    let left = bytes.len().saturating_sub(at);
    let marks = match bytes.last_chunk() {
        // The block ends with the bytes: it is moved so that it begins at `at`.
        Some(block) => marks(block).unbounded_shr((BLOCK - left) as u32),
        None => {
            let mut block = [0; BLOCK];
            block[..left].copy_from_slice(&bytes[bytes.len() - left..]);
            marks(&block)
        }
    };
    (at, marks | u64::MAX << left)
}

fn marks(block: &[u8; BLOCK]) -> u64 {
    let (lanes, _) = block.as_chunks();
    let marks = |marks, (i, lane)| marks | u64::from(lane_marks(lane)) << (16 * i);
    lanes.iter().enumerate().fold(0, marks)
}

/// As [`look`], for 16 bytes.
#[inline]
pub(in crate::proto) fn lane_marks(lane: &[u8; 16]) -> u32 {
    let lane = u8x16::new(*lane);
    // Zero for a backslash; and, since this bit makes a space of the quote and leaves the control
    // characters below it, zero for those.
    let turned = (lane ^ u8x16::splat(2)).saturating_sub(u8x16::splat(b' '));
    (lane ^ u8x16::splat(b'\\')).min(turned).simd_eq(u8x16::ZERO).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_in_each_place_is_marked_as_it_is() {
        for byte in 0..=u8::MAX {
            let is = byte < 0x20 || byte == b'"' || byte == b'\\';
            for at in 0..BLOCK {
                let mut block = [b'x'; BLOCK];
                block[at] = byte;
                assert_eq!(marks(&block), u64::from(is) << at, "byte {byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn what_is_beyond_the_end_is_marked() {
        for len in 0..3 * BLOCK {
            let mut bytes = vec![b'x'; len];
            for at in 0..=len {
                let left = (len - at).min(BLOCK);
                let beyond = u64::MAX.unbounded_shl(left as u32);
                assert_eq!(look(&bytes, at), beyond, "{at} of {len}");
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = b'"';
                    assert_eq!(look(&bytes, at), beyond | 1, "{at} of {len}");
                    bytes[at] = b'x';
                }
            }
        }
    }
}
