//! One fast client: it parses only what it must, and takes everything that is ready in one read.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};

use crate::wire::{self, Frame, TEXT};

/// A connection whose reads do not wait unless asked to.
#[derive(Debug)]
pub(crate) struct Conn {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Conn {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, buffer: vec![0; 8 << 10], start: 0, end: 0 })
    }

    /// Writes all of `bytes`. Reads what the server sends while it does not take them: if both waited
    /// for the other to read, they would wait forever.
    pub(crate) fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.fill()?;
                    self.wait(PollFlags::IN | PollFlags::OUT, PATIENCE)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there; false at the end of the stream.
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        loop {
            if self.end == self.buffer.len() {
                if self.start > self.buffer.len() / 2 {
                    self.buffer.copy_within(self.start..self.end, 0);
                    (self.start, self.end) = (0, self.end - self.start);
                } else {
                    self.buffer.resize(self.buffer.len() * 2, 0);
                }
            }
            match self.stream.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
            // A part of the buffer is free: the socket is empty.
            if self.end < self.buffer.len() {
                return Ok(true);
            }
        }
    }

    /// Takes the next frame that is there. Pings of the engine are answered here.
    pub(crate) fn frame(&mut self) -> io::Result<Option<Frame>> {
        while let Some(frame) = wire::frame(&self.buffer[..self.end], self.start) {
            self.start = frame.end;
            if (frame.opcode, self.bytes(&frame)) != (TEXT, b"2") {
                return Ok(Some(frame));
            }
            self.send(&wire::masked(TEXT, b"3"))?;
        }
        Ok(None)
    }

    /// The payload of a frame that was just taken.
    pub(crate) fn bytes(&self, frame: &Frame) -> &[u8] {
        &self.buffer[frame.start..frame.end]
    }

    /// Waits for the next frame; `None` if the server has closed.
    pub(crate) fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(frame) = self.frame()? {
                return Ok(Some(frame));
            }
            self.wait(PollFlags::IN, deadline.saturating_duration_since(Instant::now()))?;
            if !self.fill()? && wire::frame(&self.buffer[..self.end], self.start).is_none() {
                return Ok(None);
            }
        }
    }

    /// Waits for a frame with this text.
    pub(crate) fn expect(&mut self, is_it: impl Fn(&[u8]) -> bool) -> io::Result<()> {
        match self.next_frame()? {
            Some(frame) if is_it(self.bytes(&frame)) => Ok(()),
            Some(frame) => Err(unexpected(self.bytes(&frame))),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Takes the body of the next HTTP answer that has arrived, with status 200 or 101.
    pub(crate) fn response(&mut self) -> io::Result<Option<&[u8]>> {
        let bytes = &self.buffer[self.start..self.end];
        let Some(head) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
        let len =
            text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let len = match len {
            Some(len) if text.starts_with("http/1.1 200") => len,
            None if text.starts_with("http/1.1 101") => 0,
            _ => return Err(unexpected(bytes)),
        };
        let body = self.start + head + 4;
        if self.end < body + len {
            return Ok(None);
        }
        self.start = body + len;
        Ok(Some(&self.buffer[body..body + len]))
    }

    /// Waits for the next HTTP answer.
    pub(crate) fn next_response(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(body) = self.response()? {
                return Ok(body.to_vec());
            }
            self.wait(PollFlags::IN, PATIENCE)?;
            if !self.fill()? && self.start == self.end {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Waits until something can be read, for at most `within`. Returns whether it can.
    pub(crate) fn readable(&self, within: Duration) -> io::Result<bool> {
        match self.wait(PollFlags::IN, within) {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(false),
            other => other.map(|()| true),
        }
    }

    fn wait(&self, flags: PollFlags, within: Duration) -> io::Result<()> {
        let within =
            Timespec { tv_sec: within.as_secs() as _, tv_nsec: within.subsec_nanos() as _ };
        match poll(&mut [PollFd::new(&self.stream, flags)], Some(&within))? {
            0 => Err(io::Error::new(ErrorKind::TimedOut, "the server is silent")),
            _ => Ok(()),
        }
    }
}

/// Several connections; tells which of them have something to read.
pub(crate) struct Ready {
    epoll: rustix::fd::OwnedFd,
    events: Vec<epoll::Event>,
}

impl Ready {
    pub(crate) fn new<'a>(conns: impl IntoIterator<Item = &'a Conn>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, conn) in conns.into_iter().enumerate() {
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&epoll, &conn.stream, data, epoll::EventFlags::IN)?;
        }
        Ok(Self { epoll, events: Vec::with_capacity(256) })
    }

    /// Waits until there are some, and returns their indices.
    pub(crate) fn wait(&mut self) -> io::Result<impl Iterator<Item = usize> + use<'_>> {
        let patience = Timespec { tv_sec: PATIENCE.as_secs() as _, tv_nsec: 0 };
        self.events.clear();
        epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut self.events),
            Some(&patience),
        )?;
        if self.events.is_empty() {
            return Err(io::Error::new(ErrorKind::TimedOut, "the server is silent"));
        }
        Ok(self.events.iter().map(|event| event.data.u64() as usize))
    }
}

/// The error for a wrong answer.
pub(crate) fn unexpected(got: &[u8]) -> io::Error {
    let text = String::from_utf8_lossy(&got[..got.len().min(200)]).into_owned();
    io::Error::other(format!("a wrong answer of {} bytes: {text}", got.len()))
}

/// Where `part` begins in `bytes`.
pub(crate) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, part)
}

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(20);
