//! Folders that cannot be opened, and disks that fill up.

use std::fs;

use super::*;

fn refusal(folder: &Path) -> String {
    let error = SqliteLog::open(folder, SqliteConfig::default()).unwrap_err();
    error.to_string().replace(&*folder.to_string_lossy(), "DIR")
}

fn database(folder: &Path) -> std::path::PathBuf {
    folder.join("openhands.db")
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert_eq!(refusal(&file), "cannot write in the data folder DIR");
    assert_eq!(refusal(&file.join("below")), "cannot write in the data folder DIR");
}

#[test]
fn a_second_server_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _log = open(folder.path());
    assert_eq!(refusal(folder.path()), "another server uses the data folder DIR");
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = "not a database\n".repeat(100);
    fs::write(database(folder.path()), &text).unwrap();
    assert_eq!(refusal(folder.path()), "DIR/openhands.db is not a database");
    assert_eq!(fs::read_to_string(database(folder.path())).unwrap(), text);
}

#[test]
fn files_of_other_programs_and_newer_versions_are_left_alone() {
    for (pragmas, text) in [
        (
            "PRAGMA application_id = 7; CREATE TABLE x (y)",
            "DIR/openhands.db belongs to another application: its id is 0x7, ours 0x4f486576",
        ),
        (
            "CREATE TABLE x (y)",
            "DIR/openhands.db belongs to another application: its id is 0x0, ours 0x4f486576",
        ),
        (
            "PRAGMA application_id = 0x4f486576; PRAGMA user_version = 4; CREATE TABLE x (y)",
            "DIR/openhands.db has schema version 4, this program knows versions up to 3",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let db = rusqlite::Connection::open(database(folder.path())).unwrap();
        db.execute_batch(pragmas).unwrap();
        db.close().unwrap();
        let before = fs::read(database(folder.path())).unwrap();
        assert_eq!(refusal(folder.path()), text);
        assert_eq!(fs::read(database(folder.path())).unwrap(), before);
    }
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let key = create(&log, "a").await;
    for _ in 0..200 {
        append(&log, key, &"x".repeat(500)).await.unwrap();
    }
    log.close().await;
    let whole = fs::read(database(folder.path())).unwrap();
    let mut scratched = whole.clone();
    let middle = scratched.len() / 2;
    scratched[middle..middle + 8192].fill(0xff);
    for damaged in [&whole[..whole.len() / 2], &scratched] {
        fs::write(database(folder.path()), damaged).unwrap();
        let text = refusal(folder.path());
        assert!(text.starts_with("DIR/openhands.db is damaged: "), "{text}");
        assert_eq!(fs::read(database(folder.path())).unwrap(), damaged);
    }
    fs::write(database(folder.path()), whole).unwrap();
    assert_eq!(append(&open(folder.path()), key, "x").await.unwrap(), EventId(200));
}

#[tokio::test]
async fn a_first_start_that_was_killed_early_is_no_hindrance() {
    let folder = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(database(folder.path())).unwrap();
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    db.close().unwrap();
    create(&open(folder.path()), "a").await;
}

#[tokio::test]
async fn a_full_disk_loses_nothing_acknowledged_and_reuses_no_id() {
    let folder = tempfile::tempdir().unwrap();
    let config = SqliteConfig { database_bytes: Some(400_000), ..SqliteConfig::default() };
    let log = SqliteLog::open(folder.path(), config).unwrap();
    let (ballast, key) = (create(&log, "ballast").await, create(&log, "a").await);
    for _ in 0..20 {
        append(&log, ballast, &"b".repeat(2000)).await.unwrap();
    }
    let mut acknowledged = Vec::new();
    let error = loop {
        // Several at once, so that a failed commit hits more than one appender.
        let batch = (0..4).map(|_| append(&log, key, "text of an event"));
        let mut failed = None;
        for answer in join_all(batch).await {
            match answer {
                Ok(id) => acknowledged.push(id.0),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            break error;
        }
    };
    assert!(matches!(error, LogError::Write(_)), "{error}");
    acknowledged.sort_unstable();
    let count = acknowledged.len() as u64;
    assert_eq!(acknowledged, (0..count).collect::<Vec<_>>());
    let stored: Vec<u64> = all_ids(&log, key).await;
    assert_eq!(stored, acknowledged);
    assert_eq!(log.head(key).await.unwrap().position, Position(count));

    assert!(log.delete(&id("ballast")).await.unwrap());
    assert_eq!(append(&log, key, "room again").await.unwrap(), EventId(count));
    assert_eq!(all_ids(&log, key).await, (0..=count).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_lock_of_another_program_fails_appends_until_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let config = SqliteConfig { busy: Duration::from_millis(20), ..SqliteConfig::default() };
    let log = SqliteLog::open(folder.path(), config).unwrap();
    let key = create(&log, "a").await;
    append(&log, key, "before").await.unwrap();
    let other = rusqlite::Connection::open(database(folder.path())).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..3 {
        let error = append(&log, key, "meanwhile").await.unwrap_err();
        assert!(matches!(error, LogError::Write(_)), "{error}");
        assert_eq!(all_ids(&log, key).await, [0], "reading goes on");
    }
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(append(&log, key, "after").await.unwrap(), EventId(1));
    assert_eq!(all_ids(&log, key).await, [0, 1]);
}

/// A folder as a killed server leaves it, with this many events in the write-ahead log.
async fn killed(events: u64) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let key = create(&log, "a").await;
    for _ in 0..events {
        append(&log, key, "text of an event").await.unwrap();
    }
    let left = tempfile::tempdir().unwrap();
    for name in ["openhands.db", "openhands.db-wal"] {
        fs::copy(folder.path().join(name), left.path().join(name)).unwrap();
    }
    let wal = left.path().join("openhands.db-wal");
    (left, wal)
}

#[tokio::test]
async fn a_write_that_was_torn_behind_the_last_commit_loses_nothing() {
    let (folder, wal) = killed(20).await;
    let mut torn = fs::read(&wal).unwrap();
    let half = torn[32..32 + 3000].to_vec();
    torn.extend(half);
    fs::write(&wal, torn).unwrap();
    let log = open(folder.path());
    let key = create(&log, "a").await;
    assert_eq!(all_ids(&log, key).await, (0..20).collect::<Vec<_>>());
    assert_eq!(append(&log, key, "x").await.unwrap(), EventId(20));
}

#[tokio::test]
async fn a_log_that_lost_its_end_has_what_was_before_without_a_hole() {
    let (folder, wal) = killed(20).await;
    let whole = fs::read(&wal).unwrap();
    for cut in [whole.len() - 1, whole.len() / 2, 40, 0] {
        let folder = {
            let copy = tempfile::tempdir().unwrap();
            fs::copy(database(folder.path()), database(copy.path())).unwrap();
            fs::write(copy.path().join("openhands.db-wal"), &whole[..cut]).unwrap();
            copy
        };
        let log = open(folder.path());
        let key = create(&log, "a").await;
        let left = all_ids(&log, key).await;
        assert!(left.len() < 20, "{} of 20", left.len());
        assert_eq!(left, (0..left.len() as u64).collect::<Vec<_>>());
        assert_eq!(append(&log, key, "x").await.unwrap(), EventId(left.len() as u64));
        log.close().await;
        let checked = crate::log::sqlite::check(folder.path(), |fault| panic!("{fault}"));
        assert_eq!(checked.unwrap().faults, 0);
    }
}

#[tokio::test]
async fn an_empty_database_beside_a_log_with_events_is_refused_and_left_alone() {
    let (folder, wal) = killed(3).await;
    let (bytes, log) = (fs::read(database(folder.path())).unwrap(), fs::read(&wal).unwrap());
    for is_gone in [false, true] {
        match is_gone {
            true => fs::remove_file(database(folder.path())).unwrap(),
            false => fs::write(database(folder.path()), "").unwrap(),
        }
        let text = refusal(folder.path());
        let start = "DIR/openhands.db is damaged: it has 0 bytes, its write-ahead log ";
        assert!(text.starts_with(start), "{text}");
        assert_eq!(fs::read(&wal).unwrap(), log);
    }
    fs::write(database(folder.path()), bytes).unwrap();
    let log = open(folder.path());
    let key = create(&log, "a").await;
    assert_eq!(all_ids(&log, key).await, [0, 1, 2]);
}

#[tokio::test]
async fn what_is_deleted_makes_the_file_smaller() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let (ballast, key) = (create(&log, "ballast").await, create(&log, "a").await);
    for _ in 0..40 {
        append(&log, ballast, &"b".repeat(100_000)).await.unwrap();
    }
    append(&log, key, "kept").await.unwrap();
    assert!(log.size(ballast).await.unwrap() > 4_000_000);
    assert!(log.delete(&id("ballast")).await.unwrap());
    assert_eq!(log.size(ballast).await.unwrap(), 0);
    assert!(log.oldest(9).await.unwrap().used < 200_000);
    let path = database(folder.path());
    let gave_back = async {
        while fs::metadata(&path).unwrap().len() > 200_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gave_back).await.unwrap();
    assert_eq!(append(&log, key, "after").await.unwrap(), EventId(1));
    assert_eq!(all_ids(&log, key).await, [0, 1]);
}

pub(super) async fn all_ids(log: &SqliteLog, key: ConversationKey) -> Vec<u64> {
    let (mut all, mut more) = (Vec::new(), true);
    while more {
        let (page, rest) = ids(log, key, forward(all.len() as u64)).await;
        all.extend(page);
        more = rest;
    }
    all
}
