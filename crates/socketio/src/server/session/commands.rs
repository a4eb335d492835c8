//! What other tasks asked of a connection.

use super::Session;
use super::lane::Joined;
use crate::server::socket::mailbox::Command;
use crate::server::{DisconnectReason, Socket};

impl Session {
    pub(super) fn commands(&mut self) {
        if !self.mailbox.has_some() {
            return;
        }
        for command in self.mailbox.take() {
            match command {
                Command::Spawn(socket, task) => {
                    if let Some(joined) = self.joined(&socket)
                        && socket.is_connected()
                    {
                        joined.spawn(task);
                    }
                }
                Command::Disconnect(socket, reason) => self.disconnect(&socket, reason),
                Command::Close => {
                    let sockets = self.sockets.iter().filter(|joined| joined.is_in());
                    let sockets: Vec<_> = sockets.map(|joined| joined.socket.clone()).collect();
                    for socket in sockets {
                        self.disconnect(&socket, DisconnectReason::Server);
                    }
                    self.engine.close();
                }
                Command::TakenOver(socket) => {
                    if let Some(joined) = self.joined(&socket)
                        && joined.is_in()
                    {
                        joined.leave(DisconnectReason::TakenOver);
                    }
                    self.engine.close();
                }
            }
        }
    }

    fn joined(&mut self, socket: &Socket) -> Option<&mut Joined> {
        self.sockets.iter_mut().find(|joined| joined.socket.is(socket))
    }

    fn disconnect(&mut self, socket: &Socket, reason: DisconnectReason) {
        let answer = self.connection.disconnect(socket.namespace_name());
        let Some(joined) = self.joined(socket).filter(|joined| joined.is_in()) else { return };
        // What the client sent before it knew is dropped, as in the reference.
        joined.forget_events();
        // At a shutdown the client has been told.
        let is_told = reason == DisconnectReason::ShuttingDown;
        joined.leave(reason);
        self.send(answer.filter(|_| !is_told));
    }
}
