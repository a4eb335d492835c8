//! Giving back: what the write-ahead log holds to the database, and free pages to the file system.
//!
//! A thread of its own copies what the write-ahead log holds into the database. Inside a commit this would
//! keep all appenders waiting for a second flush. It is woken by the writer, and nobody waits for it.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// A thread that writes back when enough was written.
#[derive(Debug)]
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
    /// Written since it was last woken; counted by the writer, which wakes it at [`ORDERS`] or [`BYTES`].
    pub(super) orders: usize,
    pub(super) bytes: usize,
}

impl Checkpoints {
    /// `db` is a connection of its own.
    pub(super) fn start(db: Connection) -> io::Result<Self> {
        // One that waits stands for all that come while it waits.
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("event-log-back".into())
            .spawn(move || write_back(&db, &woken))?;
        Ok(Self { wake, thread, orders: 0, bytes: 0 })
    }

    /// Has all written back that was committed before.
    pub(super) fn wake(&mut self) {
        (self.orders, self.bytes) = (0, 0);
        // Full: one waits already. Gone: the writer writes back by itself, at its own limit.
        let _ = self.wake.try_send(());
    }

    /// Makes the file some pages smaller. Whether there are more; in files that older versions made,
    /// none can be given back.
    pub(super) fn give_back(&mut self, db: &Connection) -> Result<bool, rusqlite::Error> {
        let free =
            |db: &Connection| db.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0));
        let before = free(db)?;
        let mut vacuum = db.prepare_cached("PRAGMA incremental_vacuum(256)")?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        drop(rows);
        drop(vacuum);
        let after = free(db)?;
        let more = 0 < after && after < before;
        if !more && after < before {
            // The file shrinks when the log of it is written back.
            self.wake();
        }
        Ok(more)
    }

    /// Waits until it has ended and its connection is closed.
    pub(super) fn end(self) {
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the thread that writes back the event log panicked");
        }
    }
}

fn write_back(db: &Connection, woken: &Receiver<()>) {
    let mut whole = true;
    loop {
        // A reader of an old moment, or a commit on the way, leaves a rest: it is tried again.
        let next = match whole {
            true => woken.recv().map_err(RecvTimeoutError::from),
            false => woken.recv_timeout(AGAIN),
        };
        if next == Err(RecvTimeoutError::Disconnected) {
            return;
        }
        // Passive: it waits for nobody and nobody for it.
        let done =
            db.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)").and_then(|mut checkpoint| {
                checkpoint.query_row([], |row| {
                    let [busy, log, back] = [row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?];
                    Ok(busy == 0 && log == back)
                })
            });
        whole = done.unwrap_or_else(|error| {
            // Nothing is lost by it: the write-ahead log holds all of it.
            tracing::warn!(%error, "the event log was not written back");
            true
        });
    }
}

/// Time between two tries to write back all.
const AGAIN: Duration = Duration::from_millis(100);
/// About 10 MiB of write-ahead log, with events of 1 KiB.
pub(super) const ORDERS: usize = 2048;
pub(super) const BYTES: usize = 8 * 1024 * 1024;
