//! A client and a server session with a perfect network between them, in virtual time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::proto::{
    CloseReason, Event, Frame, Message, RequestError, Sid, Time, Transmit, Transport, client,
    server,
};

pub(super) fn server(transport: Transport) -> server::Session {
    server_with(transport, server::Config::default())
}

pub(super) fn server_with(transport: Transport, config: server::Config) -> server::Session {
    server::Session::new(Sid::from_entropy([0; 15]), transport, Arc::new(config), Time::ZERO)
}

/// What was delivered, readable: texts, `<hex>` for binary, the reason of the end.
pub(super) fn texts(events: impl Iterator<Item = Event>) -> Vec<String> {
    events
        .filter_map(|event| match event {
            Event::Message(Message::Text(text)) => Some(text.as_str().to_owned()),
            Event::Message(Message::Binary(data)) => {
                Some(format!("<{}>", data.iter().map(|b| format!("{b:02x}")).collect::<String>()))
            }
            Event::Closed(reason) => Some(reason.as_str().to_owned()),
            Event::Open(_) | Event::Upgraded => None,
        })
        .collect()
}

/// The pair. The handshake's GET is made by the client; `server` exists from the start.
pub(super) struct Pair {
    pub(super) client: client::Session,
    pub(super) server: server::Session,
    pub(super) now: Time,
    pub(super) client_is_dead: bool,
    pub(super) server_is_dead: bool,
    /// A websocket is asked for and not yet open.
    pub(super) websocket_waits: bool,
    /// GETs and POSTs take until [`Pair::run`] comes round again.
    pub(super) websocket_open: bool,
    /// What was sent on a websocket and has not arrived.
    pub(super) to_server: VecDeque<Frame>,
    pub(super) to_client: VecDeque<Frame>,
    handshake_done: bool,
    server_events: Vec<Event>,
    client_events: Vec<Event>,
}

impl Pair {
    pub(super) fn polling() -> Self {
        let client = client::Config { upgrade: false, ..client::Config::default() };
        Self::new(Transport::Polling, client, server::Config::default())
    }

    pub(super) fn websocket() -> Self {
        Self::new(Transport::Websocket, client::Config::default(), server::Config::default())
    }

    pub(super) fn upgrading() -> Self {
        Self::new(Transport::Polling, client::Config::default(), server::Config::default())
    }

    pub(super) fn new(
        transport: Transport,
        client: client::Config,
        server: server::Config,
    ) -> Self {
        Self {
            client: client::Session::new(transport, Arc::new(client), Time::ZERO),
            server: server_with(transport, server),
            now: Time::ZERO,
            client_is_dead: false,
            server_is_dead: false,
            websocket_waits: false,
            websocket_open: transport == Transport::Websocket,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            handshake_done: false,
            server_events: Vec::new(),
            client_events: Vec::new(),
        }
    }

    /// Lets everything happen that can happen now.
    pub(super) fn run(&mut self) {
        while self.step() {}
    }

    /// One round of everything; false when nothing moved.
    pub(super) fn step(&mut self) -> bool {
        let mut moved = self.requests() | self.answer();
        moved |= self.open_websocket();
        moved |= self.frames();
        self.server_events.extend(std::iter::from_fn(|| self.server.poll_event()));
        self.client_events.extend(std::iter::from_fn(|| self.client.poll_event()));
        moved
    }

    /// The client's HTTP requests reach the server.
    pub(super) fn requests(&mut self) -> bool {
        let mut moved = false;
        while !self.client_is_dead
            && let Some(request) = self.client.poll_request()
        {
            moved = true;
            match request {
                client::Request::Get { sid: None } => self.handshake_done = true,
                client::Request::Get { .. } => {
                    let held = self.server.handle_poll(self.now);
                    self.refused(held);
                }
                client::Request::Post { body, .. } => match self.server.handle_post() {
                    Ok(()) => {
                        let _ = self.server.handle_payload(self.now, body);
                        self.client.handle_posted();
                    }
                    refused => self.refused(refused),
                },
                client::Request::Websocket { .. } => self.websocket_waits = true,
            }
        }
        moved
    }

    fn refused(&mut self, result: Result<(), RequestError>) {
        if result.is_err() {
            self.client.handle_request_failed();
        }
    }

    /// The server's answer to the held GET reaches the client.
    pub(super) fn answer(&mut self) -> bool {
        if self.server_is_dead || !self.handshake_done {
            return false;
        }
        let Some(body) = self.server.poll_payload() else { return false };
        if !self.client_is_dead {
            let _ = self.client.handle_payload(self.now, body);
        }
        true
    }

    pub(super) fn open_websocket(&mut self) -> bool {
        if !std::mem::take(&mut self.websocket_waits) {
            return false;
        }
        if self.server.handle_upgrade(self.now).is_ok() {
            self.websocket_open = true;
            self.client.handle_websocket_open(self.now);
        } else {
            self.client.handle_websocket_closed(true);
        }
        true
    }

    /// One frame in each direction.
    pub(super) fn frames(&mut self) -> bool {
        self.collect_frames();
        let mut moved = false;
        if !self.server_is_dead
            && let Some(frame) = self.to_server.pop_front()
        {
            moved = true;
            let _ = self.server.handle_frame(self.now, frame);
        }
        if !self.client_is_dead
            && let Some(frame) = self.to_client.pop_front()
        {
            moved = true;
            let _ = self.client.handle_frame(self.now, frame);
        }
        self.collect_frames();
        moved
    }

    fn collect_frames(&mut self) {
        if !self.websocket_open {
            return;
        }
        while !self.server_is_dead
            && let Some(transmit) = self.server.poll_transmit()
        {
            match transmit {
                Transmit::Frame(frame) => self.to_client.push_back(frame),
                Transmit::Close => return self.close_websocket(),
            }
        }
        while !self.client_is_dead
            && let Some(transmit) = self.client.poll_transmit()
        {
            match transmit {
                Transmit::Frame(frame) => self.to_server.push_back(frame),
                Transmit::Close => return self.close_websocket(),
            }
        }
    }

    /// The websocket closes after what is on its way has arrived.
    pub(super) fn close_websocket(&mut self) {
        self.websocket_open = false;
        for frame in std::mem::take(&mut self.to_server) {
            let _ = self.server.handle_frame(self.now, frame);
        }
        for frame in std::mem::take(&mut self.to_client) {
            let _ = self.client.handle_frame(self.now, frame);
        }
        self.server.handle_websocket_closed(false);
        self.client.handle_websocket_closed(false);
    }

    /// Time passes, deadline by deadline.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.run();
            let next = [
                self.server.poll_timeout().filter(|_| !self.server_is_dead),
                self.client.poll_timeout().filter(|_| !self.client_is_dead),
            ];
            let Some(next) = next.into_iter().flatten().min().filter(|&at| at <= end) else {
                break;
            };
            self.now = next;
            if !self.server_is_dead {
                self.server.handle_timeout(next);
            }
            if !self.client_is_dead {
                self.client.handle_timeout(next);
            }
        }
        self.now = end;
    }

    pub(super) fn server_got(&self) -> Vec<String> {
        texts(self.server_events.iter().cloned())
    }

    pub(super) fn client_got(&self) -> Vec<String> {
        texts(self.client_events.iter().cloned())
    }

    pub(super) fn server_closed(&mut self) -> Option<CloseReason> {
        self.run();
        closed(&self.server_events)
    }

    pub(super) fn client_closed(&mut self) -> Option<CloseReason> {
        self.run();
        closed(&self.client_events)
    }

    /// Sends numbered texts from both sides.
    pub(super) fn send(&mut self, number: usize) {
        let text = Bytes::from(format!("4{number}"));
        let message = [Message::Text(crate::proto::Text::from_checked(text))];
        self.server.send(&message).unwrap();
        self.client.send(&message).unwrap();
    }
}

fn closed(events: &[Event]) -> Option<CloseReason> {
    events.iter().find_map(|event| match event {
        Event::Closed(reason) => Some(reason.clone()),
        _ => None,
    })
}
