//! The time as events and metadata show it.

use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A source of the current time and zone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Zoned + Send + Sync>);

impl Clock {
    /// The system's clock and zone.
    pub fn system() -> Self {
        Self(Arc::new(Zoned::now))
    }

    /// Any other.
    pub fn new(now: impl Fn() -> Zoned + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now, in both forms.
    pub(super) fn now(&self) -> Now {
        let now = (self.0)();
        Now {
            // Always 26 characters, so that later times are greater strings.
            local: now.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
            utc: utc_text(now.timestamp()),
        }
    }
}

/// A time as metadata shows it: later times are greater strings.
pub(crate) fn utc_text(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// One moment.
#[derive(Debug)]
pub(super) struct Now {
    /// For events: local time without a zone, as OpenHands 0.62 writes it.
    pub(super) local: String,
    /// For metadata: UTC with `Z`.
    pub(super) utc: String,
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn events_show_local_time_and_metadata_utc_with_six_digits_each() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let time = date(2026, 11, 22).at(6, 52, 24, 450_000_999).to_zoned(zone).unwrap();
        let now = Clock::new(move || time.clone()).now();
        assert_eq!(now.local, "2026-11-22T06:52:24.450000");
        assert_eq!(now.utc, "2026-11-22T04:52:24.450000Z");
    }
}
