//! Frames of a websocket in either role, against tungstenite, which reads the same bytes alone and
//! whole: the same messages, the same end, and the same bytes written, however the bytes were cut.
#![no_main]

use std::io;

use arbitrary::Arbitrary;
use engineio::proto::{Frame, TransportFault};
use engineio::websocket::{Buffers, Codec, Received, Role};
use libfuzzer_sys::fuzz_target;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{self, WebSocketConfig, WebSocketContext};

#[derive(Debug, Arbitrary)]
struct Input {
    is_client: bool,
    ends: bool,
    parts: Vec<Part>,
    cuts: Vec<u8>,
}

#[derive(Debug, Arbitrary)]
enum Part {
    /// A frame with the mask that its sender must use.
    Right {
        first: First,
        wide: u8,
        mask: [u8; 4],
        data: Vec<u8>,
    },
    /// A frame of any header.
    Any {
        first: u8,
        wide: u8,
        mask: Option<[u8; 4]>,
        data: Vec<u8>,
    },
    /// A message of about the largest size.
    Large {
        is_text: bool,
        mask: [u8; 4],
        len: u8,
    },
    Bytes(Vec<u8>),
}

#[derive(Debug, Arbitrary)]
enum First {
    Text,
    Binary,
    BeginText,
    BeginBinary,
    More,
    Last,
    Ping,
    Pong,
    Close,
}

impl First {
    fn byte(&self) -> u8 {
        match self {
            Self::Text => 0x81,
            Self::Binary => 0x82,
            Self::BeginText => 0x01,
            Self::BeginBinary => 0x02,
            Self::More => 0x00,
            Self::Last => 0x80,
            Self::Ping => 0x89,
            Self::Pong => 0x8a,
            Self::Close => 0x88,
        }
    }
}

fuzz_target!(|input: Input| {
    let role = if input.is_client { Role::Client } else { Role::Server };
    let mut bytes = Vec::new();
    for part in &input.parts {
        part.write(role, &mut bytes);
    }
    let ours = ours(role, &bytes, &input.cuts, input.ends);
    let theirs = theirs(role, &bytes, input.ends);
    assert_eq!((&ours.frames, &ours.end), (&theirs.frames, &theirs.end));
    match role {
        Role::Server => assert_eq!(ours.written, theirs.written),
        // Masked at random.
        Role::Client => assert_eq!(ours.written.len(), theirs.written.len()),
    }
});

impl Part {
    fn write(&self, role: Role, bytes: &mut Vec<u8>) {
        let right = |mask: &[u8; 4]| (role == Role::Server).then_some(*mask);
        match self {
            Self::Right { first, wide, mask, data } => {
                frame(first.byte(), right(mask), *wide, data, bytes);
            }
            Self::Any { first, wide, mask, data } => frame(*first, *mask, *wide, data, bytes),
            Self::Large { is_text, mask, len } => {
                let first = if *is_text { 0x81 } else { 0x82 };
                let data = vec![b'x'; MAX - 128 + usize::from(*len)];
                frame(first, right(mask), 0, &data, bytes);
            }
            Self::Bytes(raw) => bytes.extend(raw),
        }
    }
}

fn frame(first: u8, mask: Option<[u8; 4]>, wide: u8, data: &[u8], bytes: &mut Vec<u8>) {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    bytes.push(first);
    match (wide % 8, data.len()) {
        (0..6, len @ 0..126) => bytes.push(bit | len as u8),
        (0..7, len @ 0..=0xffff) => {
            bytes.push(bit | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        (_, len) => {
            bytes.push(bit | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(mask.iter().flatten());
    let mask = mask.unwrap_or_default();
    bytes.extend(data.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[derive(Debug)]
struct Outcome {
    frames: Vec<Frame>,
    /// Nothing while the connection goes on; then whether it failed, and how.
    end: Option<Option<TransportFault>>,
    written: Vec<u8>,
}

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

fn ours(role: Role, mut bytes: &[u8], cuts: &[u8], ends: bool) -> Outcome {
    let (mut io, mut codec) = (Memory::default(), Codec::new(role, MAX));
    let (mut frames, mut end) = (Vec::new(), None);
    let mut lens = cuts.iter().cycle().map(|len| 1 + usize::from(*len));
    while end.is_none() && !io.has_ended {
        if !bytes.is_empty() {
            let len = lens.next().unwrap_or(bytes.len()).min(bytes.len());
            let (piece, rest) = bytes.split_at(len);
            io.unread.extend_from_slice(piece);
            bytes = rest;
        } else if ends {
            io.has_ended = true;
        } else {
            break;
        }
        end = loop {
            match codec.next(&mut io) {
                Some(Received::Frame(frame)) => frames.push(frame),
                Some(Received::Failed(fault)) => break Some(Some(fault)),
                Some(_) => break Some(None),
                None => break None,
            }
        };
    }
    assert!(codec.goodbye(&mut io), "there is room");
    Outcome { frames, end, written: io.written }
}

/// All bytes at once, which then block or end.
struct Whole<'a> {
    bytes: &'a [u8],
    written: Vec<u8>,
    ends: bool,
}

impl io::Read for Whole<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.bytes.read(into)? {
            0 if !self.ends => Err(io::ErrorKind::WouldBlock.into()),
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

fn theirs(role: Role, bytes: &[u8], ends: bool) -> Outcome {
    let config = WebSocketConfig::default()
        .write_buffer_size(0)
        .max_message_size(Some(MAX))
        .max_frame_size(Some(MAX));
    let role = match role {
        Role::Server => protocol::Role::Server,
        Role::Client => protocol::Role::Client,
    };
    let mut context = WebSocketContext::new(role, Some(config));
    let mut stream = Whole { bytes, written: Vec::new(), ends };
    let mut frames = Vec::new();
    let end = loop {
        let (code, fault) = match context.read(&mut stream) {
            Ok(Message::Ping(_) | Message::Pong(_)) => continue,
            Ok(Message::Text(text)) => {
                frames.push(Frame::Text(text.into()));
                continue;
            }
            Ok(Message::Binary(data)) => {
                frames.push(Frame::Binary(data));
                continue;
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break None,
            Err(Error::Capacity(CapacityError::MessageTooLong { size: len, max_size: max })) => {
                (1009_u16, TransportFault::FrameTooLarge { len, max })
            }
            Err(Error::Utf8(_)) => (1007, TransportFault::Websocket),
            Ok(_) | Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                break Some(None);
            }
            Err(_) => (1002, TransportFault::Websocket),
        };
        let close = CloseFrame { code: code.into(), reason: "".into() };
        let _ = context.close(&mut stream, Some(close));
        break Some(Some(fault));
    };
    let _ = context.close(&mut stream, None);
    Outcome { frames, end, written: stream.written }
}

const MAX: usize = 1_000;
