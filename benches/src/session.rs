//! The pure machines together, without sockets: a frame in, an event out of the connection, its
//! ack back through the session, a frame out.

use std::sync::Arc;

use bytes::Bytes;
use engineio::proto::server::{Config, Session};
use engineio::proto::{Event, Frame, Sid, Time, Transmit, Transport, payload};
use socketio::proto::{Event as Packet, NamespaceName, ServerConnection, encode};

use crate::Operation;
use crate::data;

/// Events that are answered by an ack with their own arguments.
pub fn echoes() -> Vec<Operation> {
    let mut all = Vec::new();
    // Sixteen of the largest are more than an outbox takes.
    for size in data::SIZES.into_iter().filter(|size| *size < 64 << 10) {
        let mut echo = Echo::joined(Transport::Websocket);
        let (ask, answer) = exchange(size);
        let name = data::name(size);
        all.push(Operation::new(
            (format!("echo on websocket, {name}"), "ours"),
            2 * ask.len(),
            move || echo.frame(ask.clone()),
            move |frame| *frame == Some(Transmit::Frame(Frame::Text(answer.clone()))),
        ));

        let mut echo = Echo::joined(Transport::Polling);
        let (ask, answer) = exchange(size);
        let join = |wire: &Bytes| Bytes::from(vec![&wire[..]; BATCH].join(&payload::SEPARATOR));
        let (asks, answers) = (join(&ask), join(&answer));
        all.push(Operation::new(
            (format!("echo on polling, {BATCH} x {name}"), "ours"),
            2 * asks.len(),
            move || echo.payload(asks.clone()),
            move |body| body.as_ref() == Some(&answers),
        ));
    }
    all
}

/// Events in one payload.
const BATCH: usize = 16;

/// `427["oh_event",{…}]` and `437[{…}]`.
fn exchange(size: usize) -> (Bytes, Bytes) {
    let event = data::json(&data::event(size));
    let ask = [&b"427"[..], &data::array(size)].concat().into();
    (ask, [&b"437["[..], &event, b"]"].concat().into())
}

struct Echo {
    session: Session,
    connection: ServerConnection,
}

impl Echo {
    /// Its client has joined `/`.
    fn joined(transport: Transport) -> Self {
        let sid = Sid::from_entropy([0; Sid::ENTROPY]);
        let session = Session::new(sid, transport, Arc::new(Config::default()), Time::ZERO);
        let config = Arc::new(socketio::proto::ConnectionConfig::default());
        let mut echo = Self { session, connection: ServerConnection::new(config, Time::ZERO) };
        let open = match transport {
            Transport::Polling => echo.session.poll_payload().is_some(),
            Transport::Websocket => echo.session.poll_transmit().is_some(),
        };
        assert!(open, "the handshake");
        let events: Vec<_> =
            echo.connection.handle_message(Time::ZERO, "0".into()).expect("CONNECT").collect();
        assert_eq!(events.len(), 1);
        assert!(echo.connection.accept(&NamespaceName::default(), sid.as_str()).is_some());
        echo
    }

    fn frame(&mut self, wire: Bytes) -> Option<Transmit> {
        self.session.handle_frame(Time::ZERO, Frame::Text(wire)).expect("a packet");
        self.answer();
        self.session.poll_transmit()
    }

    fn payload(&mut self, body: Bytes) -> Option<Bytes> {
        self.session.handle_post().expect("polling");
        self.session.handle_payload(Time::ZERO, body).expect("packets");
        self.answer();
        self.session.handle_poll(Time::ZERO).expect("polling");
        self.session.poll_payload()
    }

    fn answer(&mut self) {
        while let Some(Event::Message(message)) = self.session.poll_event() {
            for event in self.connection.handle_message(Time::ZERO, message).expect("a packet") {
                let Packet::Event { namespace, args, ack_id: Some(id) } = event else {
                    panic!("{event:?}")
                };
                let ack = encode::ack_args(&namespace, id, &args);
                self.session.send(ack.text().clone()).expect("room");
            }
        }
    }
}
