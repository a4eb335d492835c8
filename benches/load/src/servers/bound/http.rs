//! The requests of polling and the way to a websocket.

use std::net::Shutdown;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Bound, Conn, JOINED, ack};
use crate::wire::{TEXT, push_plain};

/// A session on polling.
#[derive(Default)]
pub(super) struct Polling {
    /// The payload that waits for a GET.
    payload: Vec<u8>,
    /// The connection of the GET that is held.
    get: Option<usize>,
}

pub(super) struct Request<'a> {
    is_get: bool,
    sid: Option<&'a str>,
    /// Of a request for a websocket.
    key: Option<&'a str>,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The request that begins at `at`, and where the next one does.
    pub(super) fn read(bytes: &'a [u8], at: usize) -> Option<(Self, usize)> {
        let bytes = &bytes[at..];
        let head = memchr::memmem::find(bytes, b"\r\n\r\n")?;
        let text = std::str::from_utf8(&bytes[..head]).ok()?;
        let after = |name: &str| text.split_once(name).map(|(_, rest)| rest);
        let line = |name| after(name).and_then(|rest| rest.split("\r\n").next());
        let len: usize = line("\ncontent-length: ").map_or(Some(0), |len| len.parse().ok())?;
        let body = bytes.get(head + 4..head + 4 + len)?;
        let sid = after("&sid=").and_then(|rest| rest.split([' ', '&']).next());
        let key = line("\nsec-websocket-key: ");
        let request = Self { is_get: text.starts_with('G'), sid, key, body };
        Some((request, at + head + 4 + len))
    }
}

impl Bound {
    pub(super) fn request(&mut self, index: usize, conn: &mut Conn, request: &Request<'_>) {
        match *request {
            Request { key: Some(key), sid, .. } => {
                let accept = derive_accept_key(key.as_bytes());
                conn.out.extend_from_slice(
                    format!(
                        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                         upgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
                    )
                    .as_bytes(),
                );
                conn.is_websocket = true;
                match sid {
                    Some(sid) => conn.sid = sid.to_owned(),
                    None => push_plain(&mut conn.out, TEXT, &[self.open("").1.as_bytes()]),
                }
            }
            Request { is_get: true, sid: None, .. } => {
                let (sid, open) = self.open("\"websocket\"");
                self.sessions.insert(sid, Polling::default());
                respond(&mut conn.out, open.as_bytes());
            }
            Request { is_get: true, sid: Some(sid), .. } => {
                let Some(session) = self.sessions.get_mut(sid) else { return refuse(conn) };
                if session.payload.is_empty() {
                    session.get = Some(index);
                } else {
                    respond(&mut conn.out, &std::mem::take(&mut session.payload));
                }
            }
            Request { is_get: false, sid, body, .. } => {
                let session = sid.and_then(|sid| self.sessions.get_mut(sid));
                let Some(session) = session else { return refuse(conn) };
                for packet in body.split(|byte| *byte == SEPARATOR) {
                    if !session.payload.is_empty() {
                        session.payload.push(SEPARATOR);
                    }
                    match packet {
                        b"40" => session.payload.extend_from_slice(JOINED),
                        _ => {
                            ack(packet)
                                .iter()
                                .for_each(|part| session.payload.extend_from_slice(part));
                        }
                    }
                }
                respond(&mut conn.out, b"ok");
                if let Some(get) = session.get.take() {
                    let payload = std::mem::take(&mut session.payload);
                    self.answer(get, &payload);
                }
            }
        }
    }

    /// Ends the held GET, because its session continues on a websocket.
    pub(super) fn release(&mut self, sid: &str) {
        if let Some(get) = self.sessions.get_mut(sid).and_then(|session| session.get.take()) {
            self.answer(get, b"6");
        }
    }

    fn answer(&mut self, index: usize, payload: &[u8]) {
        let Some(mut conn) = self.conns[index].take() else { return };
        respond(&mut conn.out, payload);
        if self.pump(index, &mut conn).is_ok() {
            self.conns[index] = Some(conn);
        } else {
            self.free.push(index);
        }
    }

    /// A new sid and its handshake.
    fn open(&mut self, upgrades: &str) -> (String, String) {
        self.sids += 1;
        let sid = format!("{:020}", self.sids);
        let open = format!(
            "0{{\"sid\":\"{sid}\",\"upgrades\":[{upgrades}],\"pingInterval\":25000,\
             \"pingTimeout\":20000,\"maxPayload\":1000000}}"
        );
        (sid, open)
    }
}

fn respond(out: &mut Vec<u8>, body: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body);
}

fn refuse(conn: &mut Conn) {
    conn.out.extend_from_slice(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let _ = conn.stream.shutdown(Shutdown::Read);
}

const SEPARATOR: u8 = 0x1e;
