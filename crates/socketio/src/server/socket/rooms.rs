//! Rooms of one socket, and broadcasts that leave it out.

use std::sync::{MutexGuard, PoisonError};

use super::Socket;
use crate::server::{Broadcast, Room, Rooms, TooManyRooms};

impl Socket {
    /// Puts the socket into rooms. Called in a middleware, it takes effect when the client is let
    /// in. Has no effect once the socket is disconnected.
    ///
    /// # Errors
    /// [`TooManyRooms`] beyond [`Config::max_rooms`](crate::server::Config::max_rooms). The
    /// socket's rooms are then unchanged.
    pub fn join(&self, rooms: impl Rooms) -> Result<(), TooManyRooms> {
        let rooms = rooms.into_rooms();
        if let Place::Before(first) = &mut *self.place() {
            let mut all = first.clone();
            for room in rooms {
                if *room != *self.id().as_str() && !all.contains(&room) {
                    all.push(room);
                }
            }
            let max = self.context().config.max_rooms;
            if all.len() > max {
                return Err(TooManyRooms { rooms: all.len(), max });
            }
            *first = all;
            return Ok(());
        }
        self.namespace().adapter(false).add(self.id(), &rooms)
    }

    /// The client was let in: the socket joins the rooms that middlewares chose.
    pub(crate) fn enter_first_rooms(&self) {
        let rooms = {
            let mut place = self.place();
            let Place::Before(first) = &mut *place else {
                // Its client has already come back on another connection.
                return;
            };
            let rooms = std::mem::take(first);
            *place = Place::In;
            rooms
        };
        if !rooms.is_empty()
            && let Err(error) = self.namespace().adapter(false).add(self.id(), &rooms)
        {
            // A recovered session has its former rooms too, so the limit can be passed only here.
            tracing::warn!(socket = %self.id(), %error, "rooms of a middleware not joined");
        }
    }

    /// Takes the socket out of rooms.
    pub fn leave(&self, rooms: impl Rooms) {
        let rooms = rooms.into_rooms();
        if let Place::Before(first) = &mut *self.place() {
            return first.retain(|room| !rooms.contains(room));
        }
        let adapter = self.namespace().adapter(false);
        rooms.iter().for_each(|room| adapter.del(self.id(), room));
    }

    /// The rooms of the socket; the room of its own id comes first. In a middleware: the rooms it
    /// will join, without that one. After it disconnected: its last rooms, until
    /// [`on_disconnecting`](crate::server::Namespace::on_disconnecting) is done.
    pub fn rooms(&self) -> Vec<Room> {
        match &*self.place() {
            Place::Before(first) => return first.clone(),
            Place::Left(rooms) => {
                let own = self.id().as_str().into();
                return std::iter::once(own).chain(rooms.iter().cloned()).collect();
            }
            Place::Gone => return Vec::new(),
            Place::In => {}
        }
        self.namespace().local_sockets().rooms_of(self.id())
    }

    /// All other sockets of the namespace.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(self.namespace().clone()).except(self.id())
    }

    /// All other sockets in these rooms.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// Same as [`Socket::to`]: the reference's `in`, which is a keyword in Rust.
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

    /// The socket left its namespace with these rooms, the room of its own id not among them.
    pub(crate) fn set_last_rooms(&self, rooms: Vec<Room>) {
        *self.place() = Place::Left(rooms);
    }

    /// Forgets the last rooms: `rooms` is empty from here on.
    pub(crate) fn forget_rooms(&self) {
        *self.place() = Place::Gone;
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.inner.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rooms for &Socket {
    fn into_rooms(self) -> Vec<Room> {
        self.id().into_rooms()
    }
}

/// Where the rooms of a socket are kept.
pub(super) enum Place {
    /// Not let in yet: the rooms that it will join.
    Before(Vec<Room>),
    /// Connected: its namespace keeps them.
    In,
    /// Disconnected, `on_disconnecting` not yet done: its last rooms, without the room of its own
    /// id.
    Left(Vec<Room>),
    /// It has none.
    Gone,
}
