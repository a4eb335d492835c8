//! The two bounded queues of a session: messages that wait to be sent, and events that the
//! application has not taken.

use std::collections::VecDeque;

use super::{Event, Limits, Messages, Outgoing};
use crate::proto::Message;

/// The outbox has no room. Nothing was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "outbox full: {waiting_bytes} bytes in {waiting} packets wait, {bytes} more in {packets} \
     packets do not fit into {max_bytes} bytes and {max} packets"
)]
pub struct Full {
    /// Packets that wait.
    pub waiting: usize,
    /// Bytes that wait.
    pub waiting_bytes: usize,
    /// Packets that were to be added.
    pub packets: usize,
    /// Bytes that were to be added.
    pub bytes: usize,
    /// Most packets.
    pub max: usize,
    /// Most bytes.
    pub max_bytes: usize,
}

/// Messages that were not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The peer does not read as fast as this side writes.
    #[error(transparent)]
    Full(#[from] Full),
    /// The session is over.
    #[error("the session is closed")]
    Closed,
}

/// Messages in sending order, bounded by bytes and by count.
#[derive(Debug)]
pub(super) struct Outbox {
    /// Each with whether it may be compressed.
    queue: Queue<(Message, bool)>,
    bytes: usize,
    max: usize,
    max_bytes: usize,
    /// Packets and bytes of the last refusal, until something is queued again.
    refused: (usize, usize),
}

impl Outbox {
    pub(super) fn new(limits: &Limits) -> Self {
        let Limits { outbox_packets: max, outbox_bytes: max_bytes, .. } = *limits;
        Self { queue: Queue::default(), bytes: 0, max, max_bytes, refused: (0, 0) }
    }

    /// Queues all messages or none. Messages that are larger than the whole outbox still pass when
    /// nothing waits: they would be refused for ever otherwise.
    pub(super) fn push(&mut self, outgoing: Outgoing<'_>) -> Result<(), Full> {
        let Outgoing { messages, compress } = outgoing;
        match messages {
            Messages::One(message) => {
                self.take_room(1, message.len())?;
                self.queue.push((message, compress));
            }
            Messages::Owned(messages) => {
                self.take_room(messages.len(), bytes(&messages))?;
                self.queue.extend(messages.into_iter().map(|message| (message, compress)));
            }
            Messages::Borrowed(messages) => {
                self.take_room(messages.len(), bytes(messages))?;
                self.queue.extend(messages.iter().map(|message| (message.clone(), compress)));
            }
        }
        Ok(())
    }

    fn take_room(&mut self, packets: usize, bytes: usize) -> Result<(), Full> {
        if !self.fits(packets, bytes) {
            self.refused = (packets, bytes);
            return Err(Full {
                waiting: self.queue.len(),
                waiting_bytes: self.bytes,
                packets,
                bytes,
                max: self.max,
                max_bytes: self.max_bytes,
            });
        }
        self.bytes += bytes;
        self.refused = (0, 0);
        Ok(())
    }

    /// Queues messages from the first on while there is room, and drops the rest. Returns how many
    /// were queued.
    pub(super) fn push_some(&mut self, messages: Vec<Message>) -> usize {
        let mut queued = 0;
        for message in messages {
            if !self.fits(1, message.len()) {
                self.refused = (1, message.len());
                return queued;
            }
            self.bytes += message.len();
            self.queue.push((message, true));
            queued += 1;
        }
        self.refused = (0, 0);
        queued
    }

    /// The next message, and whether it may be compressed.
    pub(super) fn pop(&mut self) -> Option<(Message, bool)> {
        let (message, compress) = self.queue.pop()?;
        self.bytes -= message.len();
        Some((message, compress))
    }

    pub(super) fn front(&self) -> Option<&Message> {
        self.queue.front().map(|(message, _)| message)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether at most half of the room is taken and what was refused last would fit now. Whoever
    /// waits for room is woken at this moment, not at each message that leaves.
    pub(super) fn has_room(&self) -> bool {
        let (packets, bytes) = self.refused;
        let is_half_empty = self.queue.len() <= self.max / 2 && self.bytes <= self.max_bytes / 2;
        is_half_empty && self.fits(packets, bytes)
    }

    pub(super) fn clear(&mut self) {
        self.queue = Queue::default();
        self.bytes = 0;
    }

    fn fits(&self, packets: usize, bytes: usize) -> bool {
        self.queue.is_empty()
            || (self.queue.len() + packets <= self.max && self.bytes + bytes <= self.max_bytes)
    }
}

fn bytes(messages: &[Message]) -> usize {
    messages.iter().map(Message::len).sum()
}

/// Events the application has not taken.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    queue: Queue<Event>,
    bytes: usize,
}

impl Inbox {
    pub(super) fn push(&mut self, event: Event) {
        if let Event::Message(message) = &event {
            self.bytes += message.len();
        }
        self.queue.push(event);
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        // The length is read before the event is moved: read after the move, the compiler copies
        // the event field by field, which costs more than the whole queue.
        if let Some(Event::Message(message)) = self.queue.front() {
            self.bytes -= message.len();
        }
        self.queue.pop()
    }

    /// The next event, if it is a message.
    pub(super) fn pop_message(&mut self) -> Option<Message> {
        match self.queue.front() {
            Some(Event::Message(_)) => match self.pop() {
                Some(Event::Message(message)) => Some(message),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether more may be read from the peer.
    pub(super) fn wants_input(&self, limits: &Limits) -> bool {
        self.bytes < limits.inbox_bytes && self.queue.len() < limits.inbox_packets
    }
}

/// A queue that allocates from the second item on. Most queues hold nothing or one item, so a
/// session whose packets come one by one allocates nothing for them.
#[derive(Debug)]
struct Queue<T> {
    /// Goes before all of `rest`. When it is `None`, the front of `rest` is next.
    first: Option<T>,
    rest: VecDeque<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { first: None, rest: VecDeque::new() }
    }
}

impl<T> Queue<T> {
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty()
    }

    fn front(&self) -> Option<&T> {
        self.first.as_ref().or_else(|| self.rest.front())
    }

    fn push(&mut self, item: T) {
        if self.is_empty() {
            self.first = Some(item);
        } else {
            self.rest.push_back(item);
        }
    }

    fn pop(&mut self) -> Option<T> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let item = self.rest.pop_front()?;
        if self.rest.is_empty() {
            // Give the capacity of a burst back: a session may live for days after it.
            self.rest.shrink_to(KEEP);
        }
        Some(item)
    }
}

impl<T> Extend<T> for Queue<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        let mut items = items.into_iter();
        if self.is_empty() {
            self.first = items.next();
        }
        // Usually there is only one.
        if let Some(next) = items.next() {
            self.rest.push_back(next);
            self.rest.extend(items);
        }
    }
}

/// Slots that stay allocated when a queue runs empty.
const KEEP: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(max: usize, max_bytes: usize) -> Outbox {
        let limits = Limits { outbox_packets: max, outbox_bytes: max_bytes, ..Limits::default() };
        Outbox::new(&limits)
    }

    fn some(texts: &[&str]) -> Vec<Message> {
        texts.iter().copied().map(Message::from).collect()
    }

    #[test]
    fn items_leave_in_the_order_they_came_however_they_did() {
        let mut queue = Queue::default();
        // How many are pushed, how many added at once, how many taken.
        let turns = [
            (1, 0, 1),
            (0, 3, 1),
            (2, 0, 2),
            (0, 2, 4),
            (0, 0, 1),
            (3, 3, 2),
            (0, 99, 9),
            (1, 1, 99),
        ];
        let (mut pushed, mut popped) = (0, 0);
        for (push, add, pop) in turns {
            (pushed..pushed + push).for_each(|item| queue.push(item));
            queue.extend(pushed + push..pushed + push + add);
            pushed += push + add;
            for _ in 0..pop {
                assert_eq!(queue.front().copied(), (popped < pushed).then_some(popped));
                assert_eq!(queue.pop(), (popped < pushed).then_some(popped));
                popped = pushed.min(popped + 1);
                assert_eq!((queue.len(), queue.is_empty()), (pushed - popped, pushed == popped));
            }
        }
        assert_eq!(pushed, popped);
    }

    #[test]
    fn one_item_takes_no_room_and_a_burst_gives_its_room_back() {
        let mut queue = Queue::default();
        for _ in 0..9 {
            queue.push(1);
            queue.pop();
        }
        assert_eq!(queue.rest.capacity(), 0);
        queue.extend(0..1000);
        while queue.pop().is_some() {}
        assert!(queue.rest.capacity() <= KEEP, "{}", queue.rest.capacity());
    }

    #[test]
    fn all_or_nothing_and_both_numbers() {
        let mut outbox = outbox(3, 10);
        outbox.push((&some(&["aaaa", "bbbb"])[..]).into()).unwrap();
        let full = outbox.push(Message::from("ccc").into()).unwrap_err();
        assert_eq!((full.waiting_bytes, full.bytes, full.max_bytes), (8, 3, 10));
        assert!(outbox.push(some(&["", ""]).into()).is_err());
        assert!(outbox.push(Message::from("cc").into()).is_ok());
        assert_eq!(outbox.pop(), Some((Message::from("aaaa"), true)));
        assert!(!outbox.has_room());
        outbox.pop();
        assert!(outbox.has_room());
    }

    #[test]
    fn there_is_room_again_when_what_was_refused_fits() {
        let mut outbox = outbox(9, 10);
        outbox.push(some(&["aa", "bb"]).into()).unwrap();
        let large = Message::from("ccccccc");
        assert!(outbox.has_room() && outbox.push(large.clone().into()).is_err());
        // Half empty, and yet a second try would be refused too.
        assert!(!outbox.has_room());
        outbox.pop();
        assert!(outbox.has_room() && outbox.push(large.into()).is_ok());
        let huge = Message::from("ddddddddddd");
        assert_eq!(outbox.push_some(vec![huge.clone()]), 0);
        outbox.pop();
        assert!(!outbox.has_room(), "one that is larger than the outbox waits until it is empty");
        outbox.pop();
        assert!(outbox.has_room() && outbox.push_some(vec![huge]) == 1);
    }

    #[test]
    fn of_several_as_many_are_queued_as_there_is_room_for() {
        let mut outbox = outbox(3, 10);
        assert_eq!(outbox.push_some(some(&["aaaa", "bbbb", "cccc", "d"])), 2);
        assert_eq!(outbox.push_some(some(&["c", "d"])), 1);
        let left: Vec<_> =
            std::iter::from_fn(|| outbox.pop()).map(|(message, _)| message).collect();
        assert_eq!(left, some(&["aaaa", "bbbb", "c"]));
        assert_eq!(outbox.push_some(Vec::new()), 0);
    }

    #[test]
    fn a_message_larger_than_the_outbox_passes_when_it_is_empty() {
        let mut outbox = outbox(1, 1);
        assert!(outbox.push(Message::from("large").into()).is_ok());
        assert!(outbox.push(Message::from("").into()).is_err());
        outbox.clear();
        assert!(outbox.is_empty() && outbox.has_room());
    }
}
