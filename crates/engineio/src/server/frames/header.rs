//! The usual headers: of data frames that are a whole message. [RFC 6455, 5.2]
//!
//! Nearly every frame has one of these. All others are tungstenite's, whose reading and writing goes by
//! way of a cursor and takes longer.

use tokio_tungstenite::tungstenite::protocol::frame::coding::Data;

/// The message at the start of `unread`, if it is there whole in one frame, and is of at most `max`
/// bytes: its kind, its mask, its data with that mask on, and where it ends.
pub(super) fn whole(unread: &[u8], max: usize) -> Option<(Data, [u8; 4], &[u8], usize)> {
    let (kind, rest) = match unread {
        [TEXT, rest @ ..] => (Data::Text, rest),
        [BINARY, rest @ ..] => (Data::Binary, rest),
        _ => return None,
    };
    let (len, rest) = match rest {
        [MASKED_SHORT, high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]).into(), rest),
        [len @ MASKED..MASKED_SHORT, rest @ ..] => (usize::from(len - MASKED), rest),
        _ => return None,
    };
    let (mask, rest) = rest.split_first_chunk()?;
    let data = rest.get(..len).filter(|_| len <= max)?;
    Some((kind, *mask, data, unread.len() - rest.len() + len))
}

/// Gives `write` the header of a whole message of `len` bytes, without a mask.
pub(in crate::server) fn write_header(kind: Data, len: usize, write: impl FnOnce(&[u8])) {
    let first = if kind == Data::Text { TEXT } else { BINARY };
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..SHORT), _) => write(&[first, len]),
        (_, Ok(len)) => {
            let [high, low] = len.to_be_bytes();
            write(&[first, SHORT, high, low]);
        }
        _ => {
            let mut header = [first, LONG, 0, 0, 0, 0, 0, 0, 0, 0];
            header[2..].copy_from_slice(&(len as u64).to_be_bytes());
            write(&header);
        }
    }
}

/// Takes the mask off `data`. Whether that is ASCII then.
pub(super) fn unmask(data: &mut [u8], mask: [u8; 4]) -> bool {
    let whole = u32::from_ne_bytes(mask);
    let (words, rest) = data.as_chunks_mut::<4>();
    let mut seen = 0;
    for word in words {
        let plain = u32::from_ne_bytes(*word) ^ whole;
        seen |= plain;
        *word = plain.to_ne_bytes();
    }
    let mut last = 0;
    for (byte, mask) in rest.iter_mut().zip(&mask) {
        *byte ^= mask;
        last |= *byte;
    }
    last.is_ascii() && seen.to_ne_bytes().is_ascii()
}

/// A text frame that is final.
const TEXT: u8 = 0x81;
/// A binary frame that is final.
const BINARY: u8 = 0x82;
/// In place of a length: two bytes with it follow.
const SHORT: u8 = 126;
/// In place of a length: eight bytes with it follow.
const LONG: u8 = 127;
/// Added to a length: a mask follows.
const MASKED: u8 = 0x80;
const MASKED_SHORT: u8 = MASKED + SHORT;

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode;

    use super::*;

    #[test]
    fn headers_are_written_as_tungstenite_writes_them() {
        for kind in [Data::Text, Data::Binary] {
            for len in [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 1 << 33] {
                let header = FrameHeader { opcode: OpCode::Data(kind), ..FrameHeader::default() };
                let mut theirs = Vec::new();
                header.format(len as u64, &mut theirs).unwrap();
                let mut ours = Vec::new();
                write_header(kind, len, |header| ours.extend_from_slice(header));
                assert_eq!(ours, theirs, "{len}");
            }
        }
    }

    #[test]
    fn a_message_is_taken_when_all_of_it_is_there() {
        for len in [0, 1, 125, 126, 200, 65_535] {
            let mask = [1, 2, 3, 4];
            let header = FrameHeader { opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
            let mut frame = Vec::new();
            FrameHeader { mask: Some(mask), ..header }.format(len as u64, &mut frame).unwrap();
            frame.resize(frame.len() + len, b'x');
            let end = frame.len();
            assert_eq!(whole(&frame[..end - 1], len), None, "{len}");
            frame.extend_from_slice(b"more");
            assert_eq!(whole(&frame, len.wrapping_sub(1)).is_some(), len == 0, "{len}");
            assert_eq!(whole(&frame, len), Some((Data::Text, mask, &frame[end - len..end], end)));
        }
    }

    #[test]
    fn a_mask_comes_off_and_ascii_is_seen() {
        for len in 0..70 {
            for odd in 0..=len {
                let plain: Vec<u8> =
                    (0..len).map(|at| if at == odd { 0x80 } else { 0x7f }).collect();
                let mask = [0x12, 0x9a, 0xff, 0];
                let mut data: Vec<u8> =
                    plain.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
                assert_eq!(unmask(&mut data, mask), plain.is_ascii(), "{len} {odd}");
                assert_eq!(data, plain);
            }
        }
    }
}
