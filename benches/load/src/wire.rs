//! The bytes on the wire, the same for all servers: requests, answers, websocket frames.

use std::sync::LazyLock;

use benches::data::{self, OhEvent};

/// An event of 1 KiB with an id of six digits, so that all of them have the same length. Its text
/// needs no escapes, since the rows measure how an event is sent rather than how JSON is written.
pub(crate) fn numbered() -> OhEvent {
    NUMBERED.clone()
}

static NUMBERED: LazyLock<OhEvent> = LazyLock::new(|| {
    let mut event = OhEvent { id: FIRST, content: String::new(), ..data::event(KIB) };
    event.content = "x".repeat(KIB - data::json(&event).len());
    event
});

/// `42["name",{event}]`
pub(crate) fn event(name: &str, event: &OhEvent) -> Vec<u8> {
    [b"42[\"", name.as_bytes(), b"\",", &data::json(event), b"]"].concat()
}

/// Ids of events that are emitted one after the other begin here.
pub(crate) const FIRST: u64 = 100_000;
/// Bytes of an event.
pub(crate) const KIB: usize = 1 << 10;

/// The JSON of an incoming observation of 1 KiB.
static EVENT: LazyLock<Vec<u8>> = LazyLock::new(|| data::json(&data::event(KIB)));

/// One request of a client, as frames on the wire, and the answer it must get.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// Masked frames, ready to be written.
    pub(crate) ask: Vec<u8>,
    /// The same as packets, for a payload.
    pub(crate) packet: Vec<u8>,
    /// Opcodes and bytes of the frames that answer it.
    pub(crate) answer: Vec<(u8, Vec<u8>)>,
}

/// How a server answers an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// By an ack, as Socket.IO does.
    Ack,
    /// By the same bytes, since the server knows only messages.
    Echo,
}

impl Exchange {
    /// An event of 1 KiB named `name` that asks for ack `id`.
    pub(crate) fn ack(name: &str, id: usize, answer: Answer) -> Self {
        let json = &*EVENT;
        let id = id.to_string();
        let ask = [b"42", id.as_bytes(), b"[\"", name.as_bytes(), b"\",", json, b"]"].concat();
        let answer = match answer {
            Answer::Ack => [b"43", id.as_bytes(), b"[", json, b"]"].concat(),
            Answer::Echo => ask.clone(),
        };
        Self { ask: masked(TEXT, &ask), packet: ask, answer: vec![(TEXT, answer)] }
    }

    /// An event with an attachment of 16 KiB, which all servers send back as it is.
    pub(crate) fn binary() -> Self {
        let head = br#"451-["bin",{"_placeholder":true,"num":0}]"#;
        let body: Vec<u8> = (0..16 * KIB).map(|at| at as u8).collect();
        let ask = [masked(TEXT, head), masked(BINARY, &body)].concat();
        Self { ask, packet: head.to_vec(), answer: vec![(TEXT, head.to_vec()), (BINARY, body)] }
    }
}

/// A frame as a client writes it.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    push_head(&mut frame, opcode, payload.len());
    frame[1] |= 0x80;
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Adds a frame as a server writes it, whose payload comes in parts.
pub(crate) fn push_plain(out: &mut Vec<u8>, opcode: u8, parts: &[&[u8]]) {
    push_head(out, opcode, parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn push_head(out: &mut Vec<u8>, opcode: u8, len: usize) {
    out.push(0x80 | opcode);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len), _) if len < 126 => out.push(len),
        (_, Ok(len)) => {
            out.push(126);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// A frame in a buffer.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) mask: Option<[u8; 4]>,
    /// Where its payload begins.
    pub(crate) start: usize,
    /// Where the next frame begins.
    pub(crate) end: usize,
}

/// The frame that begins at `at`, once it is complete.
pub(crate) fn frame(buffer: &[u8], at: usize) -> Option<Frame> {
    let bytes = buffer.get(at..)?;
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (len, mut start) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
        len => (usize::from(len), 2),
    };
    let mask = if second & 0x80 == 0 {
        None
    } else {
        start += 4;
        Some(bytes.get(start - 4..start)?.try_into().ok()?)
    };
    (bytes.len() >= start + len).then(|| Frame {
        opcode: first & 0x0f,
        mask,
        start: at + start,
        end: at + start + len,
    })
}

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
/// Every mask costs the server the same.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
