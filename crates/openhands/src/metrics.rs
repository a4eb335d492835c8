//! What the server counts, for `/metrics`. Every room counts here by a method of [`Metrics`]; only
//! `http` reads it. Counting never waits and never fails.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Counters and gauges of one server. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    registry: Registry,
    connections: Gauge,
    conversations: Gauge,
    events_in: Counter,
    events_out: Counter,
    appended: Counter,
    append_failures: Counter,
    append_seconds: Histogram,
    refusals: Family<Reason, Counter>,
    deleted: Family<Reason, Counter>,
    live: Arc<Live>,
    started: Instant,
    /// Milliseconds from the start to the last append.
    last_append: AtomicU64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

impl Metrics {
    /// All at zero; the time of this call is the start.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("openhands");
        let (connections, conversations) = (Gauge::default(), Gauge::default());
        let (events_in, events_out) = (Counter::default(), Counter::default());
        let (appended, append_failures) = (Counter::default(), Counter::default());
        // 0.1 ms to about 3 s.
        let append_seconds = Histogram::new(exponential_buckets(0.0001, 2.0, 16));
        let refusals = Family::default();
        let deleted = Family::default();
        let live = Arc::<Live>::default();
        let clone = connections.clone();
        registry.register("connections", "Clients in a conversation", clone);
        registry.register("conversations", "Conversations in memory", conversations.clone());
        registry.register("events_in", "Actions of clients that were stored", events_in.clone());
        registry.register("events_out", "Events sent to clients", events_out.clone());
        registry.register("events_appended", "Events stored, of all writers", appended.clone());
        let text = "Appends that were refused or failed";
        registry.register("append_failures", text, append_failures.clone());
        let text = "Time from an append to its being durable, in seconds";
        registry.register("append_seconds", text, append_seconds.clone());
        let text = "Connects, actions and requests that were refused";
        registry.register("refusals", text, Family::clone(&refusals));
        let text = "Conversations that retention has deleted";
        registry.register("conversations_deleted", text, Family::clone(&deleted));
        registry.register_collector(Box::new(Arc::clone(&live)));
        Self(Arc::new(Counts {
            registry,
            connections,
            conversations,
            events_in,
            events_out,
            appended,
            append_failures,
            append_seconds,
            refusals,
            deleted,
            live,
            started: Instant::now(),
            last_append: AtomicU64::new(0),
        }))
    }

    pub(crate) fn connected(&self) {
        self.0.connections.inc();
    }

    pub(crate) fn disconnected(&self) {
        self.0.connections.dec();
    }

    pub(crate) fn received(&self) {
        self.0.events_in.inc();
    }

    pub(crate) fn sent(&self, events: usize) {
        self.0.events_out.inc_by(events as u64);
    }

    /// Reasons are few and fixed: each is a line of `/metrics` for ever.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.0.refusals.get_or_create(&Reason { reason }).inc();
    }

    /// A conversation was deleted by retention.
    pub(crate) fn deleted(&self, reason: &'static str) {
        self.0.deleted.get_or_create(&Reason { reason }).inc();
    }

    /// Shows what `read` gives when somebody asks. It must be quick and wait for nobody.
    pub(crate) fn gauge(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        self.0.live.gauge(name, help, Box::new(read));
    }

    /// Counts a client as reading from `place` on, until this is dropped; `head` tells how far it
    /// could be.
    pub(crate) fn lag(&self, place: u64, head: impl Fn() -> u64 + Send + Sync + 'static) -> Lag {
        Live::lag(&self.0.live, place, Box::new(head))
    }

    /// An append that took this long: of so many events, or failed.
    pub(crate) fn appended(&self, events: Option<usize>, took: Duration) {
        let Some(events) = events else {
            self.0.append_failures.inc();
            return;
        };
        self.0.appended.inc_by(events as u64);
        self.0.append_seconds.observe(took.as_secs_f64());
        let now = u64::try_from(self.uptime().as_millis()).unwrap_or(u64::MAX);
        self.0.last_append.fetch_max(now, Ordering::Relaxed);
    }

    /// Time since the start.
    pub(crate) fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Time since the last append, or since the start.
    pub(crate) fn idle(&self) -> Duration {
        let last = Duration::from_millis(self.0.last_append.load(Ordering::Relaxed));
        self.uptime().saturating_sub(last)
    }

    /// All of them in OpenMetrics text, with so many conversations in memory now.
    ///
    /// # Errors
    /// When the library cannot encode; it never does into memory.
    pub(crate) fn text(&self, conversations: usize) -> Result<String, fmt::Error> {
        self.0.conversations.set(i64::try_from(conversations).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

type Read = Box<dyn Fn() -> u64 + Send + Sync>;

/// Values that are read when `/metrics` is asked: gauges of other rooms, and how far clients lag.
#[derive(Default)]
struct Live {
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
    fn gauge(&self, name: &'static str, help: &'static str, read: Read) {
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner).push((name, help, read));
    }

    fn lag(live: &Arc<Self>, place: u64, head: Read) -> Lag {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_in_the_text() {
        let metrics = Metrics::new();
        metrics.connected();
        metrics.connected();
        metrics.disconnected();
        metrics.refused("origin");
        metrics.appended(Some(3), Duration::from_millis(1));
        metrics.appended(None, Duration::ZERO);
        metrics.deleted("age");
        metrics.gauge("queue", "What waits", || 5);
        let (slow, gone) = (metrics.lag(2, || 10), metrics.lag(0, || 100));
        let quick = metrics.lag(0, || 10);
        quick.moved(10);
        slow.moved(4);
        drop(gone);
        let text = metrics.clone().text(7).unwrap();
        for line in [
            "openhands_connections 1",
            "openhands_conversations 7",
            "openhands_events_appended_total 3",
            "openhands_append_failures_total 1",
            "openhands_append_seconds_count 1",
            "openhands_refusals_total{reason=\"origin\"} 1",
            "openhands_conversations_deleted_total{reason=\"age\"} 1",
            "openhands_queue 5",
            "openhands_clients_behind 1",
            "openhands_replay_lag_events 6",
            "openhands_replay_lag_events_max 6",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
