//! `/server_info` and `/metrics`: how long the server runs, what it uses and counts.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::header;
use serde_json::{Value, json};

use super::ApiError;
use crate::hub::Hub;
use crate::metrics::Metrics;

/// What must be known to tell.
#[derive(Clone, Debug)]
pub(crate) struct ServerInfo(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    metrics: Metrics,
    data: PathBuf,
}

impl ServerInfo {
    /// A server that is counted by `metrics`, with its data in `data`.
    pub(crate) fn new(data: PathBuf, metrics: Metrics) -> Self {
        Self(Arc::new(Parts { metrics, data }))
    }
}

/// What the server counts, in OpenMetrics text.
pub(super) async fn metrics(
    State(hub): State<Arc<Hub>>,
    State(info): State<ServerInfo>,
) -> Result<([(header::HeaderName, &'static str); 1], String), ApiError> {
    let text = info.0.metrics.text(hub.conversations_loaded());
    let text = text.map_err(|error| ApiError::Unavailable(format!("no metrics: {error}")))?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text))
}

/// With the keys of OpenHands 0.62. What this system does not tell is 0.
pub(super) async fn server_info(State(info): State<ServerInfo>) -> Json<Value> {
    let uptime = info.0.metrics.uptime().as_secs_f64();
    let data = info.0.data.clone();
    // The disk may be slow.
    let resources = tokio::task::spawn_blocking(move || resources(uptime, &data)).await;
    Json(json!({
        "uptime": uptime,
        "idle_time": info.0.metrics.idle().as_secs_f64(),
        "resources": resources.unwrap_or(Value::Null),
    }))
}

fn resources(uptime: f64, data: &std::path::Path) -> Value {
    let proc = |name: &str| std::fs::read_to_string(format!("/proc/{name}")).unwrap_or_default();
    let page = rustix::param::page_size() as u64;
    let statm = proc("self/statm");
    let mut pages = statm.split(' ').map(|number| number.parse::<u64>().unwrap_or(0) * page);
    let (vms, rss) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    let total = number(&proc("meminfo"), "MemTotal:") * 1024;
    // Read after the name, which may hold anything: fields 14 and 15 of the line are the ticks.
    let stat = proc("self/stat");
    let ticks: u64 = stat.rsplit(')').next().map_or(0, |rest| {
        rest.split(' ').skip(12).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    });
    let io = proc("self/io");
    let (disk, free) = match rustix::fs::statvfs(data) {
        Ok(disk) => (disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize),
        Err(_) => (0, 0),
    };
    let used = disk.saturating_sub(free);
    let seconds = ticks as f64 / rustix::param::clock_ticks_per_second().max(1) as f64;
    json!({
        "cpu_percent": percent(seconds, uptime),
        "memory": {"rss": rss, "vms": vms, "percent": percent(rss as f64, total as f64)},
        "disk": {
            "total": disk,
            "used": used,
            "free": free,
            "percent": percent(used as f64, disk as f64),
        },
        "io": {"read_bytes": number(&io, "read_bytes:"), "write_bytes": number(&io, "\nwrite_bytes:")},
    })
}

/// The number after a word.
fn number(text: &str, word: &str) -> u64 {
    let rest = text.split_once(word).map_or("", |(_, rest)| rest);
    rest.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole * 100.0 } else { 0.0 }
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_a_disk() {
        let told = resources(1.0, std::path::Path::new("."));
        for pointer in ["/memory/rss", "/memory/vms", "/disk/total", "/disk/free"] {
            assert!(told.pointer(pointer).unwrap().as_u64().unwrap() > 0, "{pointer} in {told}");
        }
        let percent = told.pointer("/disk/percent").unwrap().as_f64().unwrap();
        assert!((0.0..=100.0).contains(&percent), "{told}");
    }

    #[test]
    fn a_number_is_found_behind_its_word() {
        assert_eq!(number("MemTotal:   12 kB\nMemFree: 3 kB", "MemTotal:"), 12);
        assert_eq!(number("cancelled_write_bytes: 1\nwrite_bytes: 2", "\nwrite_bytes:"), 2);
        assert_eq!(number("", "x"), 0);
    }
}
