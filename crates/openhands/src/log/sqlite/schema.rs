//! The tables, version by version: a new file is made by all changes, an older one by those it lacks.

/// The newest version this program knows, and the one it writes.
pub(super) const SCHEMA_VERSION: i64 = CHANGES.len() as i64;

/// What a file of this version lacks, in order; version 0 is an empty file.
pub(super) fn since(version: i64) -> impl Iterator<Item = &'static str> {
    CHANGES.iter().skip(usize::try_from(version).unwrap_or(0)).copied()
}

/// Each is one version. What was released is never changed here: a further version is added.
const CHANGES: &[&str] = &[EVENTS, OWNERS];

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

/// Whose a conversation is, nobody's when it is null, and whom it is shared with: `*` is everyone.
/// The trigger holds for whoever deletes a conversation.
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::domain::{Access, Audience, Draft, Right, Share};
    use crate::log::EventLog as _;
    use crate::log::sqlite::{SqliteConfig, SqliteLog};

    fn version(db: &Connection) -> i64 {
        db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    #[tokio::test]
    async fn a_file_of_version_1_is_opened_with_all_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("openhands.db");
        let db = Connection::open(&file).unwrap();
        db.execute_batch(EVENTS).unwrap();
        // Written out: what was released stays as it was.
        db.execute_batch(&format!(
            "PRAGMA application_id = {}; PRAGMA user_version = 1;
             INSERT INTO conversations (id, title, created_at, updated_at, next_id, last_time)
             VALUES ('old', 'Old', '2026-11-20T00:00:00.000000Z', '2026-11-20T00:00:00.000000Z',
                     1, '2026-11-20T00:00:00.000000');
             INSERT INTO events VALUES ({}, 'action:message', 'user',
                     CAST('{{\"id\":0,\"source\":\"user\",\"action\":\"message\"}}' AS BLOB));",
            0x4f48_6576,
            1_i64 << 32,
        ))
        .unwrap();
        db.close().unwrap();

        let log = SqliteLog::open(folder.path(), SqliteConfig::default()).unwrap();
        let id = "old".parse().unwrap();
        let found = log.conversation(&id).await.unwrap().unwrap();
        assert_eq!((found.title.as_str(), found.head.position.0), ("Old", 1));
        assert_eq!(found.access, Access::default(), "nobody's");
        let appended = log.append(found.key, vec![Draft::user_message("new")], None).await;
        assert_eq!(appended.unwrap()[0].id.0, 1);
        let shares = vec![Share { with: Audience::Everyone, right: Right::Read }];
        let access = Access { owner: Some("alice".parse().unwrap()), shares };
        assert!(log.set_access(&id, access.clone()).await.unwrap());
        log.close().await;

        assert_eq!(version(&Connection::open(&file).unwrap()), SCHEMA_VERSION);
        let log = SqliteLog::open(folder.path(), SqliteConfig::default()).unwrap();
        assert_eq!(log.conversation(&id).await.unwrap().unwrap().access, access);
    }
}
