//! Whether a database holds what this program would have written.

use std::path::Path;

use rusqlite::{Connection, Row, params};
use serde::Deserialize;

use super::OpenError;
use super::open::{named, readable};
use crate::domain::{ConversationId, Source};
use crate::log::ConversationKey;
use crate::log::stored::{MAX_ID, id_of, kind_from, row_of};

/// How much [`check`] has looked at, and what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Conversations.
    pub conversations: u64,
    /// Events.
    pub events: u64,
    /// Faults found.
    pub faults: u64,
}

/// Looks at everything in the database of `folder` as it is at this moment: the file by SQLite's
/// quick check, the ids of each conversation dense from 0, each event JSON that says the same as its
/// row. Tells `fault` each fault in one line. Blocks on the disk; a server may run.
///
/// # Errors
/// [`OpenError`] when it cannot be looked at.
pub(crate) fn check(folder: &Path, fault: impl FnMut(&str)) -> Result<Findings, OpenError> {
    let (file, db) = readable(folder)?;
    let mut check = Check { db: &db, fault, found: Findings::default() };
    match check.all() {
        Ok(()) => {}
        // What the quick check has named already, seen again by reading.
        Err(error) if check.found.faults > 0 => check.fault(&format!("reading stopped: {error}")),
        Err(error) => return Err(named(&file, error)),
    }
    Ok(check.found)
}

struct Check<'a, F> {
    db: &'a Connection,
    fault: F,
    found: Findings,
}

impl<F: FnMut(&str)> Check<'_, F> {
    fn all(&mut self) -> Result<(), rusqlite::Error> {
        let db = self.db;
        // One snapshot, however long it takes.
        db.execute_batch("BEGIN")?;
        let mut query = db.prepare("PRAGMA quick_check")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let text: String = row.get(0)?;
            if text != "ok" {
                self.fault(&format!("database: {}", text.replace('\n', " ")));
            }
        }
        let mut query =
            db.prepare("SELECT key, id, next_id, agent_cursor FROM conversations ORDER BY key")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            self.conversation(row)?;
        }
        let mut query = db.prepare(
            "SELECT row >> 32, count(*) FROM events \
             WHERE row >> 32 NOT IN (SELECT key FROM conversations) GROUP BY row >> 32",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (key, count): (i64, i64) = (row.get(0)?, row.get(1)?);
            self.fault(&format!("{count} events of no conversation, their key is {key}"));
        }
        Ok(())
    }

    fn conversation(&mut self, row: &Row<'_>) -> Result<(), rusqlite::Error> {
        let (key, id): (u32, String) = (row.get(0)?, row.get(1)?);
        let (next_id, agent_cursor): (i64, i64) = (row.get(2)?, row.get(3)?);
        let next_id = u64::try_from(next_id).unwrap_or(0);
        self.found.conversations += 1;
        let name = format!("conversation {id:?}");
        if let Err(error) = ConversationId::new(&id) {
            self.fault(&format!("{name}: {error}"));
        }
        if u64::try_from(agent_cursor).map_or(true, |cursor| cursor > next_id) {
            self.fault(&format!("{name}: agent cursor {agent_cursor}, the next id is {next_id}"));
        }
        let db = self.db;
        let mut query = db.prepare_cached(
            "SELECT row, kind, source, json FROM events WHERE row BETWEEN ?1 AND ?2 ORDER BY row",
        )?;
        let key = ConversationKey(key);
        let mut rows = query.query(params![row_of(key, 0), row_of(key, MAX_ID)])?;
        let mut expected = 0;
        while let Some(row) = rows.next()? {
            self.found.events += 1;
            let id = id_of(row.get(0)?).0;
            self.gap(&name, expected, id);
            expected = id + 1;
            if let Some(what) = wrong(row, id)? {
                self.fault(&format!("{name}, event {id}: {what}"));
            }
        }
        self.gap(&name, expected, next_id);
        if expected > next_id {
            let last = expected - 1;
            self.fault(&format!("{name}: the last event is {last}, the next id is {next_id}"));
        }
        Ok(())
    }

    /// Tells that events are missing, if `found` is beyond `expected`.
    fn gap(&mut self, name: &str, expected: u64, found: u64) {
        if let Some(last) = found.checked_sub(1).filter(|last| *last >= expected) {
            match last == expected {
                true => self.fault(&format!("{name}: event {expected} is missing")),
                false => self.fault(&format!("{name}: events {expected} to {last} are missing")),
            }
        }
    }

    fn fault(&mut self, text: &str) {
        self.found.faults += 1;
        (self.fault)(text);
    }
}

/// An event of a kind that this program does not know was imported: clients are not sent it.
fn stands_for_unknown(kind: &str, told: &str) -> bool {
    kind_from(told).is_none()
        && matches!(
            (kind, told.split_once(':')),
            ("action:null", Some(("action", _))) | ("observation:null", Some(("observation", _)))
        )
}

/// What an event must say of itself; the rest must only be JSON.
#[derive(Deserialize)]
struct Event {
    id: u64,
    source: String,
    action: Option<String>,
    observation: Option<String>,
}

fn wrong(row: &Row<'_>, id: u64) -> Result<Option<String>, rusqlite::Error> {
    let (kind, source): (String, String) = (row.get(1)?, row.get(2)?);
    if kind_from(&kind).is_none() || Source::from_name(&source).is_none() {
        return Ok(Some(format!("unknown source and kind {source:?} {kind:?}")));
    }
    let json = row.get_ref(3)?.as_blob().unwrap_or_default();
    let event: Event = match serde_json::from_slice(json) {
        Ok(event) => event,
        Err(error) => return Ok(Some(format!("no event in JSON: {error}"))),
    };
    let told = match (&event.action, &event.observation) {
        (Some(action), None) => format!("action:{action}"),
        (None, Some(observation)) => format!("observation:{observation}"),
        _ => "neither action nor observation".to_owned(),
    };
    Ok(if event.id != id {
        Some(format!("its JSON has the id {}", event.id))
    } else if event.source != source {
        Some(format!("its JSON is from {:?}, its row from {source:?}", event.source))
    } else if told != kind && !stands_for_unknown(&kind, &told) {
        Some(format!("its JSON is {told:?}, its row {kind:?}"))
    } else {
        None
    })
}
