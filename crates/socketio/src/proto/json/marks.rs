//! Which bytes end or interrupt a JSON string, or must be escaped in one.

use wide::u8x16;

/// Bytes looked at together.
pub(in crate::proto) const BLOCK: usize = 64;

/// One bit for each quote, backslash and control character of the first [`BLOCK`] bytes of `rest`,
/// the first byte's lowest; set as well for all that such a block has beyond the end of `rest`.
// Not for inlining: its callers' loops would have to save their registers where they ask for nothing.
#[inline(never)]
pub(in crate::proto) fn look(rest: &[u8]) -> u64 {
    match rest.first_chunk() {
        Some(block) => marks(block),
        None => {
            // Zeros are control characters.
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            marks(&block)
        }
    }
}

fn marks(block: &[u8; BLOCK]) -> u64 {
    let (lanes, _) = block.as_chunks::<16>();
    let (quote, backslash) = (u8x16::splat(b'"'), u8x16::splat(b'\\'));
    let control = u8x16::splat(0x1f);
    lanes.iter().enumerate().fold(0, |marks, (i, lane)| {
        let lane = u8x16::new(*lane);
        let found = lane.simd_eq(quote) | lane.simd_eq(backslash) | lane.simd_eq(lane.min(control));
        marks | u64::from(found.to_bitmask()) << (16 * i)
    })
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
}
