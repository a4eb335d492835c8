//! What waits to be written to one connection: small pieces copied together, large ones shared.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};

/// Bytes to be written, in order: few are copied together, many are shared.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// What waits. An idle connection has none: the thread keeps one for whoever writes next.
    queue: Option<Box<Queue>>,
    /// How much of what was copied is written.
    done: usize,
    /// Bytes that wait.
    pub(super) len: usize,
    /// The connection takes several pieces at once.
    shares: bool,
}

#[derive(Debug, Default)]
struct Queue {
    /// What was copied, whole.
    copied: Vec<u8>,
    /// What is shared, each with the end of what was copied before it.
    shared: VecDeque<(usize, Bytes)>,
}

impl Gather {
    /// For a connection that takes several pieces at once, or not.
    pub(super) fn new(shares: bool) -> Self {
        Self { shares, ..Self::default() }
    }

    /// What waits, if that is one piece.
    pub(super) fn one(&self) -> Option<&[u8]> {
        let queue = self.queue.as_deref()?;
        queue.shared.is_empty().then(|| &queue.copied[self.done..])
    }

    /// Whether three pieces are all there is.
    pub(super) fn is_few(&self) -> bool {
        self.queue.as_deref().is_none_or(|queue| queue.shared.len() <= 1)
    }

    fn queue(&mut self) -> &mut Queue {
        self.queue.get_or_insert_with(|| SPARE.take().unwrap_or_default())
    }

    /// Gives the queue to the thread, unless a burst made it large.
    fn end(&mut self) {
        (self.done, self.len) = (0, 0);
        let Some(mut queue) = self.queue.take() else { return };
        queue.copied.clear();
        queue.shared.clear();
        if queue.copied.capacity() <= SPARED && queue.shared.capacity() <= SLICES {
            SPARE.set(Some(queue));
        }
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.queue().copied.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    pub(super) fn share(&mut self, bytes: Bytes) {
        let (len, shares, waiting) = (bytes.len(), self.shares, self.len);
        let queue = self.queue();
        let is_little = queue.shared.is_empty() && waiting + len <= JOINED;
        if len < COPIED || is_little || !shares {
            queue.copied.extend_from_slice(&bytes);
        } else {
            queue.shared.push_back((queue.copied.len(), bytes));
        }
        self.len += len;
    }

    /// The first pieces, as many as there is room for; how many.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(Queue { copied, shared }) = self.queue.as_deref() else { return 0 };
        let (mut at, mut count) = (self.done, 0);
        for (end, bytes) in shared {
            if count + 2 > slices.len() {
                return count;
            }
            if at < *end {
                slices[count] = IoSlice::new(&copied[at..*end]);
                count += 1;
                at = *end;
            }
            slices[count] = IoSlice::new(bytes);
            count += 1;
        }
        if at < copied.len() && count < slices.len() {
            slices[count] = IoSlice::new(&copied[at..]);
            count += 1;
        }
        count
    }

    pub(super) fn advance(&mut self, mut written: usize) {
        if written == self.len {
            return self.end();
        }
        self.len -= written;
        let Some(Queue { copied, shared }) = self.queue.as_deref_mut() else { return };
        while written > 0 {
            let end = shared.front().map_or(copied.len(), |(end, _)| *end);
            let part = written.min(end - self.done);
            self.done += part;
            written -= part;
            if let Some((end, bytes)) = shared.front_mut()
                && self.done == *end
            {
                let part = written.min(bytes.len());
                bytes.advance(part);
                written -= part;
                if bytes.is_empty() {
                    shared.pop_front();
                }
            }
        }
    }
}

thread_local! {
    /// Memory for what one connection at a time has to write.
    static SPARE: Cell<Option<Box<Queue>>> = const { Cell::new(None) };
}

/// Fewer bytes than this are copied: cheaper than a piece of their own.
const COPIED: usize = 512;
/// So many bytes that wait in all cost the system less in one piece than in several.
const JOINED: usize = 4 << 10;
/// Most bytes that a thread keeps for what is copied.
const SPARED: usize = 64 << 10;
/// Most pieces of one write.
pub(super) const SLICES: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is left of a queue, by its pieces.
    fn front(gather: &Gather) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = gather.slices(&mut slices);
        slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    proptest! {
        #[test]
        fn what_is_gathered_leaves_in_order_however_it_is_cut(
            pieces in prop::collection::vec((0..3 * COPIED, any::<bool>()), 0..100),
            cuts in prop::collection::vec(1..4 * COPIED, 1..50),
            shares in any::<bool>(),
        ) {
            let mut gather = Gather { shares, ..Gather::default() };
            let mut expected = Vec::new();
            for (number, (len, share)) in pieces.into_iter().enumerate() {
                let piece: Vec<u8> = (0..len).map(|at| (at + number) as u8).collect();
                expected.extend_from_slice(&piece);
                if share { gather.share(piece.into()) } else { gather.copy(&piece) }
            }
            let (mut written, mut cuts) = (0, cuts.into_iter().cycle());
            while gather.len > 0 {
                prop_assert_eq!(gather.len, expected.len() - written);
                let front = front(&gather);
                prop_assert!(!front.is_empty() && expected[written..].starts_with(&front));
                let cut = front.len().min(cuts.next().unwrap());
                gather.advance(cut);
                written += cut;
            }
            prop_assert_eq!(written, expected.len());
            prop_assert!(gather.queue.is_none());
        }
    }
}
