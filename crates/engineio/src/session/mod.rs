//! The task of one session, in either role: its connection, its timers and its application, driven
//! as one future.
//!
//! What lives here: [`Shared`], the state of a session under its lock and the wakers of everything
//! that waits for it; [`Driver`], the task that reads, runs the application, writes and sleeps.
//!
//! In come frames of a [`WebSocket`](crate::websocket::WebSocket), requests (a server's held GET
//! and POST enter by [`Shared::change_at`]), and messages of the application from any task. Out go
//! messages to the application, frames to the websocket, and figures to the [`Role`].
//!
//! What must never happen: a lock held while the application runs, while the connection is read or
//! written, or across an await; a waker called under the lock; a lost wake-up, which is a session
//! that hangs until its next heartbeat.
//!
//! Nothing here knows a registry, a configuration, counters or HTTP: the role brings them.
//!
//! Start reading at [`Shared::change`], the one way into a session, then at the driver's `turn`.

mod driver;
mod shared;

use std::fmt;

pub(crate) use driver::Driver;
pub(crate) use shared::Shared;

use crate::proto::{
    CloseReason, Event, Frame, Message, Outgoing, PacketError, SendError, Tally, Time, Transmit,
    Transport, TransportFault, client, server,
};

/// One end of the protocol, as far as its sessions must know it.
pub(crate) trait Role: Send + Sync + Sized + 'static {
    /// The state machine of a session.
    type Machine: Machine;
    /// What a session keeps for its application. Shown as the name of the session in logs.
    type About: fmt::Display + Send + Sync + 'static;

    /// Adds the figures that a session counted since the last time.
    fn count(&self, tally: Tally);

    /// Forgets a session: no connection needs it any more. `transport` is its last one.
    fn forget(&self, about: &Self::About, transport: Transport, reason: Option<&CloseReason>);
}

/// A state machine of [`proto`](crate::proto), as the driver sees it. The methods are those of the
/// machines of the same names; what only one role has (held GETs and POSTs of a server, requests of a
/// client) is called on the machine itself.
pub(crate) trait Machine: Send + 'static {
    fn handle_frame(&mut self, now: Time, frame: Frame) -> Result<(), PacketError>;
    fn handle_websocket_closed(&mut self, failed: bool);
    fn handle_websocket_failed(&mut self, fault: TransportFault);
    fn handle_timeout(&mut self, now: Time);
    fn send(&mut self, messages: Outgoing<'_>) -> Result<(), SendError>;
    fn send_some(&mut self, messages: Vec<Message>) -> Result<usize, SendError>;
    fn close(&mut self, now: Time);
    fn discard(&mut self);
    fn poll_transmit(&mut self) -> Option<Transmit>;
    fn poll_event(&mut self) -> Option<Event>;
    fn poll_message(&mut self) -> Option<Message>;
    fn poll_timeout(&self) -> Option<Time>;
    fn has_transmit(&self) -> bool;
    fn has_event(&self) -> bool;
    fn has_room(&self) -> bool;
    fn wants_input(&self) -> bool;
    fn wants_hang_up(&self) -> bool;
    fn is_open(&self) -> bool;
    fn is_writable(&self) -> bool;
    fn is_finished(&self) -> bool;
    fn transport(&self) -> Transport;
    fn close_reason(&self) -> Option<&CloseReason>;

    /// The answer to the held GET can be taken. Only in the server role.
    fn has_payload(&self) -> bool;
    /// Takes the figures counted since they were last taken.
    fn take_tally(&mut self) -> Tally;
}

macro_rules! machine {
    ($session:ty { $($own:tt)* }) => {
        impl Machine for $session {
            fn handle_frame(&mut self, now: Time, frame: Frame) -> Result<(), PacketError> {
                Self::handle_frame(self, now, frame)
            }

            fn handle_websocket_closed(&mut self, failed: bool) {
                Self::handle_websocket_closed(self, failed)
            }

            fn handle_websocket_failed(&mut self, fault: TransportFault) {
                Self::handle_websocket_failed(self, fault)
            }

            fn handle_timeout(&mut self, now: Time) {
                Self::handle_timeout(self, now)
            }

            fn send(&mut self, messages: Outgoing<'_>) -> Result<(), SendError> {
                Self::send(self, messages)
            }

            fn send_some(&mut self, messages: Vec<Message>) -> Result<usize, SendError> {
                Self::send_some(self, messages)
            }

            fn close(&mut self, now: Time) {
                Self::close(self, now)
            }

            fn discard(&mut self) {
                Self::discard(self)
            }

            fn poll_transmit(&mut self) -> Option<Transmit> {
                Self::poll_transmit(self)
            }

            fn poll_event(&mut self) -> Option<Event> {
                Self::poll_event(self)
            }

            fn poll_message(&mut self) -> Option<Message> {
                Self::poll_message(self)
            }

            fn poll_timeout(&self) -> Option<Time> {
                Self::poll_timeout(self)
            }

            fn has_transmit(&self) -> bool {
                Self::has_transmit(self)
            }

            fn has_event(&self) -> bool {
                Self::has_event(self)
            }

            fn has_room(&self) -> bool {
                Self::has_room(self)
            }

            fn wants_input(&self) -> bool {
                Self::wants_input(self)
            }

            fn wants_hang_up(&self) -> bool {
                Self::wants_hang_up(self)
            }

            fn is_open(&self) -> bool {
                Self::is_open(self)
            }

            fn is_writable(&self) -> bool {
                Self::is_writable(self)
            }

            fn is_finished(&self) -> bool {
                Self::is_finished(self)
            }

            fn transport(&self) -> Transport {
                Self::transport(self)
            }

            fn close_reason(&self) -> Option<&CloseReason> {
                Self::close_reason(self)
            }

            $($own)*
        }
    };
}

machine!(server::Session {
    fn has_payload(&self) -> bool {
        Self::has_payload(self)
    }

    fn take_tally(&mut self) -> Tally {
        Self::take_tally(self)
    }
});

machine!(client::Session {
    fn has_payload(&self) -> bool {
        false
    }

    // A client counts nothing yet.
    fn take_tally(&mut self) -> Tally {
        Tally::default()
    }
});

#[cfg(test)]
mod tests;
