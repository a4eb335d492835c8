//! Ten thousand conversations with one idle client each; then two thousand of the clients work: each
//! sends a message and waits for its event before it sends the next.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use openhands::domain::ConversationId;
use openhands::log::EventLog as _;
use openhands::log::sqlite::{SqliteConfig, SqliteLog};

use super::{Fact, serve};
use crate::client::{Conn, Ready, unexpected};
use crate::rows::Scale;
use crate::session::Target;
use crate::wire::{TEXT, masked};

pub(super) fn facts(scale: Scale) -> io::Result<Vec<Fact>> {
    let folder = tempfile::tempdir()?;
    let (idle, busy) = (scale.of(10_000), scale.of(2_000));
    conversations(folder.path(), idle)?;
    let room = (idle + 100).to_string();
    let server = serve(folder.path(), &["--max-connections", &room])?;
    let join = |number: usize| {
        let query = format!("&conversation_id=c{number}&latest_event_id=-1");
        Target { query, ..server.target.clone() }.websocket()
    };
    let (before, _) = server.process.memory()?;
    let mut conns = (0..idle).map(join).collect::<io::Result<Vec<_>>>()?;
    let (after, _) = server.process.memory()?;
    let each = after.saturating_sub(before) as f64 / idle as f64;

    let at_rest = server.process.cpu()?;
    std::thread::sleep(REST);
    let rest = (server.process.cpu()? - at_rest).as_secs_f64() / REST.as_secs_f64();

    conns.truncate(busy);
    let rounds = scale.of(20).max(2);
    let began = Instant::now();
    let mut latencies = Vec::new();
    let cpu = server.cpu(|_| {
        latencies = talk(&mut conns, rounds)?;
        Ok(())
    })?;
    let elapsed = began.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    let part = |part: f64| latencies[(latencies.len() as f64 * part) as usize];
    let events = (busy * rounds) as f64;
    Ok(vec![
        Fact::new("10,000 conversations with an idle client each", "KiB each", each),
        Fact::new("the same: one core while idle", "% busy", rest * 100.0),
        Fact::new("2,000 of them at work: durable messages", "events per second", events / elapsed),
        Fact::new("the same: from a message to its event, p50", "ms", part(0.50)),
        Fact::new("the same: p99", "ms", part(0.99)),
        Fact::new("the same", "CPU s per million", cpu * 1e6 / events),
    ])
}

/// Makes the conversations `c0`, `c1`, … at once; joining would make them one by one.
fn conversations(folder: &Path, count: usize) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let log = SqliteLog::open(folder, SqliteConfig::default()).map_err(io::Error::other)?;
        let one = async |number| {
            let id = ConversationId::new(&format!("c{number}")).map_err(io::Error::other)?;
            log.create(&id, "", None, Vec::new()).await.map_err(io::Error::other)
        };
        for first in (0..count).step_by(1_000) {
            let some = first..(first + 1_000).min(count);
            futures_util::future::try_join_all(some.map(one)).await?;
        }
        log.close().await;
        Ok(())
    })
}

/// Each of `conns` sends `rounds` messages and receives their events, once each and in order of ids.
/// Returns how long each took, in milliseconds.
fn talk(conns: &mut [Conn], rounds: usize) -> io::Result<Vec<f64>> {
    let message = br#"42["oh_user_action",{"action":"message","args":{"content":"hello"}}]"#;
    let message = masked(TEXT, message);
    let mut ready = Ready::new(&*conns)?;
    let mut latencies = Vec::with_capacity(conns.len() * rounds);
    let mut state: Vec<(usize, Instant)> = Vec::with_capacity(conns.len());
    for conn in &mut *conns {
        state.push((0, Instant::now()));
        conn.send(&message)?;
    }
    let mut left = conns.len();
    while left > 0 {
        let places: Vec<usize> = ready.wait()?.collect();
        for place in places {
            let (conn, (next, sent)) = (&mut conns[place], &mut state[place]);
            let lives = conn.fill()?;
            while let Some(frame) = conn.frame()? {
                let bytes = conn.bytes(&frame);
                if !bytes.starts_with(b"42[\"oh_event\",{\"id\":") {
                    // Status messages have no id.
                    continue;
                }
                let expected = format!("42[\"oh_event\",{{\"id\":{next},");
                if !bytes.starts_with(expected.as_bytes()) {
                    return Err(unexpected(bytes));
                }
                latencies.push(sent.elapsed().as_secs_f64() * 1e3);
                *next += 1;
                if *next == rounds {
                    left -= 1;
                } else {
                    *sent = Instant::now();
                    conn.send(&message)?;
                }
            }
            if !lives {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
    Ok(latencies)
}

/// Time in which nothing happens.
const REST: Duration = Duration::from_secs(3);
