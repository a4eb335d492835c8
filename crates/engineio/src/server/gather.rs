//! What waits to be written to one connection: small pieces copied together, large ones shared.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};

/// Bytes to be written, in order: few are copied together, many are shared.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// What was copied, whole.
    copied: Vec<u8>,
    /// How much of `copied` is written.
    done: usize,
    /// What is shared, each with the end of what was copied before it.
    shared: VecDeque<(usize, Bytes)>,
    /// Bytes that wait.
    pub(super) len: usize,
    /// The connection takes several pieces at once.
    shares: bool,
}

impl Gather {
    /// For a connection that takes several pieces at once, or not.
    pub(super) fn new(shares: bool) -> Self {
        Self { shares, ..Self::default() }
    }

    /// What waits, if that is one piece.
    pub(super) fn one(&self) -> Option<&[u8]> {
        self.shared.is_empty().then(|| &self.copied[self.done..])
    }

    /// Whether three pieces are all there is.
    pub(super) fn is_few(&self) -> bool {
        self.shared.len() <= 1
    }

    /// Takes the thread's memory, if nothing waits yet.
    fn begin(&mut self) {
        if self.len == 0
            && let Some((copied, shared)) = SPARE.take()
        {
            (self.copied, self.shared) = (copied, shared);
        }
    }

    /// An idle connection keeps nothing; the thread has what the next one needs.
    fn end(&mut self) {
        let (mut copied, mut shared) =
            (std::mem::take(&mut self.copied), std::mem::take(&mut self.shared));
        (self.done, self.len) = (0, 0);
        copied.clear();
        shared.clear();
        if copied.capacity() <= SPARED && shared.capacity() <= SLICES {
            SPARE.set(Some((copied, shared)));
        }
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.begin();
        self.copied.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    pub(super) fn share(&mut self, bytes: Bytes) {
        let is_little = self.shared.is_empty() && self.len + bytes.len() <= JOINED;
        if bytes.len() < COPIED || is_little || !self.shares {
            return self.copy(&bytes);
        }
        self.begin();
        self.len += bytes.len();
        self.shared.push_back((self.copied.len(), bytes));
    }

    /// The first pieces, as many as there is room for; how many.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let (mut at, mut count) = (self.done, 0);
        for (end, bytes) in &self.shared {
            if count + 2 > slices.len() {
                return count;
            }
            if at < *end {
                slices[count] = IoSlice::new(&self.copied[at..*end]);
                count += 1;
                at = *end;
            }
            slices[count] = IoSlice::new(bytes);
            count += 1;
        }
        if at < self.copied.len() && count < slices.len() {
            slices[count] = IoSlice::new(&self.copied[at..]);
            count += 1;
        }
        count
    }

    pub(super) fn advance(&mut self, mut written: usize) {
        if written == self.len {
            return self.end();
        }
        self.len -= written;
        while written > 0 {
            let end = self.shared.front().map_or(self.copied.len(), |(end, _)| *end);
            let copied = written.min(end - self.done);
            self.done += copied;
            written -= copied;
            if let Some((end, bytes)) = self.shared.front_mut()
                && self.done == *end
            {
                let shared = written.min(bytes.len());
                bytes.advance(shared);
                written -= shared;
                if bytes.is_empty() {
                    self.shared.pop_front();
                }
            }
        }
    }
}

thread_local! {
    /// Memory for what one connection at a time has to write.
    static SPARE: Cell<Option<Queue>> = const { Cell::new(None) };
}

/// What is copied and what is shared of a [`Gather`].
type Queue = (Vec<u8>, VecDeque<(usize, Bytes)>);

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
            prop_assert_eq!(gather.copied.capacity() + gather.shared.capacity(), 0);
        }
    }
}
