//! Values that are read when `/metrics` is asked: gauges of other rooms, and how far clients lag.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;

type Read = Box<dyn Fn() -> u64 + Send + Sync>;

#[derive(Default)]
pub(super) struct Live {
    gauges: Mutex<Vec<(&'static str, &'static str, Read)>>,
    lags: Mutex<Lags>,
}

#[derive(Default)]
struct Lags {
    next: u64,
    /// One per client that is fed.
    all: BTreeMap<u64, Arc<Reader>>,
}

struct Reader {
    place: AtomicU64,
    head: Read,
}

/// A client's place. Dropped, the client is not counted any more.
pub(crate) struct Lag {
    live: Arc<Live>,
    number: u64,
    reader: Arc<Reader>,
}

impl Lag {
    /// The client has everything before `place`.
    pub(crate) fn moved(&self, place: u64) {
        self.reader.place.store(place, Ordering::Relaxed);
    }
}

impl Drop for Lag {
    fn drop(&mut self) {
        self.live.lags.lock().unwrap_or_else(PoisonError::into_inner).all.remove(&self.number);
    }
}

impl Live {
    pub(super) fn gauge(&self, name: &'static str, help: &'static str, read: Read) {
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner).push((name, help, read));
    }

    pub(super) fn lag(live: &Arc<Self>, place: u64, head: Read) -> Lag {
        let reader = Arc::new(Reader { place: AtomicU64::new(place), head });
        let mut lags = live.lags.lock().unwrap_or_else(PoisonError::into_inner);
        let number = lags.next;
        lags.next += 1;
        lags.all.insert(number, Arc::clone(&reader));
        drop(lags);
        Lag { live: Arc::clone(live), number, reader }
    }
}

impl Collector for Live {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut show = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        // Copied out: reading a head takes another lock.
        let readers: Vec<_> = {
            let lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
            lags.all.values().cloned().collect()
        };
        let behind = readers.iter().filter_map(|reader| {
            let lag = (reader.head)().saturating_sub(reader.place.load(Ordering::Relaxed));
            (lag > 0).then_some(lag)
        });
        let (clients, all, most) = behind
            .fold((0, 0, 0), |(clients, all, most), lag| (clients + 1, all + lag, lag.max(most)));
        show("clients_behind", "Clients that have not got every event yet", clients)?;
        show("replay_lag_events", "Events that clients have not got yet, of all clients", all)?;
        show("replay_lag_events_max", "Events that the slowest client has not got yet", most)?;
        for (name, help, read) in self.gauges.lock().unwrap_or_else(PoisonError::into_inner).iter()
        {
            show(name, help, read())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}
