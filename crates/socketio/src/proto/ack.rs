//! Acks that this side awaits from one socket. [spec: Acknowledgement]

use std::collections::{BTreeSet, HashMap};

use engineio::proto::Time;

use super::TooManyAcks;

/// Pending acks of one socket, each with a waiter. Ids count from 0.
///
/// ```
/// use engineio::proto::Time;
/// use socketio::proto::Acks;
/// let mut acks = Acks::new(1);
/// assert_eq!(acks.insert(None, "who asked"), Ok(0));
/// assert!(acks.insert(None, "the next").is_err());
/// assert_eq!(acks.take(0), Some("who asked"));
/// assert_eq!(acks.take(0), None);
/// ```
#[derive(Debug)]
pub struct Acks<T> {
    next_id: u64,
    max: usize,
    pending: HashMap<u64, Pending<T>>,
    /// The deadlines of those in `pending` that have one.
    deadlines: BTreeSet<(Time, u64)>,
}

#[derive(Debug)]
struct Pending<T> {
    deadline: Option<Time>,
    waiter: T,
}

impl<T> Acks<T> {
    /// None pending, and never more than `max_pending_acks`.
    pub fn new(max_pending_acks: usize) -> Self {
        let (pending, deadlines) = (HashMap::new(), BTreeSet::new());
        Self { next_id: 0, max: max_pending_acks, pending, deadlines }
    }

    /// Keeps `waiter` until its ack comes, `deadline` passes or the socket closes. Gives the id to
    /// send.
    ///
    /// # Errors
    /// [`TooManyAcks`] when `max_pending_acks` are pending; the waiter is dropped.
    pub fn insert(&mut self, deadline: Option<Time>, waiter: T) -> Result<u64, TooManyAcks> {
        let id = self.next_id;
        self.insert_as(id, deadline, waiter)?;
        Ok(id)
    }

    /// Keeps `waiter` under an id that the caller chose, such as one that many sockets share. Ids
    /// given later are higher. A waiter that already has this id is replaced.
    ///
    /// # Errors
    /// [`TooManyAcks`], as for [`Acks::insert`].
    pub fn insert_as(
        &mut self,
        id: u64,
        deadline: Option<Time>,
        waiter: T,
    ) -> Result<(), TooManyAcks> {
        if self.pending.len() >= self.max {
            return Err(TooManyAcks { pending: self.pending.len(), max: self.max });
        }
        self.take(id);
        self.next_id = self.next_id.max(id.saturating_add(1));
        self.pending.insert(id, Pending { deadline, waiter });
        self.deadlines.extend(deadline.map(|at| (at, id)));
        Ok(())
    }

    /// Takes the waiter for `id`. `None` for an id that is not pending: answered already, expired or
    /// never sent. The reference ignores such acks.
    pub fn take(&mut self, id: u64) -> Option<T> {
        let Pending { deadline, waiter } = self.pending.remove(&id)?;
        if let Some(at) = deadline {
            self.deadlines.remove(&(at, id));
        }
        Some(waiter)
    }

    /// The earliest deadline.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Takes the waiter whose deadline passed first. Call it until it gives `None`.
    pub fn expire(&mut self, now: Time) -> Option<T> {
        let (_, id) = *self.deadlines.first().filter(|(at, _)| *at <= now)?;
        self.take(id)
    }

    /// Takes all waiters, in order of their ids. For a socket that has closed.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.deadlines.clear();
        let mut pending: Vec<_> = self.pending.drain().collect();
        pending.sort_unstable_by_key(|(id, _)| *id);
        pending.into_iter().map(|(_, pending)| pending.waiter)
    }

    /// Number of pending acks.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none is pending.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn ids_count_from_zero_and_are_not_used_again() {
        let mut acks = Acks::new(2);
        assert_eq!(acks.insert(None, 'a'), Ok(0));
        assert_eq!(acks.take(0), Some('a'));
        assert_eq!(acks.insert(None, 'b'), Ok(1));
        assert_eq!(acks.take(0), None);
        assert_eq!(acks.take(1), Some('b'));
    }

    #[test]
    fn ids_from_elsewhere_are_not_given_again() {
        let mut acks = Acks::new(9);
        acks.insert_as(4, Some(at(1)), 'a').unwrap();
        assert_eq!(acks.insert(None, 'b'), Ok(5));
        acks.insert_as(4, None, 'c').unwrap();
        assert_eq!((acks.len(), acks.poll_timeout()), (2, None));
        assert_eq!(acks.take(4), Some('c'));
    }

    #[test]
    fn one_too_many_is_refused_with_both_numbers() {
        let mut acks = Acks::new(2);
        acks.insert(None, 'a').unwrap();
        acks.insert(Some(at(1)), 'b').unwrap();
        assert_eq!(acks.insert(None, 'c'), Err(TooManyAcks { pending: 2, max: 2 }));
        acks.take(0);
        assert_eq!(acks.insert(None, 'd'), Ok(2));
    }

    #[test]
    fn waiters_expire_in_the_order_of_their_deadlines() {
        let mut acks = Acks::new(9);
        acks.insert(Some(at(3)), 'c').unwrap();
        acks.insert(None, 'x').unwrap();
        acks.insert(Some(at(1)), 'a').unwrap();
        acks.insert(Some(at(2)), 'b').unwrap();
        acks.take(3);
        assert_eq!(acks.poll_timeout(), Some(at(1)));
        assert_eq!(acks.expire(at(0)), None);
        assert_eq!(acks.expire(at(3)), Some('a'));
        assert_eq!(acks.expire(at(3)), Some('c'));
        assert_eq!(acks.expire(at(3)), None);
        assert_eq!((acks.len(), acks.poll_timeout()), (1, None));
    }

    #[test]
    fn a_socket_that_goes_gives_back_every_waiter_in_order() {
        let mut acks = Acks::new(9);
        for waiter in 0..5 {
            acks.insert(Some(at(5 - waiter)), waiter).unwrap();
        }
        acks.take(2);
        assert_eq!(acks.drain().collect::<Vec<_>>(), [0, 1, 3, 4]);
        assert_eq!((acks.len(), acks.poll_timeout()), (0, None));
    }
}
