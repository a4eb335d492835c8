//! The outbox: messages waiting to be sent, bounded by bytes and by count.

use super::Message;
use super::queue::Queue;

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

/// Messages in sending order.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Each with whether it may be compressed.
    queue: Queue<(Message, bool)>,
    bytes: usize,
    max: usize,
    max_bytes: usize,
    /// Packets and bytes that were refused since something was last queued.
    refused: (usize, usize),
}

impl Outbox {
    pub(crate) fn new(max: usize, max_bytes: usize) -> Self {
        Self { queue: Queue::default(), bytes: 0, max, max_bytes, refused: (0, 0) }
    }

    /// Queues all of `messages` or none. What is larger than the whole outbox still passes when
    /// nothing waits: refusing it for ever would help nobody.
    pub(crate) fn push<'a, I>(&mut self, messages: I) -> Result<(), Full>
    where
        I: IntoIterator<Item = &'a Message>,
        I::IntoIter: Clone,
    {
        self.push_with(messages, true)
    }

    /// As [`Outbox::push`], saying whether the messages may be compressed.
    pub(crate) fn push_with<'a, I>(&mut self, messages: I, compress: bool) -> Result<(), Full>
    where
        I: IntoIterator<Item = &'a Message>,
        I::IntoIter: Clone,
    {
        let messages = messages.into_iter();
        let (packets, bytes) =
            messages.clone().fold((0, 0), |(n, bytes), m| (n + 1, bytes + m.len()));
        self.take_room(packets, bytes)?;
        self.queue.extend(messages.map(|message| (message.clone(), compress)));
        Ok(())
    }

    /// As [`Outbox::push`], of messages that are given away: their bytes stay unshared.
    pub(crate) fn push_owned(&mut self, messages: Vec<Message>) -> Result<(), Full> {
        self.take_room(messages.len(), messages.iter().map(Message::len).sum())?;
        self.queue.extend(messages.into_iter().map(|message| (message, true)));
        Ok(())
    }

    /// As [`Outbox::push_owned`], of one.
    pub(crate) fn push_one(&mut self, message: Message) -> Result<(), Full> {
        self.take_room(1, message.len())?;
        self.queue.push((message, true));
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

    /// Queues messages from the first on while there is room, and drops the rest. How many it
    /// queued.
    pub(crate) fn push_some(&mut self, messages: Vec<Message>) -> usize {
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

    pub(crate) fn pop(&mut self) -> Option<Message> {
        self.pop_with().map(|(message, _)| message)
    }

    /// The next message, and whether it may be compressed.
    pub(crate) fn pop_with(&mut self) -> Option<(Message, bool)> {
        let (message, compress) = self.queue.pop()?;
        self.bytes -= message.len();
        Some((message, compress))
    }

    pub(crate) fn front(&self) -> Option<&Message> {
        self.queue.front().map(|(message, _)| message)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether at most half of the room is taken, and what was refused would not be again: the
    /// moment to wake who waits for room.
    pub(crate) fn has_room(&self) -> bool {
        let (packets, bytes) = self.refused;
        let is_half_empty = self.queue.len() <= self.max / 2 && self.bytes <= self.max_bytes / 2;
        is_half_empty && self.fits(packets, bytes)
    }

    pub(crate) fn clear(&mut self) {
        self.queue = Queue::default();
        self.bytes = 0;
    }

    fn fits(&self, packets: usize, bytes: usize) -> bool {
        self.queue.is_empty()
            || (self.queue.len() + packets <= self.max && self.bytes + bytes <= self.max_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_or_nothing_and_both_numbers() {
        let mut outbox = Outbox::new(3, 10);
        outbox.push(&[Message::from("aaaa"), Message::from("bbbb")]).unwrap();
        let full = outbox.push(&[Message::from("ccc")]).unwrap_err();
        assert_eq!((full.waiting_bytes, full.bytes, full.max_bytes), (8, 3, 10));
        assert!(outbox.push(&[Message::from(""), Message::from("")]).is_err());
        assert!(outbox.push(&[Message::from("cc")]).is_ok());
        assert_eq!(outbox.pop(), Some(Message::from("aaaa")));
        assert!(!outbox.has_room());
        outbox.pop();
        assert!(outbox.has_room());
    }

    #[test]
    fn there_is_room_again_when_what_was_refused_fits() {
        let mut outbox = Outbox::new(9, 10);
        outbox.push(&[Message::from("aa"), Message::from("bb")]).unwrap();
        let large = Message::from("ccccccc");
        assert!(outbox.has_room() && outbox.push(std::slice::from_ref(&large)).is_err());
        // Half empty, and yet a second try would be refused too.
        assert!(!outbox.has_room());
        outbox.pop();
        assert!(outbox.has_room() && outbox.push(&[large]).is_ok());
        let huge = Message::from("ddddddddddd");
        assert_eq!(outbox.push_some(vec![huge.clone()]), 0);
        outbox.pop();
        assert!(!outbox.has_room(), "one that is larger than the outbox waits until it is empty");
        outbox.pop();
        assert!(outbox.has_room() && outbox.push_some(vec![huge]) == 1);
    }

    #[test]
    fn of_several_as_many_are_queued_as_there_is_room_for() {
        let mut outbox = Outbox::new(3, 10);
        let some = |texts: &[&str]| texts.iter().copied().map(Message::from).collect::<Vec<_>>();
        assert_eq!(outbox.push_some(some(&["aaaa", "bbbb", "cccc", "d"])), 2);
        assert_eq!(outbox.push_some(some(&["c", "d"])), 1);
        let left: Vec<_> = std::iter::from_fn(|| outbox.pop()).collect();
        assert_eq!(left, some(&["aaaa", "bbbb", "c"]));
        assert_eq!(outbox.push_some(Vec::new()), 0);
    }

    #[test]
    fn a_message_larger_than_the_outbox_passes_when_it_is_empty() {
        let mut outbox = Outbox::new(1, 1);
        assert!(outbox.push(&[Message::from("large")]).is_ok());
        assert!(outbox.push(&[Message::from("")]).is_err());
        outbox.clear();
        assert!(outbox.is_empty() && outbox.has_room());
    }
}
