//! Rates, and buckets: how much of its rate a sender has left. Time is an argument.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A rate: a burst that is allowed at once, then one more after each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    each: Duration,
    burst: u32,
}

impl Rate {
    /// `count` per interval, and `burst` at once. A count of 0 means no limit: `None`.
    pub(crate) fn new(count: u32, time: Duration, burst: u32) -> Option<Self> {
        let each = time.checked_div(count)?;
        Some(Self { each, burst: burst.max(1) })
    }
}

/// What one sender has left. A new one is full.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// When it is full again.
    full_at: Option<Instant>,
}

impl Bucket {
    /// Takes one.
    ///
    /// # Errors
    /// The time until one is left again; nothing was taken.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + rate.each;
        let owed = full_at.saturating_duration_since(now);
        match owed.checked_sub(rate.each.saturating_mul(rate.burst)) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                self.full_at = Some(full_at);
                Ok(())
            }
        }
    }

    fn is_full(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|at| at <= now)
    }
}

/// A bucket for each sender, as many as there is room for.
pub(crate) struct Buckets<K> {
    rate: Rate,
    max: usize,
    table: Mutex<HashMap<K, Bucket>>,
}

impl<K: Eq + Hash> Buckets<K> {
    /// Room for `max` senders. When there is no more room, full buckets are dropped. If few are full,
    /// all are dropped: every sender then begins with a full bucket, so nobody is refused wrongly.
    pub(crate) fn new(rate: Rate, max: usize) -> Self {
        Self { rate, max: max.max(1), table: Mutex::default() }
    }

    /// Takes one of this sender's.
    ///
    /// # Errors
    /// See [`Bucket::take`].
    pub(crate) fn take<Q>(&self, sender: &Q, now: Instant) -> Result<(), Duration>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = table.get_mut(sender) {
            return bucket.take(self.rate, now);
        }
        if table.len() >= self.max {
            table.retain(|_, bucket| !bucket.is_full(now));
            // Looking through all of them again for the next few would cost more than it keeps.
            if table.len() > self.max / 4 * 3 {
                table.clear();
            }
        }
        table.entry(sender.to_owned()).or_default().take(self.rate, now)
    }
}

impl<K> fmt::Debug for Buckets<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.table.lock().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("Buckets").field("rate", &self.rate).field("len", &len).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_at_once_and_then_one_for_each_while() {
        let rate = Rate::new(10, SECOND, 20).unwrap();
        let (mut bucket, start) = (Bucket::default(), Instant::now());
        for _ in 0..20 {
            assert_eq!(bucket.take(rate, start), Ok(()));
        }
        assert_eq!(bucket.take(rate, start), Err(SECOND / 10));
        assert_eq!(bucket.take(rate, start + SECOND / 20), Err(SECOND / 20));
        assert_eq!(bucket.take(rate, start + SECOND / 10), Ok(()));
        assert!(bucket.take(rate, start + SECOND / 10).is_err());
        assert!(!bucket.is_full(start + 2 * SECOND));
        assert!(bucket.is_full(start + 3 * SECOND));
        assert_eq!(Rate::new(0, SECOND, 1), None);
    }

    #[test]
    fn senders_do_not_share_and_the_table_is_bounded() {
        let buckets = Buckets::<u32>::new(Rate::new(1, SECOND, 1).unwrap(), 4);
        let start = Instant::now();
        let len = || buckets.table.lock().unwrap().len();
        for sender in 0..4 {
            assert_eq!(buckets.take(&sender, start), Ok(()));
            assert_eq!(buckets.take(&sender, start), Err(SECOND));
        }
        // None is full: all begin anew.
        assert_eq!(buckets.take(&4, start), Ok(()));
        assert_eq!(len(), 1);
        for sender in 5..8 {
            assert_eq!(buckets.take(&sender, start + 2 * SECOND), Ok(()));
        }
        // The first of them is full again and goes; the others stay as they are.
        assert_eq!(buckets.take(&9, start + 2 * SECOND), Ok(()));
        assert_eq!((len(), buckets.take(&5, start + 2 * SECOND)), (4, Err(SECOND)));
        for sender in 10..1_000 {
            let _ = buckets.take(&sender, start + 2 * SECOND);
            assert!(len() <= 4);
        }
    }

    proptest! {
        /// In any time no more than the burst and what came back in it; a refusal names a wait
        /// after which there is one.
        #[test]
        fn never_more_than_the_rate(count in 1_u32..50, burst in 1_u32..20, gaps in proptest::collection::vec(0_u64..500, 1..200)) {
            let rate = Rate::new(count, SECOND, burst).unwrap();
            let (mut bucket, start) = (Bucket::default(), Instant::now());
            let (mut now, mut taken) = (start, 0_u32);
            for gap in gaps {
                now += Duration::from_millis(gap);
                match bucket.take(rate, now) {
                    Ok(()) => taken += 1,
                    Err(wait) => {
                        prop_assert!(wait <= rate.each);
                        now += wait;
                        prop_assert_eq!(bucket.take(rate, now), Ok(()));
                        taken += 1;
                    }
                }
                let back = (now - start).as_secs_f64() * f64::from(count);
                prop_assert!(f64::from(taken) <= f64::from(burst) + back + 0.001);
            }
        }
    }
}
