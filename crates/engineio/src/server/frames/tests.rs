//! Frames against tungstenite, which reads the same bytes alone.

use std::collections::VecDeque;
use std::pin::Pin;

use futures_util::task::noop_waker_ref;
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;

/// A connection that brings pieces, then waits; what is written to it is kept.
struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    written: Vec<u8>,
    is_closed: bool,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.pieces.pop_front() {
            Some(piece) => buffer.put_slice(&piece),
            None if self.is_closed => {}
            None => return Poll::Pending,
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What a client is told and its application gets, until it waits or is over.
#[derive(Debug, PartialEq)]
struct Outcome {
    frames: Vec<Frame>,
    end: Option<Option<TransportFault>>,
    written: Vec<u8>,
}

fn ours(pieces: Vec<Vec<u8>>, is_closed: bool) -> Outcome {
    let io = Pieces { pieces: pieces.into(), written: Vec::new(), is_closed };
    let (mut wire, mut frames) = (Wire::new(io, Bytes::new()), Frames::new(MAX));
    let mut cx = Context::from_waker(noop_waker_ref());
    let (mut got, mut end) = (Vec::new(), None);
    while end.is_none() && wire.poll_fill(&mut cx).is_ready() {
        end = loop {
            match frames.next(&mut wire) {
                Some(Read::Frame(frame)) => got.push(frame),
                Some(Read::Closed) => break Some(None),
                Some(Read::Failed(fault)) => break Some(Some(fault)),
                None => break None,
            }
        };
    }
    if end.is_none() {
        assert!(frames.context.is_none() || frames.fragments || !frames.is_between());
    }
    assert!(frames.poll_goodbye(&mut wire, &mut cx).is_ready());
    Outcome { frames: got, end, written: wire.into_io().written }
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

fn theirs(bytes: &[u8], is_closed: bool) -> Outcome {
    let mut stream = Whole { bytes, written: Vec::new(), is_closed };
    let mut context = context(MAX);
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

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        // Whole texts and binaries, fragments, pings and pongs; a close; anything.
        20 => prop::sample::select(vec![0x81, 0x82, 0x81, 0x82, 0x89, 0x8a]),
        6 => prop::sample::select(vec![0x01, 0x02, 0x00, 0x80]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let mask = prop_oneof![30 => any::<[u8; 4]>().prop_map(Some), 1 => Just(None)];
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
        prop_assert_eq!(ours(cut(&bytes, &lens), is_closed), theirs(&bytes, is_closed));
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
    let outcome = ours(cut(&bytes.concat(), &[3]), false);
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
                        ours(cut(&bytes, &[len]), false),
                        theirs(&bytes, false),
                        "{bytes:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_close_without_a_reason_needs_no_context() {
    for data in [&b""[..], b"\x03\xe8"] {
        let close = frame(0x88, Some([1, 2, 3, 4]), 0, data);
        let io = Pieces { pieces: vec![close].into(), written: Vec::new(), is_closed: false };
        let (mut wire, mut frames) = (Wire::new(io, Bytes::new()), Frames::new(MAX));
        assert!(wire.poll_fill(&mut Context::from_waker(noop_waker_ref())).is_ready());
        assert!(matches!(frames.next(&mut wire), Some(Read::Closed)));
        assert!(frames.context.is_none());
    }
}

const MAX: usize = 1_000;
