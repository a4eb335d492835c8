//! One connection, and what waits to be written to it.

use std::io::{self, ErrorKind, Write as _};
use std::net::TcpStream;
use std::sync::LazyLock;

use rustix::event::epoll::EventFlags;

use crate::servers::events::{self, BURST};
use crate::wire::{self, FIRST, TEXT, push_plain};

pub(super) struct Conn {
    pub(super) stream: TcpStream,
    /// The beginning of something.
    pub(super) input: Vec<u8>,
    pub(super) out: Vec<u8>,
    /// Bytes of `out` that are written.
    sent: usize,
    pub(super) feed: Option<Feed>,
    pub(super) is_websocket: bool,
    /// Of the session that is upgraded.
    pub(super) sid: String,
    waits: bool,
}

/// What goes on being written.
pub(super) enum Feed {
    Serialise { left: u64 },
    Copy { at: usize },
}

impl Conn {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            input: Vec::new(),
            out: Vec::new(),
            sent: 0,
            feed: None,
            is_websocket: false,
            sid: String::new(),
            waits: false,
        }
    }

    pub(super) fn is_behind(&self) -> bool {
        self.waits
    }

    /// Writes until nothing is left or the connection takes no more. What to listen to, when that
    /// is now something else.
    pub(super) fn pump(&mut self) -> io::Result<Option<EventFlags>> {
        let waits = self.write()?;
        let changed = std::mem::replace(&mut self.waits, waits) != waits;
        Ok(changed.then_some(if waits { EventFlags::OUT } else { EventFlags::IN }))
    }

    /// Whether something is left.
    fn write(&mut self) -> io::Result<bool> {
        loop {
            while self.sent < self.out.len() {
                match send(&mut self.stream, &self.out[self.sent..])? {
                    Some(sent) => self.sent += sent,
                    None => return Ok(true),
                }
            }
            self.sent = 0;
            // An idle connection keeps no buffer.
            self.out = Vec::new();
            match &mut self.feed {
                None => return Ok(false),
                Some(Feed::Serialise { left: 0 }) => self.feed = None,
                Some(Feed::Serialise { left }) => {
                    let mut event = wire::numbered();
                    for _ in 0..(*left).min(CHUNK) {
                        event.id = FIRST + BURST - *left;
                        push_plain(&mut self.out, TEXT, &[&wire::event("oh_event", &event)]);
                        *left -= 1;
                    }
                }
                Some(Feed::Copy { at }) if *at == REPLAY.len() => self.feed = None,
                Some(Feed::Copy { at }) => match send(&mut self.stream, &REPLAY[*at..])? {
                    Some(sent) => *at += sent,
                    None => return Ok(true),
                },
            }
        }
    }
}

fn send(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Option<usize>> {
    match stream.write(bytes) {
        Ok(sent) => Ok(Some(sent)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// The frames of a `replay`; made when it is asked for.
static REPLAY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut frames = Vec::new();
    events::burst().for_each(|text| push_plain(&mut frames, TEXT, &[&text]));
    frames
});

/// Events that are serialised before they are written.
const CHUNK: u64 = 128;
