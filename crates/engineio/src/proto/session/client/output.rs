//! Output: what a session answers, and whether it has an answer. Requests, frames, deadlines, events.

use bytes::Bytes;

use super::{Link, Phase, Request, Session};
use crate::proto::session::timers::Timer;
use crate::proto::session::{Event, Time, Transmit};
use crate::proto::{CloseReason, Message, Packet, payload};

impl Session {
    /// What to do next over HTTP.
    pub fn poll_request(&mut self) -> Option<Request> {
        if self.phase == Phase::Closed || self.link == Link::Websocket {
            return None;
        }
        let Some(handshake) = &self.handshake else {
            let first = !std::mem::replace(&mut self.getting, true);
            return first.then_some(Request::Get { sid: None });
        };
        let (sid, max) = (handshake.sid, handshake.max_payload);
        if std::mem::take(&mut self.wants_websocket) {
            return Some(Request::Websocket { sid });
        }
        if self.link == Link::Pausing {
            return None;
        }
        if !self.posting
            && let Some(body) = self.payload(max)
        {
            self.posting = true;
            return Some(Request::Post { sid, body });
        }
        let get = self.phase == Phase::Open && !std::mem::replace(&mut self.getting, true);
        get.then_some(Request::Get { sid: Some(sid) })
    }

    /// What to do next on the websocket.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if std::mem::take(&mut self.hang_up) {
            return Some(Transmit::Close);
        }
        let packet = match self.link {
            Link::Polling => return None,
            Link::Probing if std::mem::take(&mut self.probe) => Packet::PingProbe,
            Link::Probing => return None,
            Link::Pausing if self.getting || self.posting => return None,
            Link::Pausing => {
                self.link = Link::Websocket;
                self.timers.stop(Timer::Upgrade);
                self.inbox.push(Event::Upgraded);
                Packet::Upgrade
            }
            Link::Websocket if self.handshake.is_none() => return None,
            Link::Websocket => match self.next_packet() {
                Some(packet) => packet,
                None if self.phase == Phase::Closing => {
                    self.end(CloseReason::ForcedClose);
                    self.hang_up = false;
                    return Some(Transmit::Close);
                }
                None => return None,
            },
        };
        Some(Transmit::Frame(packet.into_frame()))
    }

    /// What the application is to know next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.inbox.pop()
    }

    /// When to call [`Session::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Whether more may be read from the peer: the application keeps up.
    pub fn wants_input(&self) -> bool {
        self.inbox.wants_input(&self.config.limits)
    }

    /// The next event if it is a message. Any other event stays, with everything after it.
    pub fn poll_message(&mut self) -> Option<Message> {
        self.inbox.pop_message()
    }

    /// Whether [`Session::poll_transmit`] has an answer.
    pub fn has_transmit(&self) -> bool {
        self.hang_up
            || match self.link {
                Link::Polling => false,
                Link::Probing => self.probe,
                Link::Pausing => !self.getting && !self.posting,
                Link::Websocket => {
                    self.handshake.is_some()
                        && (self.pong || !self.outbox.is_empty() || self.phase == Phase::Closing)
                }
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

    /// Whether the outbox is at most half full, and has room for what it refused last.
    pub fn has_room(&self) -> bool {
        self.outbox.has_room()
    }

    /// Whether a message sent now leaves at once: nothing else is queued, and on polling no POST is
    /// under way. Whether the connection of a websocket takes it is not known here.
    pub fn is_writable(&self) -> bool {
        let is_free = match self.link {
            Link::Polling | Link::Probing => !self.posting,
            Link::Pausing => false,
            Link::Websocket => true,
        };
        self.phase == Phase::Open && is_free && !self.pong && self.outbox.is_empty()
    }

    fn next_packet(&mut self) -> Option<Packet> {
        match std::mem::take(&mut self.pong) {
            true => Some(Packet::Pong),
            false => self.outbox.pop().map(|(message, _)| Packet::Message(message)),
        }
    }

    /// Everything queued, as far as the server's `maxPayload` allows; the close packet last.
    fn payload(&mut self, max: usize) -> Option<Bytes> {
        let mut encoder = payload::Encoder::new(max);
        if std::mem::take(&mut self.pong) {
            encoder.push(Packet::Pong);
        }
        while let Some(front) = self.outbox.front() {
            let packet = Packet::Message(front.clone());
            if !encoder.fits(&packet) {
                break;
            }
            encoder.push(packet);
            self.outbox.pop();
        }
        let last = self.phase == Phase::Closing && self.outbox.is_empty();
        if last && encoder.fits(&Packet::Close) {
            encoder.push(Packet::Close);
            self.said_close = true;
        }
        (!encoder.is_empty()).then(|| encoder.finish())
    }
}
