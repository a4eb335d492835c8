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

    /// A websocket session, joined to `/` where there is such a thing.
    pub(crate) fn websocket(&self) -> io::Result<Conn> {
        let mut conn = Conn::open(self.address)?;
        self.upgrade(&mut conn, "")?;
        if self.kind.has_engine() {
            conn.expect(|open| open.starts_with(b"0{\"sid\":"))?;
        }
        if self.kind.has_namespaces() {
            conn.send(&masked(TEXT, b"40"))?;
            conn.expect(|joined| joined.starts_with(b"40{\"sid\":"))?;
        }
        Ok(conn)
    }

    pub(crate) fn websockets(&self, count: usize) -> io::Result<Vec<Conn>> {
        (0..count).map(|_| self.websocket()).collect()
    }

    /// Says goodbye and waits until the server has.
    pub(crate) fn close(&self, mut conn: Conn) -> io::Result<()> {
        conn.send(&masked(CLOSE, &1000_u16.to_be_bytes()))?;
        while let Some(frame) = conn.next_frame()? {
            if frame.opcode == CLOSE {
                break;
            }
        }
        Ok(())
    }

    /// A session on polling: a connection for its GETs, one for its POSTs, and its id.
    pub(crate) fn polling(&self) -> io::Result<(Conn, Conn, String)> {
        let (mut get, mut post) = (Conn::open(self.address)?, Conn::open(self.address)?);
        get.send(self.get("").as_bytes())?;
        let open = get.next_response()?;
        let sid = sid(&open).ok_or_else(|| unexpected(&open))?;
        if self.kind.has_namespaces() {
            post.send(&self.post(&sid, b"40"))?;
            ok(&post.next_response()?)?;
            get.send(self.get(&sid).as_bytes())?;
            let joined = get.next_response()?;
            // A ping may stand before it.
            if !joined.split(|byte| *byte == SEPARATOR).any(|one| one.starts_with(b"40{\"sid\":")) {
                return Err(unexpected(&joined));
            }
        }
        Ok((get, post, sid))
    }

    /// A session that begins on polling and goes on on a websocket, while a GET is held.
    pub(crate) fn upgraded(&self) -> io::Result<Conn> {
        let (mut get, _post, sid) = self.polling()?;
        get.send(self.get(&sid).as_bytes())?;
        let mut conn = Conn::open(self.address)?;
        self.upgrade(&mut conn, &sid)?;
        conn.send(&masked(TEXT, b"2probe"))?;
        conn.expect(|pong| pong == b"3probe")?;
        loop {
            let noop = get.next_response()?;
            match &*noop {
                b"6" => break,
                // A ping, as some send at once; the session has moved on before its pong is due.
                b"2" => get.send(self.get(&sid).as_bytes())?,
                other => return Err(unexpected(other)),
            }
        }
        conn.send(&masked(TEXT, b"5"))?;
        Ok(conn)
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

    fn upgrade(&self, conn: &mut Conn, sid: &str) -> io::Result<()> {
        let head = format!(
            "GET {}&transport=websocket{} HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.path(),
            with(sid),
            self.address
        );
        conn.send(head.as_bytes())?;
        conn.next_response().map(drop)
    }
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
