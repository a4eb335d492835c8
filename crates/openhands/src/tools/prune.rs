//! `prune`: retention by hand.

use std::process::ExitCode;
use std::sync::Arc;

use jiff::Timestamp;

use super::{ToolError, say};
use crate::agent::{NoAgent, OneAgent};
use crate::config::Config;
use crate::hub::{Hub, HubConfig};
use crate::log::sqlite::{Snapshot, SqliteConfig, SqliteLog};
use crate::retention::{self, Gone};

/// A line for each conversation that goes, and one in the end that counts.
pub(super) fn prune(config: &Config, dry_run: bool) -> Result<ExitCode, ToolError> {
    let retention = config.retention;
    if !retention.is_on() {
        return Err(ToolError::NoRetention);
    }
    let mut bytes = 0;
    let tell = |gone: &Gone<'_>| {
        bytes += gone.bytes;
        let (metadata, why) = (gone.metadata, gone.why);
        say(&format!(
            "{}: {why}, {} bytes, last changed {}",
            metadata.id, gone.bytes, metadata.updated_at
        ));
    };
    let now = Timestamp::now();
    let count = if dry_run {
        retention::rehearse(&Snapshot::open(&config.data_dir)?, retention, now, tell)?
    } else {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(ToolError::Runtime)?.block_on(async {
            let log = SqliteLog::open(&config.data_dir, SqliteConfig::default())?;
            let workspaces = HubConfig::new(config.workspaces());
            let hub = Hub::new(Arc::new(log), Arc::new(OneAgent::new(NoAgent)), workspaces);
            let swept = retention::sweep(&hub, retention, now, tell).await;
            hub.shutdown().await;
            swept.map_err(ToolError::from)
        })?
    };
    let done = if dry_run { "would be deleted" } else { "deleted" };
    say(&format!("{count} conversations {done}, about {bytes} bytes"));
    Ok(ExitCode::SUCCESS)
}
