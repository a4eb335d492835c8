//! Backup and check, beside a log that is open.

use rusqlite::Connection;

use super::*;
use crate::log::sqlite::check::Findings;
use crate::log::sqlite::{BackupError, backup, check};

async fn filled(folder: &Path) -> SqliteLog {
    let log = SqliteLog::open(folder, SqliteConfig::default()).unwrap();
    for name in ["a", "b"] {
        let id = name.parse().unwrap();
        let key = log.create(&id, "t", None, Vec::new()).await.unwrap().metadata.key;
        for number in 0..4 {
            let draft = Draft::user_message(&format!("{name} {number}"));
            log.append(key, vec![draft], None).await.unwrap();
        }
    }
    log
}

fn faults(folder: &Path) -> (Vec<String>, Findings) {
    let mut faults = Vec::new();
    let checked = check(folder, |fault| faults.push(fault.to_owned())).unwrap();
    (faults, checked)
}

#[tokio::test]
async fn a_backup_of_an_open_log_is_whole_and_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path()).await;
    let other = tempfile::tempdir().unwrap();
    let target = other.path().join("openhands.db");
    let mut told = Vec::new();
    let bytes = backup(folder.path(), &target, |done, all| told.push((done, all))).unwrap();
    assert_eq!(bytes, std::fs::metadata(&target).unwrap().len());
    assert!(told.last().is_some_and(|(done, all)| done == all && *all > 0), "{told:?}");
    let whole = Findings { conversations: 2, events: 8, faults: 0 };
    assert_eq!(faults(other.path()), (Vec::new(), whole));
    let left = std::fs::read_dir(other.path()).unwrap().map(|f| f.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().ends_with(".part")));

    let refused = backup(folder.path(), &target, |_, _| {}).unwrap_err();
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
    // The log goes on, and a server starts on the copy.
    log.close().await;
    let copy = SqliteLog::open(other.path(), SqliteConfig::default()).unwrap();
    let id = "b".parse().unwrap();
    assert_eq!(copy.conversation(&id).await.unwrap().unwrap().head.position, Position(4));
    let missing = backup(&other.path().join("none"), &other.path().join("x"), |_, _| {});
    assert!(missing.unwrap_err().to_string().contains("no event log in"));
}

#[tokio::test]
async fn each_fault_is_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path()).await;
    assert_eq!(faults(folder.path()).1, Findings { conversations: 2, events: 8, faults: 0 });
    log.close().await;
    let db = Connection::open(folder.path().join("openhands.db")).unwrap();
    let (a, b) = (1_i64 << 32, 2_i64 << 32);
    db.execute_batch(&format!(
        "DELETE FROM events WHERE row IN ({}, {}, {});
         UPDATE events SET json = CAST('{{nope' AS BLOB) WHERE row = {a};
         UPDATE events SET source = 'agent' WHERE row = {b};
         UPDATE events SET kind = 'action:run' WHERE row = {};
         UPDATE events SET row = {} WHERE row = {};
         UPDATE conversations SET agent_cursor = 9 WHERE id = 'b';",
        a + 1,
        a + 2,
        b + 3,
        b + 1,
        3_i64 << 32,
        a + 3,
    ))
    .unwrap();
    let (found, checked) = faults(folder.path());
    let expected = [
        "conversation \"a\", event 0: no event in JSON",
        "conversation \"a\": events 1 to 3 are missing",
        "conversation \"b\": agent cursor 9, the next id is 4",
        "conversation \"b\", event 0: its JSON is from \"user\", its row from \"agent\"",
        "conversation \"b\", event 1: its JSON is \"action:message\", its row \"action:run\"",
        "conversation \"b\": event 3 is missing",
        "1 events of no conversation, their key is 3",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
    assert_eq!(checked, Findings { conversations: 2, events: 4, faults: 7 });
}
