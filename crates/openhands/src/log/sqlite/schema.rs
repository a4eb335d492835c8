//! The tables, version by version: a new file is made by all changes, an older one by those it lacks.

/// The newest version this program knows, and the one it writes.
pub(super) const SCHEMA_VERSION: i64 = CHANGES.len() as i64;

/// What a file of this version lacks, in order; version 0 is an empty file.
pub(super) fn since(version: i64) -> impl Iterator<Item = &'static str> {
    CHANGES.iter().skip(usize::try_from(version).unwrap_or(0)).copied()
}

/// Each is one version. What was released is never changed here: a further version is added.
const CHANGES: &[&str] = &[EVENTS, OWNERS, ARRIVAL];

/// Events of one conversation lie together: the row is its key and the event's id in one number.
/// The two partial indexes answer [`crate::log::Sort`].
const EVENTS: &str = "
CREATE TABLE conversations (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    next_id INTEGER NOT NULL DEFAULT 0,
    agent_cursor INTEGER NOT NULL DEFAULT 0,
    last_time TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE events (
    row INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    json BLOB NOT NULL
) STRICT;
CREATE INDEX agent_states ON events(row) WHERE kind = 'observation:agent_state_changed';
CREATE INDEX from_user ON events(row) WHERE source = 'user';
";

/// The owner of a conversation, null when nobody owns it, and its shares: `*` is everyone.
/// The trigger runs whichever statement deletes a conversation.
const OWNERS: &str = "
ALTER TABLE conversations ADD COLUMN owner TEXT;
CREATE INDEX of_owner ON conversations(owner) WHERE owner IS NOT NULL;
CREATE TABLE shares (
    key INTEGER NOT NULL,
    user TEXT NOT NULL,
    may TEXT NOT NULL,
    PRIMARY KEY (key, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX of_user ON shares(user);
CREATE TRIGGER shares_end AFTER DELETE ON conversations
BEGIN DELETE FROM shares WHERE key = OLD.key; END;
";

/// Events lie as they arrived, and `row` finds them: conversations that grow side by side all write
/// at the end of the table, and only entries of an index in a place for each. Those of an older
/// file are put one conversation after the other.
const ARRIVAL: &str = "
ALTER TABLE events RENAME TO events_of_2;
DROP INDEX agent_states;
DROP INDEX from_user;
CREATE TABLE events (
    arrival INTEGER PRIMARY KEY,
    row INTEGER NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    json BLOB NOT NULL
) STRICT;
INSERT INTO events (row, kind, source, json)
    SELECT row, kind, source, json FROM events_of_2 ORDER BY row;
DROP TABLE events_of_2;
CREATE INDEX agent_states ON events(row) WHERE kind = 'observation:agent_state_changed';
CREATE INDEX from_user ON events(row) WHERE source = 'user';
";

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::domain::{Access, Audience, Draft, Position, Right, Share};
    use crate::log::sqlite::{Snapshot, SqliteConfig, SqliteLog, backup, check};
    use crate::log::{EventLog as _, Sort};

    fn version(db: &Connection) -> i64 {
        db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    /// A folder with a file as an earlier version left it: two conversations of two events.
    fn older(version: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let db = Connection::open(folder.path().join("openhands.db")).unwrap();
        CHANGES.iter().take(version).for_each(|change| db.execute_batch(change).unwrap());
        let time = "2026-11-20T00:00:00.000000";
        let mut insert = db.prepare("INSERT INTO events VALUES (?1, ?2, 'user', ?3)").unwrap();
        for (key, id) in [(1_i64, "old"), (2, "other")] {
            db.execute(
                "INSERT INTO conversations (id, title, created_at, updated_at, next_id, last_time) \
                 VALUES (?1, 'Old', ?2 || 'Z', ?2 || 'Z', 2, ?2)",
                [id, time],
            )
            .unwrap();
            for (event, kind) in [(0, "action:message"), (1, "observation:agent_state_changed")] {
                let (class, name) = kind.split_once(':').unwrap();
                let json = format!(r#"{{"id":{event},"source":"user","{class}":"{name}"}}"#);
                insert.execute((key << 32 | event, kind, json.as_bytes())).unwrap();
            }
        }
        drop(insert);
        // Written out: what was released stays as it was.
        db.execute_batch(&format!(
            "PRAGMA application_id = {}; PRAGMA user_version = {version};",
            0x4f48_6576
        ))
        .unwrap();
        db.close().unwrap();
        folder
    }

    #[tokio::test]
    async fn files_of_older_versions_are_opened_with_all_they_hold() {
        for version in [1, 2] {
            let folder = older(version);
            let log = SqliteLog::open(folder.path(), SqliteConfig::default()).unwrap();
            let id = "old".parse().unwrap();
            let found = log.conversation(&id).await.unwrap().unwrap();
            assert_eq!((found.title.as_str(), found.head.position.0), ("Old", 2));
            assert_eq!(found.access, Access::default(), "nobody's");
            assert_eq!(log.unread(9).await.unwrap().len(), 2);
            let newest = log.newest(found.key, Sort::AgentState, Position(2)).await.unwrap();
            assert_eq!(newest.unwrap().id.0, 1);
            let appended = log.append(found.key, vec![Draft::user_message("new")], None).await;
            assert_eq!(appended.unwrap()[0].id.0, 2);
            let shares = vec![Share { with: Audience::Everyone, right: Right::Read }];
            let access = Access { owner: Some("alice".parse().unwrap()), shares };
            assert!(log.set_access(&id, access.clone()).await.unwrap());
            log.close().await;

            let checked = check(folder.path(), |fault| panic!("{fault}")).unwrap();
            assert_eq!((checked.conversations, checked.events), (2, 5));
            let db = Connection::open(folder.path().join("openhands.db")).unwrap();
            assert_eq!(self::version(&db), SCHEMA_VERSION);
            let log = SqliteLog::open(folder.path(), SqliteConfig::default()).unwrap();
            assert_eq!(log.conversation(&id).await.unwrap().unwrap().access, access);
        }
    }

    #[test]
    fn tools_copy_a_file_of_an_older_version_and_refuse_to_read_it() {
        let folder = older(2);
        let target = folder.path().join("copy");
        backup(folder.path(), &target, |_, _| {}).unwrap();
        assert_eq!(version(&Connection::open(&target).unwrap()), 2);
        for refused in
            [check(folder.path(), |_| {}).unwrap_err(), Snapshot::open(folder.path()).unwrap_err()]
        {
            let text = refused.to_string();
            assert!(
                text.ends_with(
                    "has schema version 2, to be read it needs version 3: start the server once"
                ),
                "{text}"
            );
        }
    }
}
