//! Entropy for session ids. Each thread asks the system for several ids at once.

use std::cell::RefCell;
use std::io;

use crate::proto::Sid;

/// A new id from the system's entropy. A thread asks the system once for several ids.
///
/// # Errors
/// The system's error when it gives no random bytes.
pub fn random_sid() -> io::Result<Sid> {
    let fill = |bytes: &mut [u8]| Ok(getrandom::fill(bytes)?);
    let entropy = POOL.with_borrow_mut(|pool| pool.next_or(fill))?;
    Ok(Sid::from_entropy(entropy))
}

thread_local! {
    // A forked process would have a copy of this pool and make the same ids as its parent. A tokio
    // runtime does not survive a fork, so no server does this.
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::EMPTY) };
}

/// Random bytes, each of them given once.
struct Pool {
    bytes: [[u8; Sid::ENTROPY]; IDS],
    left: usize,
}

impl Pool {
    const EMPTY: Self = Self { bytes: [[0; Sid::ENTROPY]; IDS], left: 0 };

    /// Entropy of one id; `fill` is asked when none is left.
    fn next_or(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<[u8; Sid::ENTROPY]> {
        if self.left == 0 {
            fill(self.bytes.as_flattened_mut())?;
            self.left = IDS;
        }
        self.left -= 1;
        // The pool forgets what it gave.
        Ok(std::mem::take(&mut self.bytes[self.left]))
    }
}

/// Ids for which the system is asked at once: 240 bytes.
const IDS: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_byte_is_given_twice() {
        let (mut pool, mut next) = (Pool::EMPTY, 0_u16);
        let mut given = Vec::new();
        for _ in 0..3 * IDS {
            let entropy = pool.next_or(|bytes| {
                bytes.chunks_exact_mut(Sid::ENTROPY).for_each(|chunk| {
                    next += 1;
                    chunk[..2].copy_from_slice(&next.to_be_bytes());
                });
                Ok(())
            });
            given.push(entropy.unwrap());
            assert!(pool.bytes[pool.left..].iter().all(|bytes| *bytes == [0; Sid::ENTROPY]));
        }
        assert_eq!(given.iter().collect::<HashSet<_>>().len(), 3 * IDS);
    }

    #[test]
    fn a_system_without_entropy_gives_no_id() {
        let mut pool = Pool::EMPTY;
        assert!(pool.next_or(|_| Err(io::ErrorKind::Unsupported.into())).is_err());
        assert_eq!(pool.left, 0);
    }

    #[test]
    fn threads_share_no_ids() {
        let ids = || (0..2 * IDS + 1).map(|_| random_sid().unwrap()).collect::<Vec<_>>();
        let others = std::thread::spawn(ids).join().unwrap();
        let all: HashSet<_> = ids().into_iter().chain(others).collect();
        assert_eq!(all.len(), 4 * IDS + 2);
    }
}
