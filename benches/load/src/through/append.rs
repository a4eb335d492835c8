//! Durable appends to a thousand conversations, in a separate process on all cores. The clients of
//! the log are tasks of that process.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use openhands::domain::ConversationId;
use openhands::log::sqlite::{SqliteConfig, SqliteLog};
use openhands::log::{ConversationKey, EventLog as _};
use tokio::task::JoinSet;

use super::{Fact, draft, plain};
use crate::process::{cpu, pin_client, unpin};
use crate::rows::Scale;

pub(super) fn facts(scale: Scale) -> io::Result<Vec<Fact>> {
    let folder = tempfile::tempdir()?;
    let seconds = if scale == Scale::Full { 6 } else { 1 };
    unpin()?;
    let output = Command::new(std::env::current_exe()?)
        .args(["appends", &seconds.to_string()])
        .arg(folder.path())
        .stderr(Stdio::inherit())
        .output();
    pin_client()?;
    let text = String::from_utf8_lossy(&output?.stdout).into_owned();
    let figures: Vec<f64> = text.split_whitespace().filter_map(|one| one.parse().ok()).collect();
    let [rate, p50, p99, cpu, batch, flood, flood_batch, plain_rate, plain_flood] = figures[..]
    else {
        return Err(io::Error::other(format!("nine figures, not: {text}")));
    };
    let asked = RATE as f64;
    Ok(vec![
        Fact::new(
            "appends at a target rate of 20,000 a second: completed",
            "events per second",
            rate,
        )
        .beside(format!(
            "{batch:.0} per flush; plain fsynced writes of such batches: {plain_rate:.0}"
        ))
        .goal("20,000".to_owned(), rate >= asked * 0.99),
        Fact::new("the same: from due time to answer, p50", "ms", p50),
        Fact::new("the same: p99", "ms", p99).goal("50".to_owned(), p99 < 50.0),
        Fact::new("the same", "CPU s per million", cpu),
        Fact::new("appends as fast as they go", "events per second", flood).beside(format!(
            "{flood_batch:.0} per flush; plain fsynced writes of such batches: {plain_flood:.0}"
        )),
    ])
}

/// Runs in the separate process. Prints the figures in the order in which they are read above.
///
/// # Errors
/// When the log cannot be written.
pub(crate) fn child(seconds: u64, folder: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let time = Duration::from_secs(seconds);
    let (paced, flood) = runtime.block_on(async {
        let log = SqliteLog::open(folder, SqliteConfig::default()).map_err(io::Error::other)?;
        let log = Arc::new(log);
        let keys = conversations(&log).await?;
        let paced = run(&log, &keys, time, Some(PERIOD)).await?;
        let flood = run(&log, &keys, time, None).await?;
        log.close().await;
        io::Result::Ok((paced, flood))
    })?;
    let file = folder.join("plain");
    let plain = |run: &Run| {
        let batches = usize::try_from(run.commits).unwrap_or(usize::MAX);
        let took = plain::write(&file, batches, run.batch() as usize * 1024)?;
        io::Result::Ok(run.latencies.len() as f64 / took.as_secs_f64())
    };
    writeln!(
        io::stdout(),
        "{} {} {} {} {} {} {} {} {}",
        paced.rate(),
        paced.latency(0.50),
        paced.latency(0.99),
        paced.cpu,
        paced.batch(),
        flood.rate(),
        flood.batch(),
        plain(&paced)?,
        plain(&flood)?,
    )
}

async fn conversations(log: &SqliteLog) -> io::Result<Vec<ConversationKey>> {
    let one = async |number| {
        let id = ConversationId::new(&format!("c{number}")).map_err(io::Error::other)?;
        let created = log.create(&id, "", None, Vec::new()).await.map_err(io::Error::other)?;
        io::Result::Ok(created.metadata.key)
    };
    futures_util::future::try_join_all((0..CONVERSATIONS).map(one)).await
}

struct Run {
    elapsed: Duration,
    /// Sorted, in milliseconds.
    latencies: Vec<f64>,
    commits: u64,
    /// Seconds per million events.
    cpu: f64,
}

impl Run {
    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Events per flush.
    fn batch(&self) -> f64 {
        (self.latencies.len() as f64 / self.commits.max(1) as f64).max(1.0)
    }

    fn latency(&self, part: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * part) as usize).copied().unwrap_or(f64::NAN)
    }
}

/// Each conversation appends an event every `period`, timed from when it was due, or as soon as the
/// previous one is durable.
async fn run(
    log: &Arc<SqliteLog>,
    keys: &[ConversationKey],
    time: Duration,
    period: Option<Duration>,
) -> io::Result<Run> {
    let (before, cpu_before) = (log.stats(), cpu("self")?);
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (number, &key) in (0_u32..).zip(keys) {
        let log = Arc::clone(log);
        tasks.spawn(async move {
            let draft = draft();
            let mut latencies = Vec::new();
            let mut due = began + period.unwrap_or_default() * number / CONVERSATIONS;
            while due < began + time {
                tokio::time::sleep_until(due.into()).await;
                let drafts = vec![draft.clone()];
                let stored = log.append(key, drafts, None).await.map_err(io::Error::other)?;
                assert_eq!(stored.len(), 1, "one event was appended");
                latencies.push(due.elapsed().as_secs_f64() * 1e3);
                due = period.map_or_else(Instant::now, |period| due + period);
            }
            io::Result::Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done.map_err(io::Error::other)??);
    }
    let elapsed = began.elapsed();
    latencies.sort_by(f64::total_cmp);
    let commits = log.stats().commits - before.commits;
    let cpu = (cpu("self")? - cpu_before).as_secs_f64() * 1e6 / latencies.len() as f64;
    Ok(Run { elapsed, latencies, commits, cpu })
}

const CONVERSATIONS: u32 = 1_000;
/// Events per second.
const RATE: u32 = 20_000;
const PERIOD: Duration = Duration::from_millis(1_000 * CONVERSATIONS as u64 / RATE as u64);
