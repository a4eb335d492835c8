//! Output: what a session answers, and whether it has an answer. Payloads, frames, deadlines,
//! events.

use bytes::{Buf as _, Bytes};

use super::{HeldGet, Link, Phase, Session};
use crate::proto::session::framing::Encoder;
use crate::proto::session::{Event, Time, Transmit};
use crate::proto::{CloseReason, Frame, Message, Packet};

impl Session {
    /// The body for the held GET, when there is something to send. In protocol 3 the body may have
    /// the binary form; [`v3::payload::is_binary`](crate::proto::v3::payload::is_binary) tells.
    pub fn poll_payload(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.get, HeldGet::None) {
            HeldGet::None => None,
            HeldGet::Owed => {
                self.get = HeldGet::Owed;
                None
            }
            HeldGet::Farewell(packet) => {
                let mut encoder = self.framing.encoder(usize::MAX);
                encoder.push(packet);
                let body = encoder.finish();
                self.tally.count_out(1, body.len());
                Some(body)
            }
            HeldGet::Held { noop } => {
                let body = self.payload(noop);
                if body.is_none() {
                    self.get = HeldGet::Held { noop };
                }
                body
            }
        }
    }

    /// Whether the payload that [`Session::poll_payload`] gave last may be compressed. As in the
    /// reference, one packet that may be compressed is enough.
    pub fn may_compress(&self) -> bool {
        self.compress
    }

    /// What to do next on the websocket.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if self.hang_up {
            self.hang_up = false;
            return Some(Transmit::Close);
        }
        let frame = match self.link {
            Link::Polling | Link::Probing | Link::Probed { answer: false } => return None,
            Link::Probed { answer: true } => {
                self.link = Link::Probed { answer: false };
                Packet::PongProbe.into_frame()
            }
            Link::Websocket => match self.next_frame() {
                Some(frame) => frame,
                None if self.phase == Phase::Closing => {
                    self.end(CloseReason::ForcedClose, Packet::Close);
                    self.hang_up = false;
                    return Some(Transmit::Close);
                }
                None => return None,
            },
        };
        self.tally.count_out(1, frame.len());
        Some(Transmit::Frame(frame))
    }

    /// What the application is to know next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.inbox.pop()
    }

    /// The next event if it is a message. Any other event stays, with everything after it.
    pub fn poll_message(&mut self) -> Option<Message> {
        self.inbox.pop_message()
    }

    /// When to call [`Session::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Whether [`Session::poll_payload`] has an answer.
    pub fn has_payload(&self) -> bool {
        match self.get {
            HeldGet::None | HeldGet::Owed => false,
            HeldGet::Farewell(_) => true,
            HeldGet::Held { .. } => {
                matches!(self.link, Link::Probed { .. })
                    || (self.phase == Phase::Closing && self.link == Link::Polling)
                    || self.has_packet()
            }
        }
    }

    /// Whether [`Session::poll_transmit`] has an answer.
    pub fn has_transmit(&self) -> bool {
        self.hang_up
            || match self.link {
                Link::Polling | Link::Probing => false,
                Link::Probed { answer } => answer,
                Link::Websocket => self.has_packet() || self.phase == Phase::Closing,
            }
    }

    /// Whether the websocket is to be closed even if it takes no frame now.
    pub fn wants_hang_up(&self) -> bool {
        self.hang_up
    }

    /// Whether an event waits for [`Session::poll_event`].
    pub fn has_event(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Whether more may be read from the peer: the application keeps up.
    pub fn wants_input(&self) -> bool {
        self.inbox.wants_input(&self.config.limits)
    }

    /// Whether the outbox is at most half full, and has room for what it refused last.
    pub fn has_room(&self) -> bool {
        self.outbox.has_room()
    }

    /// Whether a message sent now leaves at once: nothing else is queued, and on polling a GET is
    /// held. Whether the connection of a websocket takes it is not known here.
    pub fn is_writable(&self) -> bool {
        let is_awaited = match self.link {
            Link::Polling | Link::Probing | Link::Probed { .. } => {
                matches!(self.get, HeldGet::Held { .. })
            }
            Link::Websocket => true,
        };
        self.phase == Phase::Open && is_awaited && !self.has_packet()
    }

    fn has_packet(&self) -> bool {
        self.open.is_some() || self.heartbeat.is_some() || !self.outbox.is_empty()
    }

    /// What is sent next on the websocket.
    fn next_frame(&mut self) -> Option<Frame> {
        match self.open.take() {
            Some(open) => Some(Frame::Text(open)),
            None => self.next_packet().map(|packet| self.framing.frame(packet)),
        }
    }

    /// What is sent next on the transport in use: the open packet, then heartbeats, then messages.
    fn next_packet(&mut self) -> Option<Packet> {
        if let Some(mut json) = self.open.take() {
            self.compress = true;
            // Its packet type is written again with the packet.
            json.advance(1);
            return Some(Packet::Open(json));
        }
        if let Some(packet) = self.heartbeat.take() {
            self.compress = true;
            return Some(packet);
        }
        let (message, compress) = self.outbox.pop()?;
        self.compress |= compress;
        Some(Packet::Message(message))
    }

    /// A payload of everything queued, as far as `max_payload` allows.
    fn payload(&mut self, noop: bool) -> Option<Bytes> {
        let mut encoder = self.framing.encoder(self.config.limits.max_payload);
        let mut packets = 0;
        self.compress = false;
        while let Some(packet) = self.next_fitting(&encoder) {
            encoder.push(packet);
            packets += 1;
        }
        let probed = matches!(self.link, Link::Probed { .. });
        if self.phase == Phase::Closing && self.link == Link::Polling && encoder.is_empty() {
            if noop {
                encoder.push(Packet::Noop);
                packets += 1;
            }
            // Never in one payload with a message: the JavaScript client acts on the close before
            // it has handled the messages before it.
            encoder.push(Packet::Close);
            packets += 1;
            self.end(CloseReason::ForcedClose, Packet::Close);
        } else if encoder.is_empty() && probed {
            encoder.push(Packet::Noop);
            packets += 1;
        }
        if encoder.is_empty() {
            return None;
        }
        let body = encoder.finish();
        self.tally.count_out(packets, body.len());
        Some(body)
    }

    fn next_fitting(&mut self, encoder: &Encoder) -> Option<Packet> {
        // The first packet always fits, and the open packet and heartbeats are small.
        if !encoder.is_empty() && self.open.is_none() && self.heartbeat.is_none() {
            let front = self.outbox.front()?;
            // A clone of a message shares its bytes.
            if !encoder.fits(&Packet::Message(front.clone())) {
                return None;
            }
        }
        self.next_packet()
    }
}
