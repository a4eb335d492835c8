//! What waits, in order: mostly nothing, or one.

use std::collections::VecDeque;

/// A queue that allocates from the second item on: a session whose packets come one by one keeps no
/// room beside its own.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// Before all of `rest`. Without it, those in `rest` are the next.
    first: Option<T>,
    rest: VecDeque<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { first: None, rest: VecDeque::new() }
    }
}

impl<T> Queue<T> {
    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty()
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.first.as_ref().or_else(|| self.rest.front())
    }

    pub(crate) fn push(&mut self, item: T) {
        if self.is_empty() {
            self.first = Some(item);
        } else {
            self.rest.push_back(item);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let item = self.rest.pop_front()?;
        if self.rest.is_empty() {
            // A burst's capacity is not kept for a session's whole life.
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
        // Mostly it was the only one.
        if let Some(next) = items.next() {
            self.rest.push_back(next);
            self.rest.extend(items);
        }
    }
}

/// Slots that stay allocated when the queue runs empty.
const KEEP: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

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
}
