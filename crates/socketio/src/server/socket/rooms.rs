//! Rooms of one socket, and broadcasts that leave it out.

use std::sync::{MutexGuard, PoisonError};

use super::Socket;
use crate::server::{Broadcast, Room, Rooms, TooManyRooms};

impl Socket {
    /// Puts the socket into rooms. In a middleware, as soon as the client is in. Without effect when
    /// it is not connected any more.
    ///
    /// # Errors
    /// [`TooManyRooms`] beyond [`Config::max_rooms`](crate::server::Config::max_rooms); it is then
    /// in none of them more than before.
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

    /// The client is in: it enters the rooms that middlewares have put it into.
    pub(crate) fn enter_first_rooms(&self) {
        let rooms = {
            let mut place = self.place();
            let Place::Before(first) = &mut *place else {
                // Its client has come back by another connection already.
                return;
            };
            let rooms = std::mem::take(first);
            *place = Place::In;
            rooms
        };
        if !rooms.is_empty()
            && let Err(error) = self.namespace().adapter(false).add(self.id(), &rooms)
        {
            // One that recovers has those that it had before, too.
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

    /// The rooms the socket is in, that of its own id first; in a middleware, those that it will be
    /// in besides that one. Once it is gone, those it was in,
    /// until [`on_disconnecting`](crate::server::Namespace::on_disconnecting) is done.
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

    /// It is out; these were its rooms, without that of its own id.
    pub(crate) fn set_last_rooms(&self, rooms: Vec<Room>) {
        *self.place() = Place::Left(rooms);
    }

    /// Nobody is to be told any more that it was in rooms.
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

/// Where the rooms of a socket stand.
pub(super) enum Place {
    /// Here until it is in: those that it will be put into.
    Before(Vec<Room>),
    /// With its namespace.
    In,
    /// Here until its end was told: those it was in, without that of its own id.
    Left(Vec<Room>),
    /// It has none any more.
    Gone,
}
