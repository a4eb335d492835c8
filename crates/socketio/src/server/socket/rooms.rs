//! Rooms of one socket, and broadcasts that leave it out.

use std::sync::PoisonError;

use super::Socket;
use crate::server::{Broadcast, Room, Rooms, TooManyRooms};

impl Socket {
    /// Puts the socket into rooms. Without effect when it is not connected.
    ///
    /// # Errors
    /// [`TooManyRooms`] beyond [`Config::max_rooms`](crate::server::Config::max_rooms); it is then
    /// in none of them more than before.
    pub fn join(&self, rooms: impl Rooms) -> Result<(), TooManyRooms> {
        self.namespace().adapter(false).add(self.id(), &rooms.into_rooms())
    }

    /// Takes the socket out of rooms.
    pub fn leave(&self, rooms: impl Rooms) {
        let adapter = self.namespace().adapter(false);
        rooms.into_rooms().iter().for_each(|room| adapter.del(self.id(), room));
    }

    /// The rooms the socket is in, that of its own id first. Once it is gone, those it was in,
    /// until [`on_disconnecting`](crate::server::Namespace::on_disconnecting) is done.
    pub fn rooms(&self) -> Vec<Room> {
        let last = self.inner.last_rooms.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(rooms) => rooms.clone(),
            None => self.namespace().node().rooms_of(self.id()),
        }
    }

    /// All other sockets of the namespace.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(self.namespace().clone()).except(self.id())
    }

    /// All other sockets in these rooms.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// As [`Socket::to`]; the reference's `in`, which is a keyword here.
    pub fn within(&self, rooms: impl Rooms) -> Broadcast {
        self.to(rooms)
    }

    /// All other sockets that are in none of these rooms.
    pub fn except(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    /// All other sockets of this node.
    pub fn local(&self) -> Broadcast {
        self.broadcast().local()
    }

    pub(crate) fn set_last_rooms(&self, rooms: Vec<Room>) {
        *self.inner.last_rooms.lock().unwrap_or_else(PoisonError::into_inner) = Some(rooms);
    }
}
