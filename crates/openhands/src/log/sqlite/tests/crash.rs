//! `kill -9` while events are appended. The test runs itself again as the victim.

use std::io::{BufRead as _, BufReader};
use std::process::{Command as Process, Stdio};

use super::failure::all_ids;
use super::*;

const FOLDER: &str = "OPENHANDS_CRASH_FOLDER";
const VICTIM: &str = "log::sqlite::tests::crash::appends_until_it_is_killed";

#[tokio::test]
async fn a_killed_server_has_every_acknowledged_event_and_no_hole() {
    let folder = tempfile::tempdir().unwrap();
    let mut known = 0;
    for round in 0..3 {
        let mut victim = Process::new(std::env::current_exe().unwrap())
            .args(["--exact", VICTIM, "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut acknowledged = Vec::new();
        let mut read_line = |acknowledged: &mut Vec<u64>| match lines.next() {
            Some(line) => {
                acknowledged
                    .extend(line.unwrap().strip_prefix("ack ").and_then(|i| i.parse::<u64>().ok()));
                true
            }
            None => false,
        };
        while acknowledged.len() < 150 + 40 * round && read_line(&mut acknowledged) {}
        victim.kill().unwrap();
        while read_line(&mut acknowledged) {}
        victim.wait().unwrap();

        assert!(acknowledged.len() >= 150, "the victim ended by itself");
        let log = open(folder.path());
        let key = create(&log, "a").await;
        let stored = all_ids(&log, key).await;
        assert_eq!(stored, (0..stored.len() as u64).collect::<Vec<_>>());
        assert_eq!(log.head(key).await.unwrap().position, Position(stored.len() as u64));
        for id in acknowledged {
            assert!(id >= known, "id {id} was given again");
            assert!(id < stored.len() as u64, "event {id} was acknowledged and is gone");
        }
        known = stored.len() as u64;
        assert_eq!(append(&log, key, "after").await.unwrap(), EventId(known));
        known += 1;
        log.close().await;
    }
}

#[tokio::test]
#[ignore = "the victim of the test above"]
async fn appends_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let log = open(Path::new(&folder));
    let key = create(&log, "a").await;
    println!();
    let appender = async || {
        for size in (1..=3).cycle() {
            let drafts = vec![Draft::user_message(&"x".repeat(300)); size];
            for event in log.append(key, drafts, None).await.unwrap() {
                println!("ack {}", event.id);
            }
        }
    };
    join_all((0..8).map(|_| appender())).await;
}
