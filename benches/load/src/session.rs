//! Opening and closing sessions, by hand, on any of the servers.

use std::io;
use std::net::SocketAddr;

use crate::client::{Conn, find, unexpected};
use crate::servers::Kind;
use crate::wire::{CLOSE, TEXT, masked};

/// A server's address and what it speaks.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) kind: Kind,
    /// Added to the query of a handshake.
    pub(crate) query: String,
}

impl Target {
    fn path(&self) -> String {
        format!("/{}/?EIO=4{}", self.kind.path(), self.query)
    }

    /// A websocket session that has joined `/`, if the server has namespaces.
    pub(crate) fn websocket(&self) -> io::Result<Conn> {
        one(self.websockets(1)?)
    }

    /// Opens many of them, a few at a time.
    pub(crate) fn many(&self, count: usize) -> io::Result<Vec<Conn>> {
        let mut conns = Vec::with_capacity(count);
        while conns.len() < count {
            conns.extend(self.websockets((count - conns.len()).min(16))?);
        }
        Ok(conns)
    }

    /// Opens that many at once: each step is done for all of them before the next.
    pub(crate) fn websockets(&self, count: usize) -> io::Result<Vec<Conn>> {
        let mut conns = self.conns(count)?;
        conns.iter_mut().try_for_each(|conn| self.ask_upgrade(conn, ""))?;
        for conn in &mut conns {
            conn.next_response()?;
            if self.kind.has_engine() {
                conn.expect(|open| open.starts_with(b"0{\"sid\":"))?;
            }
            if self.kind.has_namespaces() {
                conn.send(&masked(TEXT, b"40"))?;
            }
        }
        if self.kind.has_namespaces() {
            let is_joined = |joined: &[u8]| joined.starts_with(b"40{\"sid\":");
            conns.iter_mut().try_for_each(|conn| conn.expect(is_joined))?;
        }
        Ok(conns)
    }

    /// Closes each one, and waits until the server has closed it too.
    pub(crate) fn close(&self, mut conns: Vec<Conn>) -> io::Result<()> {
        let goodbye = masked(CLOSE, &1000_u16.to_be_bytes());
        conns.iter_mut().try_for_each(|conn| conn.send(&goodbye))?;
        for mut conn in conns {
            while conn.next_frame()?.is_some_and(|frame| frame.opcode != CLOSE) {}
        }
        Ok(())
    }

    /// A session on polling.
    pub(crate) fn polling(&self) -> io::Result<Polling> {
        one(self.pollings(1)?)
    }

    /// Opens that many at once.
    fn pollings(&self, count: usize) -> io::Result<Vec<Polling>> {
        let (gets, posts) = (self.conns(count)?, self.conns(count)?);
        let mut all: Vec<_> = std::iter::zip(gets, posts)
            .map(|(get, post)| Polling { get, post, sid: String::new() })
            .collect();
        all.iter_mut().try_for_each(|one| one.get.send(self.get("").as_bytes()))?;
        for one in &mut all {
            let open = one.get.next_response()?;
            one.sid = sid(&open).ok_or_else(|| unexpected(&open))?;
            if self.kind.has_namespaces() {
                one.post.send(&self.post(&one.sid, b"40"))?;
            }
        }
        if self.kind.has_namespaces() {
            for one in &mut all {
                ok(&one.post.next_response()?)?;
                one.get.send(self.get(&one.sid).as_bytes())?;
            }
            for one in &mut all {
                let joined = one.get.next_response()?;
                // A ping may stand before it.
                let mut packets = joined.split(|byte| *byte == SEPARATOR);
                if !packets.any(|packet| packet.starts_with(b"40{\"sid\":")) {
                    return Err(unexpected(&joined));
                }
            }
        }
        Ok(all)
    }

    /// Opens that many sessions at once. Each begins with polling and moves to a websocket while a GET is
    /// held.
    pub(crate) fn upgraded(&self, count: usize) -> io::Result<Vec<Conn>> {
        let mut all = self.pollings(count)?;
        let mut conns = Vec::with_capacity(count);
        for one in &mut all {
            one.get.send(self.get(&one.sid).as_bytes())?;
            let mut conn = Conn::open(self.address)?;
            self.ask_upgrade(&mut conn, &one.sid)?;
            conns.push(conn);
        }
        for conn in &mut conns {
            conn.next_response()?;
            conn.send(&masked(TEXT, b"2probe"))?;
        }
        conns.iter_mut().try_for_each(|conn| conn.expect(|pong| pong == b"3probe"))?;
        for (one, conn) in std::iter::zip(&mut all, &mut conns) {
            loop {
                let noop = one.get.next_response()?;
                match &*noop {
                    b"6" => break,
                    // A ping, as some send at once; the session has moved on before its pong is due.
                    b"2" => one.get.send(self.get(&one.sid).as_bytes())?,
                    other => return Err(unexpected(other)),
                }
            }
            conn.send(&masked(TEXT, b"5"))?;
        }
        Ok(conns)
    }

    fn conns(&self, count: usize) -> io::Result<Vec<Conn>> {
        (0..count).map(|_| Conn::open(self.address)).collect()
    }

    /// The text of a GET.
    pub(crate) fn get(&self, sid: &str) -> String {
        format!("GET {}&transport=polling{} HTTP/1.1\r\nhost: x\r\n\r\n", self.path(), with(sid))
    }

    /// A POST with this payload.
    pub(crate) fn post(&self, sid: &str, payload: &[u8]) -> Vec<u8> {
        let head = format!(
            "POST {}&transport=polling{} HTTP/1.1\r\nhost: x\r\n\
             content-type: text/plain;charset=UTF-8\r\ncontent-length: {}\r\n\r\n",
            self.path(),
            with(sid),
            payload.len()
        );
        [head.as_bytes(), payload].concat()
    }

    fn ask_upgrade(&self, conn: &mut Conn, sid: &str) -> io::Result<()> {
        let head = format!(
            "GET {}&transport=websocket{} HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.path(),
            with(sid),
            self.address
        );
        conn.send(head.as_bytes())
    }
}

/// A session on polling: a connection for its GETs, one for its POSTs, and its id.
pub(crate) struct Polling {
    pub(crate) get: Conn,
    pub(crate) post: Conn,
    pub(crate) sid: String,
}

fn one<T>(mut all: Vec<T>) -> io::Result<T> {
    all.pop().ok_or_else(|| io::Error::other("there is none"))
}

/// Whether a POST was taken.
pub(crate) fn ok(body: &[u8]) -> io::Result<()> {
    if body.eq_ignore_ascii_case(b"ok") { Ok(()) } else { Err(unexpected(body)) }
}

/// Stands between the packets of a payload.
pub(crate) const SEPARATOR: u8 = 0x1e;

fn with(sid: &str) -> String {
    if sid.is_empty() { String::new() } else { format!("&sid={sid}") }
}

fn sid(open: &[u8]) -> Option<String> {
    let at = find(open, b"\"sid\":\"")? + 7;
    let end = at + find(&open[at..], b"\"")?;
    String::from_utf8(open[at..end].to_vec()).ok()
}
