//! Deletes old conversations: those without a new event for long, and the oldest ones while the log is
//! too large. A conversation that is running stays.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::Retention;
use crate::hub::{Hub, HubError};
use crate::log::sqlite::{Snapshot, utc_text};
use crate::log::{LogError, Metadata};
use crate::metrics::Metrics;

/// Why a conversation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nothing was written to it for too long.
    Age,
    /// The log is too large, and it is the oldest.
    Size,
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Size => "size",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One conversation that was deleted, or would be.
#[derive(Debug)]
pub(crate) struct Gone<'a> {
    pub(crate) metadata: &'a Metadata,
    pub(crate) why: Why,
    pub(crate) bytes: u64,
}

/// Decides, going from the oldest conversation to newer ones.
#[derive(Debug)]
struct Plan {
    /// What changed last before this goes for its age. Empty: nothing does.
    before: String,
    /// What changed last after this stays whatever the size: somebody is about to join it.
    settled: String,
    /// Bytes that are too many.
    over: u64,
}

impl Plan {
    fn new(retention: Retention, used: u64, now: Timestamp) -> Self {
        let days = retention.days.map(|days| Duration::from_secs(u64::from(days.get()) * 86_400));
        let ago = |time: Duration| now.checked_sub(time).unwrap_or(Timestamp::MIN);
        Self {
            before: days.map(|days| utc_text(ago(days))).unwrap_or_default(),
            settled: utc_text(ago(SETTLED)),
            over: retention.bytes.map_or(0, |bytes| used.saturating_sub(bytes)),
        }
    }

    /// Whether and why one goes; when it does not, no newer one does.
    fn wants(&self, metadata: &Metadata) -> Option<Why> {
        if metadata.updated_at < self.before {
            return Some(Why::Age);
        }
        (self.over > 0 && metadata.updated_at < self.settled).then_some(Why::Size)
    }

    fn freed(&mut self, bytes: u64) {
        self.over = self.over.saturating_sub(bytes);
    }
}

/// Deletes what `retention` asks for as of `now`, and tells each; says how many.
///
/// # Errors
/// [`HubError`]; what was told is deleted.
pub(crate) async fn sweep(
    hub: &Hub,
    retention: Retention,
    now: Timestamp,
    mut tell: impl FnMut(&Gone<'_>),
) -> Result<u64, HubError> {
    let mut all = 0;
    loop {
        let oldest = hub.oldest(AT_ONCE).await?;
        let mut plan = Plan::new(retention, oldest.used, now);
        let mut deleted = 0;
        for metadata in &oldest.conversations {
            let Some(why) = plan.wants(metadata) else { break };
            let bytes = hub.size(metadata.key).await?;
            if hub.delete_unused(metadata).await? {
                deleted += 1;
                plan.freed(bytes);
                tell(&Gone { metadata, why, bytes });
            }
        }
        all += deleted;
        // Another look only when all that was looked at is gone.
        if deleted < AT_ONCE as u64 {
            return Ok(all);
        }
    }
}

/// What [`sweep`] would delete first, told without deleting it. A server may run; what it runs is
/// told too.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn rehearse(
    log: &Snapshot,
    retention: Retention,
    now: Timestamp,
    mut tell: impl FnMut(&Gone<'_>),
) -> Result<u64, LogError> {
    let oldest = log.oldest(usize::MAX)?;
    let mut plan = Plan::new(retention, oldest.used, now);
    let mut all = 0;
    for metadata in &oldest.conversations {
        let Some(why) = plan.wants(metadata) else { break };
        let bytes = log.size(metadata.key)?;
        plan.freed(bytes);
        all += 1;
        tell(&Gone { metadata, why, bytes });
    }
    Ok(all)
}

/// Sweeps now and every ten minutes, until it is dropped.
pub(crate) async fn keep(hub: Arc<Hub>, retention: Retention, metrics: Metrics) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let swept = sweep(&hub, retention, Timestamp::now(), |gone| {
            metrics.deleted(gone.why.as_str());
            let Metadata { id, updated_at, .. } = gone.metadata;
            tracing::info!(conversation = %id, why = %gone.why, bytes = gone.bytes, %updated_at, "deleted");
        });
        if let Err(error) = swept.await {
            tracing::error!(%error, "old conversations not deleted; trying again later");
        }
    }
}

/// Conversations looked at with one query.
const AT_ONCE: usize = 500;
/// Time without a change before one may go for the size of all.
const SETTLED: Duration = Duration::from_secs(600);
/// Time between two sweeps.
const EVERY: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests;
