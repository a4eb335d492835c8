//! What waits to be written to one connection. Small pieces are copied together, large ones shared.
//!
//! A small piece of its own costs the system more than its copy, a large one less. The queue itself is
//! lent by the thread while something waits, like the buffer that reads: an idle connection owns none.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};

/// Bytes to be written, in order.
#[derive(Debug, Default)]
pub(super) struct WriteQueue {
    /// What waits. An idle connection has none; the thread keeps one for the next that writes.
    pieces: Option<Box<Pieces>>,
    /// How much of what was copied is written.
    done: usize,
    /// Bytes that wait.
    pub(super) len: usize,
    /// The connection takes several pieces in one write.
    shares: bool,
}

#[derive(Debug, Default)]
struct Pieces {
    /// What was copied, whole.
    copied: Vec<u8>,
    /// What is shared. Each piece stands after the bytes of `copied` up to its number, so that copied and
    /// shared pieces keep their order without a list of both.
    shared: VecDeque<(usize, Bytes)>,
}

impl WriteQueue {
    /// For a connection that takes several pieces in one write, or does not.
    pub(super) fn new(shares: bool) -> Self {
        Self { shares, ..Self::default() }
    }

    /// What waits, if that is one piece.
    pub(super) fn one(&self) -> Option<&[u8]> {
        let pieces = self.pieces.as_deref()?;
        pieces.shared.is_empty().then(|| &pieces.copied[self.done..])
    }

    /// Whether three pieces are all there is.
    pub(super) fn is_few(&self) -> bool {
        self.pieces.as_deref().is_none_or(|pieces| pieces.shared.len() <= 1)
    }

    fn pieces(&mut self) -> &mut Pieces {
        self.pieces.get_or_insert_with(|| SPARE.take().unwrap_or_default())
    }

    /// Gives the pieces to the thread, unless a burst made them large.
    fn end(&mut self) {
        (self.done, self.len) = (0, 0);
        let Some(mut pieces) = self.pieces.take() else { return };
        pieces.copied.clear();
        pieces.shared.clear();
        if pieces.copied.capacity() <= SPARED && pieces.shared.capacity() <= SLICES {
            SPARE.set(Some(pieces));
        }
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.pieces().copied.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    pub(super) fn share(&mut self, bytes: Bytes) {
        let (len, shares, waiting) = (bytes.len(), self.shares, self.len);
        let pieces = self.pieces();
        let is_little = pieces.shared.is_empty() && waiting + len <= JOINED;
        if len < COPIED || is_little || !shares {
            pieces.copied.extend_from_slice(&bytes);
        } else {
            pieces.shared.push_back((pieces.copied.len(), bytes));
        }
        self.len += len;
    }

    /// The first pieces, as many as there is room for; how many.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(Pieces { copied, shared }) = self.pieces.as_deref() else { return 0 };
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
        let Some(Pieces { copied, shared }) = self.pieces.as_deref_mut() else { return };
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
    static SPARE: Cell<Option<Box<Pieces>>> = const { Cell::new(None) };
}

/// Fewer bytes than this are copied: cheaper than a piece of their own.
const COPIED: usize = 512;
/// Up to so many bytes in all, one piece costs the system less than several.
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
    fn front(out: &WriteQueue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = out.slices(&mut slices);
        slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    proptest! {
        #[test]
        fn what_waits_leaves_in_order_however_it_is_cut(
            pieces in prop::collection::vec((0..3 * COPIED, any::<bool>()), 0..100),
            cuts in prop::collection::vec(1..4 * COPIED, 1..50),
            shares in any::<bool>(),
        ) {
            let mut out = WriteQueue { shares, ..WriteQueue::default() };
            let mut expected = Vec::new();
            for (number, (len, share)) in pieces.into_iter().enumerate() {
                let piece: Vec<u8> = (0..len).map(|at| (at + number) as u8).collect();
                expected.extend_from_slice(&piece);
                if share { out.share(piece.into()) } else { out.copy(&piece) }
            }
            let (mut written, mut cuts) = (0, cuts.into_iter().cycle());
            while out.len > 0 {
                prop_assert_eq!(out.len, expected.len() - written);
                let front = front(&out);
                prop_assert!(!front.is_empty() && expected[written..].starts_with(&front));
                let cut = front.len().min(cuts.next().unwrap());
                out.advance(cut);
                written += cut;
            }
            prop_assert_eq!(written, expected.len());
            prop_assert!(out.pieces.is_none());
        }
    }
}
