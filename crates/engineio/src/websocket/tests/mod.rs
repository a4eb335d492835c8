//! The codec against tungstenite, which reads the same bytes alone.

mod cases;

use std::io;

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::foreign::context;
use super::*;

/// A connection that has brought some bytes; what is written to it is kept.
#[derive(Default)]
struct Memory {
    unread: Vec<u8>,
    written: Vec<u8>,
    has_ended: bool,
}

impl Buffers for Memory {
    fn unread(&self) -> &[u8] {
        &self.unread
    }

    fn take(&mut self, len: usize) {
        self.unread.drain(..len);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.written.extend_from_slice(bytes);
    }

    fn has_room(&self) -> bool {
        true
    }

    fn has_ended(&self) -> bool {
        self.has_ended && self.unread.is_empty()
    }
}

/// What the peer is told and the application gets, until the codec waits or is over.
#[derive(Debug, PartialEq)]
struct Outcome {
    frames: Vec<Frame>,
    end: Option<Option<TransportFault>>,
    written: Vec<u8>,
}

fn ours(role: Role, pieces: Vec<Vec<u8>>, is_closed: bool) -> Outcome {
    let (mut io, mut codec) = (Memory::default(), Codec::new(role, MAX));
    let (mut got, mut end) = (Vec::new(), None);
    let mut pieces = pieces.into_iter();
    while end.is_none() && !io.has_ended {
        match pieces.next() {
            Some(piece) => io.unread.extend(piece),
            None if is_closed => io.has_ended = true,
            None => break,
        }
        end = loop {
            match codec.next(&mut io) {
                Some(Received::Frame(frame)) => got.push(frame),
                Some(Received::Closed) => break Some(None),
                Some(Received::Failed(fault)) => break Some(Some(fault)),
                None => break None,
            }
        };
    }
    assert!(codec.goodbye(&mut io));
    Outcome { frames: got, end, written: io.written }
}

/// All bytes at once, which then block or end.
struct Whole<'a> {
    bytes: &'a [u8],
    written: Vec<u8>,
    is_closed: bool,
}

impl io::Read for Whole<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.bytes.read(into)? {
            0 if !self.is_closed => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl io::Write for Whole<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn theirs(role: Role, bytes: &[u8], is_closed: bool) -> Outcome {
    let mut stream = Whole { bytes, written: Vec::new(), is_closed };
    let mut context = context(role, MAX);
    let mut frames = Vec::new();
    let end = loop {
        let (code, fault) = match context.read(&mut stream) {
            Ok(WsMessage::Ping(_) | WsMessage::Pong(_)) => continue,
            Ok(WsMessage::Text(text)) => {
                frames.push(Frame::Text(text.into()));
                continue;
            }
            Ok(WsMessage::Binary(data)) => {
                frames.push(Frame::Binary(data));
                continue;
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break None,
            Err(Error::Capacity(CapacityError::MessageTooLong { size: len, max_size: max })) => {
                (CloseCode::Size, TransportFault::FrameTooLarge { len, max })
            }
            Err(Error::Utf8(_)) => (CloseCode::Invalid, TransportFault::Websocket),
            Ok(_) | Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                break Some(None);
            }
            Err(_) => (CloseCode::Protocol, TransportFault::Websocket),
        };
        let _ = context.close(&mut stream, Some(CloseFrame { code, reason: "".into() }));
        break Some(Some(fault));
    };
    let _ = context.close(&mut stream, None);
    Outcome { frames, end, written: stream.written }
}

/// A frame of a client: its first byte, whether it is masked, how wide its length is written.
fn frame(first: u8, mask: Option<[u8; 4]>, wide: u8, data: &[u8]) -> Vec<u8> {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match wide {
        0 if data.len() < 126 => bytes.push(bit | data.len() as u8),
        0 | 1 => {
            bytes.push(bit | 126);
            bytes.extend((data.len() as u16).to_be_bytes());
        }
        _ => {
            bytes.push(bit | 127);
            bytes.extend((data.len() as u64).to_be_bytes());
        }
    }
    bytes.extend(mask.iter().flatten());
    let mask = mask.unwrap_or_default();
    bytes.extend(data.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Frames of a client.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    any_frame_of(any::<[u8; 4]>().prop_map(Some).boxed(), Just(None).boxed())
}

/// Frames with the mask that their sender must use, and sometimes with a wrong one.
fn any_frame_of(
    right: BoxedStrategy<Option<[u8; 4]>>,
    wrong: BoxedStrategy<Option<[u8; 4]>>,
) -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        // Whole texts and binaries, fragments, pings and pongs; a close; anything.
        20 => prop::sample::select(vec![0x81, 0x82, 0x81, 0x82, 0x89, 0x8a]),
        6 => prop::sample::select(vec![0x01, 0x02, 0x00, 0x80]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let mask = prop_oneof![30 => right, 1 => wrong];
    let wide = prop_oneof![8 => Just(0), 1 => 1_u8..3];
    let data = prop_oneof![
        "[a-é]{0,20}".prop_map(String::into_bytes),
        "[a-z]{100,200}".prop_map(String::into_bytes),
        (0..MAX + 20).prop_map(|len| vec![b'x'; len]),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    (first, mask, wide, data).prop_map(|(first, mask, wide, data)| frame(first, mask, wide, &data))
}

/// The bytes in pieces of these lengths.
fn cut(mut bytes: &[u8], lens: &[usize]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    for len in lens.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at(bytes.len().min(*len));
        pieces.push(piece.to_vec());
        bytes = rest;
    }
    pieces
}

proptest! {
    #[test]
    fn frames_are_read_as_tungstenite_reads_them_however_they_are_cut(
        frames in prop::collection::vec(any_frame(), 0..12),
        lens in prop::collection::vec(1..600_usize, 1..20),
        is_closed in any::<bool>(),
    ) {
        let bytes = frames.concat();
        let ours = ours(Role::Server, cut(&bytes, &lens), is_closed);
        prop_assert_eq!(ours, theirs(Role::Server, &bytes, is_closed));
    }

    /// What a client writes is masked at random, and not compared.
    #[test]
    fn a_client_reads_frames_as_tungstenite_reads_them(
        frames in prop::collection::vec(any_frame_of(Just(None).boxed(), any::<[u8; 4]>().prop_map(Some).boxed()), 0..12),
        lens in prop::collection::vec(1..600_usize, 1..20),
        is_closed in any::<bool>(),
    ) {
        let bytes = frames.concat();
        let ours = ours(Role::Client, cut(&bytes, &lens), is_closed);
        let theirs = theirs(Role::Client, &bytes, is_closed);
        prop_assert_eq!((ours.frames, ours.end), (theirs.frames, theirs.end));
        prop_assert_eq!(ours.written.len(), theirs.written.len());
    }
}

#[test]
fn a_message_in_fragments_with_a_ping_between_leaves_no_context() {
    let mask = Some([1, 2, 3, 4]);
    let bytes = [
        frame(0x01, mask, 0, b"4he"),
        frame(0x89, mask, 0, b"ping"),
        frame(0x80, mask, 0, b"llo"),
        frame(0x82, mask, 0, &[7; 300]),
    ];
    let outcome = ours(Role::Server, cut(&bytes.concat(), &[3]), false);
    let frames =
        [Frame::Text(Bytes::from_static(b"4hello")), Frame::Binary(Bytes::from(vec![7; 300]))];
    assert_eq!(outcome.frames, frames);
    assert_eq!(outcome.written, b"\x8a\x04ping\x88\x00");
}

#[test]
fn a_close_is_answered_as_tungstenite_answers_it() {
    let mask = Some([1, 2, 3, 4]);
    let codes = [1000_u16, 1001, 1005, 1006, 1015, 999, 2999, 3000, 4999, 5000];
    let codes = codes.map(|code| code.to_be_bytes().to_vec());
    let others = [b"".to_vec(), b"1".to_vec(), b"\x03\xe8bye".to_vec(), vec![0xff; 126]];
    for data in codes.into_iter().chain(others) {
        for (first, mask, wide) in
            [(0x88, mask, 0), (0x88, mask, 1), (0x88, None, 0), (0x08, mask, 0), (0xc8, mask, 0)]
        {
            let close = frame(first, mask, wide, &data);
            for before in [
                vec![],
                frame(0x81, mask, 0, b"4a"),
                frame(0x01, mask, 0, b"4a"),
                frame(0x89, mask, 0, b"a"),
            ] {
                let bytes = [before, close.clone(), frame(0x81, mask, 0, b"4late")].concat();
                for len in [1, 3, 7, 8, 1000] {
                    assert_eq!(
                        ours(Role::Server, cut(&bytes, &[len]), false),
                        theirs(Role::Server, &bytes, false),
                        "{bytes:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn tungstenite_has_the_connection_only_while_it_holds_something() {
    let mask = Some([1, 2, 3, 4]);
    let (mut io, mut codec) = (Memory::default(), Codec::new(Role::Server, MAX));
    for (bytes, is_foreign) in [
        (frame(0x81, mask, 0, b"whole"), false),
        (frame(0x89, mask, 0, b"ping"), false),
        (frame(0x01, mask, 0, b"be"), true),
        (frame(0x89, mask, 0, b"ping"), true),
        (frame(0x80, mask, 0, b"gun"), false),
        (vec![0x89], false),
        (vec![0x84], false),
        (vec![1, 2, 3, 4], true),
        (b"ping".to_vec(), false),
        (frame(0x81, mask, 2, &[b'x'; 300]), false),
        (frame(0x88, mask, 0, b"\x03\xe8"), false),
    ] {
        io.unread.extend(bytes);
        while let Some(Received::Frame(_)) = codec.next(&mut io) {}
        assert_eq!(codec.is_foreign(), is_foreign);
    }
}

#[test]
fn a_pong_waits_for_room_and_only_the_last_one_does() {
    /// A connection with room for nothing until it is told so.
    #[derive(Default)]
    struct Full(Memory, bool);

    impl Buffers for Full {
        fn unread(&self) -> &[u8] {
            self.0.unread()
        }

        fn take(&mut self, len: usize) {
            self.0.take(len);
        }

        fn write(&mut self, bytes: &[u8]) {
            self.0.write(bytes);
        }

        fn has_room(&self) -> bool {
            self.1
        }

        fn has_ended(&self) -> bool {
            false
        }
    }

    let mask = Some([1, 2, 3, 4]);
    let (mut io, mut codec) = (Full::default(), Codec::new(Role::Server, MAX));
    for number in 0..100 {
        io.0.unread.extend(frame(0x89, mask, 0, &[number; 100]));
        assert_eq!(codec.next(&mut io), None);
    }
    assert!(io.0.written.is_empty() && codec.is_foreign());
    assert!(!codec.goodbye(&mut Full::default()), "no room for a close either");
    let (mut io, mut codec) = (Full::default(), Codec::new(Role::Server, MAX));
    for number in 0..100 {
        io.0.unread.extend(frame(0x89, mask, 0, &[number; 100]));
        assert_eq!(codec.next(&mut io), None);
    }
    io.1 = true;
    io.0.unread.extend(frame(0x81, mask, 0, b"4a"));
    assert_eq!(codec.next(&mut io), Some(Received::Frame(Frame::Text("4a".into()))));
    assert!(io.0.written.len() <= 12 * 102, "{}", io.0.written.len());
    assert!(!codec.is_foreign());
}

const MAX: usize = 1_000;
