//! Which socket is in which room.

use std::collections::HashMap;

use engineio::proto::Sid;
use foldhash::fast::RandomState;
use indexmap::map::Entry;
use indexmap::{IndexMap, IndexSet};

use super::options::BroadcastOptions;
use super::room::{Room, RoomEvent, TooManyRooms};
use crate::server::Socket;

/// The sockets of one namespace on this node, and their rooms.
///
/// In the order in which the sockets came, except that a removed one is replaced by the last.
/// Sockets that came together lie near each other in memory, which makes a broadcast in this order
/// cheaper than one in random order.
#[derive(Default)]
pub(super) struct Index {
    /// A fast hash is safe here: ids are our own, so no client can choose colliding ones. Rooms may
    /// be named by clients, so they keep the default hash.
    members: IndexMap<Sid, Member, RandomState>,
    rooms: HashMap<Room, Ids>,
}

type Ids = IndexSet<Sid, RandomState>;

/// A connected socket.
pub(super) struct Member {
    pub(super) socket: Socket,
    pub(super) stays: Vec<Membership>,
    /// The head of the log when the client first connected.
    pub(super) started: u64,
    /// The last logged event that was sent to it.
    pub(super) sent: u64,
}

/// A stay in a room, in numbers of logged events: all after `from`, up to and including `until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) room: Room,
    pub(super) from: u64,
    /// `None` while the socket is in the room.
    pub(super) until: Option<u64>,
}

impl Membership {
    pub(super) fn covers(&self, room: &str, event: u64) -> bool {
        &*self.room == room && self.from < event && self.until.is_none_or(|until| event <= until)
    }
}

impl Index {
    /// Adds a socket, with the rooms it had before.
    pub(super) fn insert(&mut self, member: Member, told: &mut Vec<RoomEvent>) {
        let id = member.socket.id();
        for stay in member.stays.iter().filter(|stay| stay.until.is_none()) {
            self.enter(&stay.room, id, told);
        }
        self.members.insert(id, member);
    }

    /// Removes a socket, unless another socket has its id by now.
    pub(super) fn remove(&mut self, socket: &Socket, told: &mut Vec<RoomEvent>) -> Option<Member> {
        let id = socket.id();
        let Entry::Occupied(place) = self.members.entry(id) else { return None };
        if !place.get().socket.is(socket) {
            return None;
        }
        let member = place.swap_remove();
        for stay in member.stays.iter().filter(|stay| stay.until.is_none()) {
            self.exit(&stay.room, id, told);
        }
        Some(member)
    }

    /// Puts a socket into all of `rooms`, or into none. Does nothing for a socket that is not
    /// connected.
    pub(super) fn join(
        &mut self,
        id: Sid,
        rooms: &[Room],
        (head, max): (u64, usize),
        told: &mut Vec<RoomEvent>,
    ) -> Result<(), TooManyRooms> {
        let Some(member) = self.members.get_mut(&id) else { return Ok(()) };
        let mut new: Vec<Room> = Vec::new();
        for room in rooms {
            if **room != *id.as_str() && !member.is_in(room) && !new.contains(room) {
                new.push(room.clone());
            }
        }
        let count = member.rooms().count() + new.len();
        if count > max {
            return Err(TooManyRooms { rooms: count, max });
        }
        let stays =
            new.iter().map(|room| Membership { room: room.clone(), from: head, until: None });
        member.stays.extend(stays);
        for room in new {
            self.enter(&room, id, told);
        }
        Ok(())
    }

    /// Takes a socket out of a room. With `keep`, recovery remembers up to which logged event the
    /// socket was in it.
    pub(super) fn leave(
        &mut self,
        id: Sid,
        room: &str,
        keep: Option<(u64, usize)>,
        told: &mut Vec<RoomEvent>,
    ) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let is_open = |stay: &Membership| *stay.room == *room && stay.until.is_none();
        let Some(at) = member.stays.iter().position(is_open) else { return };
        let room = member.stays[at].room.clone();
        match keep {
            Some((head, max)) if member.stays[at].from < head => {
                member.stays[at].until = Some(head);
                let mut ended = member.stays.iter().filter(|stay| stay.until.is_some());
                // Bounded: a socket that joins and leaves again and again loses its oldest stay.
                if ended.clone().count() > max
                    && let Some(oldest) = ended.next().cloned()
                {
                    member.stays.retain(|stay| *stay != oldest);
                }
            }
            _ => drop(member.stays.swap_remove(at)),
        }
        self.exit(&room, id, told);
    }

    pub(super) fn get(&self, id: Sid) -> Option<&Member> {
        self.members.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: Sid) -> Option<&mut Member> {
        self.members.get_mut(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The sockets that `options` selects, each once.
    pub(super) fn select(&self, options: &BroadcastOptions) -> Vec<Socket> {
        let except: Ids = options.except.iter().flat_map(|room| self.members_of(room)).collect();
        let socket = |id: &Sid| self.members.get(id).map(|member| member.socket.clone());
        match &options.rooms[..] {
            [] => {
                let members = self.members.iter().filter(|(id, _)| !except.contains(*id));
                members.map(|(_, member)| member.socket.clone()).collect()
            }
            [room] => {
                let ids = self.members_of(room).filter(|id| !except.contains(id));
                ids.filter_map(|id| socket(&id)).collect()
            }
            rooms => {
                let ids: Ids = rooms.iter().flat_map(|room| self.members_of(room)).collect();
                ids.iter().filter(|id| !except.contains(*id)).filter_map(socket).collect()
            }
        }
    }

    /// The members of a room. The room of a socket's id has that socket.
    fn members_of(&self, room: &str) -> impl Iterator<Item = Sid> {
        let own = room.parse().ok().filter(|id| self.members.contains_key(id));
        self.rooms.get(room).into_iter().flatten().copied().chain(own)
    }

    /// The names of all rooms, except those of sockets' own ids.
    pub(super) fn names(&self) -> Vec<Room> {
        self.rooms.keys().cloned().collect()
    }

    fn enter(&mut self, room: &Room, id: Sid, told: &mut Vec<RoomEvent>) {
        let members = self.rooms.entry(room.clone()).or_insert_with(|| {
            told.push(RoomEvent::Created(room.clone()));
            Ids::default()
        });
        if members.insert(id) {
            told.push(RoomEvent::Joined(room.clone(), id));
        }
    }

    fn exit(&mut self, room: &Room, id: Sid, told: &mut Vec<RoomEvent>) {
        let Some(members) = self.rooms.get_mut(room) else { return };
        if members.swap_remove(&id) {
            told.push(RoomEvent::Left(room.clone(), id));
        }
        if members.is_empty() {
            self.rooms.remove(room);
            told.push(RoomEvent::Deleted(room.clone()));
        }
    }
}

impl Member {
    /// The rooms it is in, without the room of its own id.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.stays.iter().filter(|stay| stay.until.is_none()).map(|stay| &stay.room)
    }

    /// The rooms it is in; the room of its own id comes first.
    pub(super) fn all_rooms(&self) -> Vec<Room> {
        let own = self.socket.id().as_str().into();
        std::iter::once(own).chain(self.rooms().cloned()).collect()
    }

    fn is_in(&self, room: &str) -> bool {
        self.rooms().any(|name| **name == *room)
    }
}
