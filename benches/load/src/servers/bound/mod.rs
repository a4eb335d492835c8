//! The lower bound: one thread, one epoll, no runtime. It parses nothing beyond frames and the
//! few bytes that tell what is asked for, answers all packets of one read in one write, and trusts
//! its clients.

mod conn;
mod http;

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _};
use std::net::TcpListener;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;

use self::conn::{Conn, Feed};
use self::http::{Polling, Request};
use super::events::{BURST, Wish, news};
use crate::wire::{self, BINARY, CLOSE, TEXT, push_plain};

pub(crate) fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut frame = Vec::new();
    push_plain(&mut frame, TEXT, &[&news()]);
    let mut bound = Bound {
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        conns: Vec::new(),
        free: Vec::new(),
        sessions: HashMap::new(),
        sids: 0,
        news: frame,
    };
    epoll::add(&bound.epoll, listener, EventData::new_u64(u64::MAX), EventFlags::IN)?;
    let mut scratch = vec![0; 256 << 10];
    let mut events = Vec::with_capacity(256);
    loop {
        events.clear();
        epoll::wait(&bound.epoll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            match usize::try_from(event.data.u64()) {
                Ok(index) if index < bound.conns.len() => bound.turn(index, &mut scratch),
                _ => bound.accept(listener)?,
            }
        }
    }
}

struct Bound {
    epoll: OwnedFd,
    conns: Vec<Option<Conn>>,
    free: Vec<usize>,
    sessions: HashMap<String, Polling>,
    sids: u64,
    /// The frame of a `cast`.
    news: Vec<u8>,
}

impl Bound {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or(self.conns.len());
            epoll::add(&self.epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            if index == self.conns.len() {
                self.conns.push(None);
            }
            self.conns[index] = Some(Conn::new(stream));
        }
    }

    /// Reads all there is, answers it, writes once.
    fn turn(&mut self, index: usize, scratch: &mut [u8]) {
        let Some(mut conn) = self.conns[index].take() else { return };
        let mut lives = self.pump(index, &mut conn).is_ok();
        // A client that does not read is not read from.
        while lives && !conn.is_behind() {
            match conn.stream.read(scratch) {
                Ok(0) => lives = false,
                Ok(read) => {
                    lives = self.take(index, &mut conn, &mut scratch[..read]).is_ok()
                        && self.pump(index, &mut conn).is_ok();
                    if read < scratch.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => lives = false,
            }
        }
        if lives {
            self.conns[index] = Some(conn);
        } else {
            self.free.push(index);
        }
    }

    fn take(&mut self, index: usize, conn: &mut Conn, read: &mut [u8]) -> io::Result<()> {
        let mut kept = std::mem::take(&mut conn.input);
        if kept.is_empty() {
            let done = self.handle(index, conn, read)?;
            conn.input.extend_from_slice(&read[done..]);
        } else {
            kept.extend_from_slice(read);
            let done = self.handle(index, conn, &mut kept)?;
            kept.drain(..done);
            if !kept.is_empty() {
                conn.input = kept;
            }
        }
        Ok(())
    }

    /// Handles what is complete. Returns how many bytes that was.
    fn handle(&mut self, index: usize, conn: &mut Conn, bytes: &mut [u8]) -> io::Result<usize> {
        let mut at = 0;
        let mut casts = 0;
        loop {
            if !conn.is_websocket {
                let Some((request, end)) = Request::read(bytes, at) else { break };
                self.request(index, conn, &request);
                at = end;
                continue;
            }
            let Some(frame) = wire::frame(bytes, at) else { break };
            at = frame.end;
            let payload = &mut bytes[frame.start..frame.end];
            unmask(payload, frame.mask.unwrap_or_default());
            match frame.opcode {
                TEXT => casts += self.text(conn, payload),
                BINARY => push_plain(&mut conn.out, BINARY, &[payload]),
                _ => {
                    push_plain(&mut conn.out, CLOSE, &[payload]);
                    self.pump(index, conn)?;
                    return Err(ErrorKind::ConnectionAborted.into());
                }
            }
        }
        if casts > 0 {
            self.cast(conn, casts);
        }
        Ok(at)
    }

    /// Handles one message on a websocket. Returns how many broadcasts it asks for.
    fn text(&mut self, conn: &mut Conn, text: &[u8]) -> usize {
        match text {
            b"40" => push_plain(&mut conn.out, TEXT, &[JOINED]),
            b"2probe" => {
                push_plain(&mut conn.out, TEXT, &[b"3probe"]);
                self.release(&conn.sid);
            }
            b"5" => drop(self.sessions.remove(&conn.sid)),
            b"3" => {}
            _ if text.starts_with(b"45") => push_plain(&mut conn.out, TEXT, &[text]),
            _ => match Wish::of(text) {
                Wish::Echo => push_plain(&mut conn.out, TEXT, &ack(text)),
                Wish::Cast => return 1,
                Wish::Burst => conn.feed = Some(Feed::Serialise { left: BURST }),
                Wish::Replay => conn.feed = Some(Feed::Copy { at: 0 }),
            },
        }
        0
    }

    fn cast(&mut self, asker: &mut Conn, times: usize) {
        let news = self.news.repeat(times);
        asker.out.extend_from_slice(&news);
        for index in 0..self.conns.len() {
            let Some(mut conn) = self.conns[index].take() else { continue };
            conn.out.extend_from_slice(&news);
            // A slow consumer is cut off.
            if self.pump(index, &mut conn).is_ok() && conn.out.len() < OUTBOX {
                self.conns[index] = Some(conn);
            } else {
                self.free.push(index);
            }
        }
    }

    /// Writes what the connection takes, and asks to be told when it takes the rest.
    fn pump(&self, index: usize, conn: &mut Conn) -> io::Result<()> {
        if let Some(flags) = conn.pump()? {
            let data = EventData::new_u64(index as u64);
            epoll::modify(&self.epoll, &conn.stream, data, flags)?;
        }
        Ok(())
    }
}

/// `43ID[…]` for `42ID["name",…]`.
fn ack(text: &[u8]) -> [&[u8]; 4] {
    let bracket = memchr::memchr(b'[', text).unwrap_or(text.len());
    let comma = memchr::memchr(b',', &text[bracket..]).map_or(text.len(), |at| bracket + at + 1);
    [b"43", text.get(2..bracket).unwrap_or_default(), b"[", &text[comma..]]
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes(std::array::from_fn(|at| mask[at % 4]));
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

pub(super) const JOINED: &[u8] = b"40{\"sid\":\"00000000000000000000\"}";
/// The most bytes that may wait for a client.
const OUTBOX: usize = 1 << 20;
