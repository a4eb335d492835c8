//! Rooms: names for sets of sockets, known to the server only.

use std::sync::Arc;

use engineio::proto::Sid;

/// The name of a room. Every socket is in the room of its own id.
pub type Room = Arc<str>;

/// One room or several: a name, a socket's id, or an array or `Vec` of them.
pub trait Rooms {
    /// The names.
    fn into_rooms(self) -> Vec<Room>;
}

/// A socket would be in more rooms than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rooms} rooms of one socket, the limit is {max}")]
pub struct TooManyRooms {
    /// Rooms it would be in.
    pub rooms: usize,
    /// [`Config::max_rooms`](crate::server::Config::max_rooms).
    pub max: usize,
}

/// A change of a namespace's rooms on this node, for listeners of [`Namespace::on_room`].
///
/// [`Namespace::on_room`]: crate::server::Namespace::on_room
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEvent {
    /// A room was created by its first socket.
    Created(Room),
    /// A socket joined a room.
    Joined(Room, Sid),
    /// A socket left a room.
    Left(Room, Sid),
    /// A room was deleted when its last socket left.
    Deleted(Room),
}

impl Rooms for &str {
    fn into_rooms(self) -> Vec<Room> {
        vec![self.into()]
    }
}

impl Rooms for String {
    fn into_rooms(self) -> Vec<Room> {
        vec![self.into()]
    }
}

impl Rooms for &String {
    fn into_rooms(self) -> Vec<Room> {
        self.as_str().into_rooms()
    }
}

impl Rooms for Room {
    fn into_rooms(self) -> Vec<Room> {
        vec![self]
    }
}

impl Rooms for Sid {
    fn into_rooms(self) -> Vec<Room> {
        self.as_str().into_rooms()
    }
}

impl<R: Rooms> Rooms for Vec<R> {
    fn into_rooms(self) -> Vec<Room> {
        self.into_iter().flat_map(Rooms::into_rooms).collect()
    }
}

impl<R: Rooms, const N: usize> Rooms for [R; N] {
    fn into_rooms(self) -> Vec<Room> {
        self.into_iter().flat_map(Rooms::into_rooms).collect()
    }
}

impl<R: Rooms + Clone> Rooms for &[R] {
    fn into_rooms(self) -> Vec<Room> {
        self.iter().cloned().flat_map(Rooms::into_rooms).collect()
    }
}
