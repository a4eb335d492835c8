//! Ten thousand stored events of 1 KiB, to one client and to a hundred at once.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use openhands::domain::ConversationId;
use openhands::log::EventLog as _;
use openhands::log::sqlite::{SqliteConfig, SqliteLog};

use super::{Fact, OPENHANDS, draft, plain};
use crate::client::{Conn, Ready, unexpected};
use crate::process::Process;
use crate::rows::{Scale, Server};
use crate::servers::Kind;
use crate::session::Target;

pub(super) fn facts(scale: Scale, bare: f64, bound: f64) -> io::Result<Vec<Fact>> {
    let folder = tempfile::tempdir()?;
    let frames = store(folder.path(), scale.of(EVENTS))?;
    let file = folder.path().join("plain");
    std::fs::write(&file, frames.concat())?;
    let read = plain::read(&file)? * 1e6 / frames.len() as f64;

    let server = start(folder.path())?;
    // Once to warm up; the log is read all the same, for it is longer than the tail in memory.
    follow(&mut [server.target.websocket()?], &frames)?;
    let (times, crowd) = (scale.of(800) / 16, scale.of(100));
    let began = Instant::now();
    let one = server
        .cpu(|target| (0..times).try_for_each(|_| follow(&mut [target.websocket()?], &frames)))?;
    let one_elapsed = began.elapsed();
    let (before, _) = server.process.memory()?;
    let began = Instant::now();
    let many = server.cpu(|target| follow(&mut target.websockets(crowd)?, &frames))?;
    let many_elapsed = began.elapsed();
    let (_, most) = server.process.memory()?;

    let events = |times: usize| (times * frames.len()) as f64;
    let per_second = |times, elapsed: Duration| events(times) / elapsed.as_secs_f64();
    let one = one * 1e6 / events(times);
    let many = many * 1e6 / events(crowd);
    let grown = most.saturating_sub(before) as f64 / 1024.0;
    let room = crowd as f64 + 1.0;
    let floor = read + bound;
    Ok(vec![
        Fact::new("replay of 10,000 stored events of 1 KiB, one client", PER_MILLION, one)
            .beside(format!(
                "`socketio` alone, encoded before: {bare:.2}; a plain file read and the bound's \
                 websocket write: {read:.2} + {bound:.2} = {floor:.2}"
            ))
            .goal(format!("2 x {bare:.2}"), one <= 2.0 * bare),
        Fact::new("the same", "events per second", per_second(times, one_elapsed)),
        Fact::new("replay to 100 clients at once", PER_MILLION, many)
            .beside(format!("one client: {one:.2}")),
        Fact::new("the same", "events per second", per_second(crowd, many_elapsed)),
        Fact::new("the same: memory grows by", "MiB at most", grown)
            .goal(format!("outboxes of 1 MiB and one tail: {room}"), grown <= room),
    ])
}

/// Fills a log; the frames that a client must get.
fn store(folder: &Path, events: usize) -> io::Result<Vec<Vec<u8>>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let log = SqliteLog::open(folder, SqliteConfig::default()).map_err(io::Error::other)?;
        let id = ConversationId::new(CONVERSATION).map_err(io::Error::other)?;
        let created =
            log.create(&id, "replay", None, Vec::new()).await.map_err(io::Error::other)?;
        let mut frames = Vec::new();
        while frames.len() < events {
            let drafts = vec![draft(); (events - frames.len()).min(1_000)];
            let stored = log.append(created.metadata.key, drafts, None).await;
            for event in stored.map_err(io::Error::other)? {
                frames.push([b"42[\"oh_event\",", &*event.json, b"]"].concat());
            }
        }
        log.close().await;
        Ok(frames)
    })
}

fn start(folder: &Path) -> io::Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg0(OPENHANDS).env_clear().args([
        "--listen",
        "127.0.0.1:0",
        "--agent",
        "none",
        "--data-dir",
    ]);
    command.arg(folder);
    let process = Process::start(command, |line| {
        line.split_once("ws://")?.1.split_once('/')?.0.parse().ok()
    })?;
    let query = format!("&conversation_id={CONVERSATION}&latest_event_id=-1");
    let target = Target { address: process.address, kind: Kind::Socketio, query };
    Ok(Server { process, target })
}

/// Every one of `conns` gets all of `frames`, in their order, and nothing between.
fn follow(conns: &mut [Conn], frames: &[Vec<u8>]) -> io::Result<()> {
    let mut ready = Ready::new(&*conns)?;
    let mut places = vec![0; conns.len()];
    // What came right behind the CONNECT is in their buffers, and wakes nobody.
    let mut todo: Vec<usize> = (0..conns.len()).collect();
    let mut left = conns.len();
    while left > 0 {
        for index in todo.drain(..) {
            let (conn, place) = (&mut conns[index], &mut places[index]);
            let lives = conn.fill()?;
            while let Some(frame) = conn.frame()? {
                if frames.get(*place).is_none_or(|right| conn.bytes(&frame) != right) {
                    return Err(unexpected(conn.bytes(&frame)));
                }
                *place += 1;
                left -= usize::from(*place == frames.len());
            }
            if !lives {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if left > 0 {
            todo.extend(ready.wait()?);
        }
    }
    Ok(())
}

const CONVERSATION: &str = "replay";
const EVENTS: usize = 10_000;
const PER_MILLION: &str = "CPU s per million";
