//! Ten thousand stored events of 1 KiB, to one client and to a hundred at once.
//!
//! The server keeps recently read pages, so reading them from the log is measured separately.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use openhands::domain::{ConversationId, Position};
use openhands::log::sqlite::{Snapshot, SqliteConfig, SqliteLog};
use openhands::log::{Direction, EventLog as _, PageOf};

use super::{Fact, draft, plain, serve};
use crate::client::{Conn, Ready, unexpected};
use crate::rows::{Scale, Server};
use crate::session::Target;

pub(super) fn facts(scale: Scale, bare: f64, bound: f64) -> io::Result<Vec<Fact>> {
    let folder = tempfile::tempdir()?;
    let all = store(folder.path(), scale.of(EVENTS))?;
    let frames = &all[0];
    let file = folder.path().join("plain");
    std::fs::write(&file, frames.concat())?;
    let each = |seconds: f64, times: usize| seconds * 1e6 / (times * frames.len()) as f64;
    let read = each(plain::read(&file)?, 1);
    let stored = each(read_all(folder.path(), frames.len())?, 1);

    let server = serve(folder.path(), &[])?;
    // Once to warm up.
    follow(&mut clients(&server, 0, 1)?, frames)?;
    let (times, crowd) = (scale.of(800) / 16, scale.of(100));
    let began = Instant::now();
    let one = server
        .cpu(|_| (0..times).try_for_each(|_| follow(&mut clients(&server, 0, 1)?, frames)))?;
    let one_elapsed = began.elapsed();
    let (before, _) = server.process.memory()?;
    let began = Instant::now();
    let many = server.cpu(|_| follow(&mut clients(&server, 0, crowd)?, frames))?;
    let many_elapsed = began.elapsed();
    let (_, most) = server.process.memory()?;
    // Together they exceed what is kept in memory: when the first is read again, it has been dropped.
    let cold = server.cpu(|_| {
        (0..times)
            .map(|time| time % all.len())
            .try_for_each(|number| follow(&mut clients(&server, number, 1)?, &all[number]))
    })?;

    let per_second =
        |times: usize, elapsed: Duration| (times * frames.len()) as f64 / elapsed.as_secs_f64();
    let (one, many, cold) = (each(one, times), each(many, crowd), each(cold, times));
    let grown = most.saturating_sub(before) as f64 / 1024.0;
    let room = crowd as f64 + 1.0;
    let (floor, goal) = (read + bound, format!("2 x {bare:.2}"));
    Ok(vec![
        Fact::new(
            "replay of 10,000 recently read events of 1 KiB, one client",
            PER_MILLION,
            one,
        )
        .beside(format!(
            "`socketio` alone, encoded beforehand: {bare:.2}; a plain file read and the bound's \
                 websocket write: {read:.2} + {bound:.2} = {floor:.2}"
        ))
        .goal(goal.clone(), one <= 2.0 * bare),
        Fact::new("the same", "events per second", per_second(times, one_elapsed)),
        Fact::new("the same, read from the log each time", PER_MILLION, cold)
            .beside(format!(
                "SQLite's read alone and `socketio` alone: {stored:.2} + {bare:.2} = {:.2}",
                stored + bare
            ))
            .goal(goal, cold <= 2.0 * bare),
        Fact::new("replay to 100 clients at once", PER_MILLION, many)
            .beside(format!("one client: {one:.2}")),
        Fact::new("the same", "events per second", per_second(crowd, many_elapsed)),
        Fact::new("the same: memory grows by", "MiB at most", grown)
            .goal(format!("outboxes of 1 MiB and one tail: {room}"), grown <= room),
    ])
}

/// Connections that have received nothing of a conversation yet.
fn clients(server: &Server, number: usize, count: usize) -> io::Result<Vec<Conn>> {
    let query = format!("&conversation_id={}&latest_event_id=-1", name(number));
    let target = &server.target;
    let target = Target { address: target.address, kind: target.kind, query };
    target.many(count)
}

/// Fills a log. Returns for each conversation the frames that a client must receive.
fn store(folder: &Path, events: usize) -> io::Result<Vec<Vec<Vec<u8>>>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let log = SqliteLog::open(folder, SqliteConfig::default()).map_err(io::Error::other)?;
        let mut all = Vec::new();
        while all.len() < CONVERSATIONS {
            let id = ConversationId::new(&name(all.len())).map_err(io::Error::other)?;
            let created = log.create(&id, "replay", None, Vec::new()).await;
            let key = created.map_err(io::Error::other)?.metadata.key;
            let mut frames = Vec::new();
            while frames.len() < events {
                let drafts = vec![draft(); (events - frames.len()).min(1_000)];
                let stored = log.append(key, drafts, None).await;
                for event in stored.map_err(io::Error::other)? {
                    frames.push([b"42[\"oh_event\",", &*event.json, b"]"].concat());
                }
            }
            all.push(frames);
        }
        log.close().await;
        Ok(all)
    })
}

/// CPU seconds that this thread takes to read a conversation from the log, in pages as large as a
/// cursor's.
fn read_all(folder: &Path, events: usize) -> io::Result<f64> {
    let snapshot = Snapshot::open(folder).map_err(io::Error::other)?;
    let id = ConversationId::new(&name(1)).map_err(io::Error::other)?;
    let found = snapshot.conversation(&id).map_err(io::Error::other)?;
    let key = found.map(|found| found.key).ok_or(io::ErrorKind::NotFound)?;
    let mut page = PageOf {
        from: Position::START,
        direction: Direction::Forward,
        max_events: 128,
        max_bytes: 256 << 10,
    };
    plain::cpu_of(|| {
        while page.from.0 < events as u64 {
            let events = snapshot.page(key, page).map_err(io::Error::other)?.events;
            let last = events.last().ok_or(io::ErrorKind::UnexpectedEof)?;
            page.from = Position::after(last.id);
        }
        Ok(())
    })
}

fn name(number: usize) -> String {
    format!("replay-{number}")
}

/// Checks that each of `conns` receives all of `frames` in order, and nothing in between.
fn follow(conns: &mut [Conn], frames: &[Vec<u8>]) -> io::Result<()> {
    let mut ready = Ready::new(&*conns)?;
    let mut places = vec![0; conns.len()];
    // Bytes that came right after the CONNECT are in the buffers already, and wake nobody.
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

/// Three conversations exceed what is kept in memory.
const CONVERSATIONS: usize = 3;
const EVENTS: usize = 10_000;
const PER_MILLION: &str = "CPU s per million";
