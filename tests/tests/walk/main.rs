//! The walks of `docs/ARCHITECTURE.md` are the walks that run.
//!
//! The server runs under callgrind. For each walk the test does one operation, takes what ran
//! meanwhile, and compares the files with the table of the page: a file that is entered and not
//! named fails, and so does one that is named and not entered. `WALKS=write cargo test -p tests
//! --test walk` writes the tables anew; each sentence is the first one of the file's own head.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod profile;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use profile::{Profile, Reached};
use serde_json::{Value, json};
use tests::{OpenHands, SocketIo, Tool, install, tests, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One table of the page.
struct Walk {
    /// Its name in the comments around the table.
    name: &'static str,
    /// Where it begins: files below `crates/`.
    roots: &'static [&'static str],
    /// What it does not follow, for that is another walk.
    cuts: &'static [&'static str],
    /// The most files in all and of one crate, and the most times that the session is locked.
    most: (usize, usize, u64),
}

const DRIVER: &str = "engineio/src/session/driver.rs";
const WRITER: &str = "openhands/src/log/sqlite/writer.rs";
const FEED: &str = "openhands/src/live/feed.rs";
/// Where a session is locked: one function, whose calls are counted.
const LOCK: (&str, &str) = ("engineio/src/session/shared.rs", ">::lock");

const EVENT_IN: Walk =
    Walk { name: "an event comes in", roots: &[DRIVER, WRITER], cuts: &[FEED], most: (49, 21, 14) };
const EVENT_OUT: Walk = Walk {
    name: "an event goes out",
    roots: &["openhands/src/hub/core.rs", DRIVER],
    cuts: &[],
    most: (36, 20, 14),
};
const HANDSHAKE: Walk = Walk {
    name: "a client connects",
    roots: &["engineio/src/server/service.rs", DRIVER],
    cuts: &[],
    most: (71, 34, 40),
};
const REST: Walk = Walk {
    name: "a REST call",
    roots: &["openhands/src/app/serve.rs", "openhands/src/log/sqlite/readers.rs"],
    // Waking a task is one function of std for all of them, those of sessions too.
    cuts: &[DRIVER, "engineio/src/session/shared.rs"],
    most: (28, 27, 0),
};

#[tokio::test]
async fn the_walks_of_the_architecture_are_those_that_run() {
    let server = Observed::start().await;
    let mut client = SocketIo::start();
    let message = json!({"type": "message", "source": "user", "message": "Hello!"});
    let mut walks = Vec::new();

    join(&mut client, "a", &server, "walk").await;
    // What happens once, such as a thread's first use of a buffer, belongs to no walk.
    for _ in 0..2 {
        client.ask("a", json!(["oh_user_action", message])).await;
        answered(&mut client).await;
    }
    server.idle().await;
    client.ask("a", json!(["oh_user_action", message])).await;
    answered(&mut client).await;
    walks.push((EVENT_IN, server.idle().await.unwrap()));

    let post = ("POST", "/api/conversations/walk/message", r#"{"message":"Hello!"}"#);
    for _ in 0..2 {
        server.ask(post).await;
        client.expect("a", "event").await;
    }
    server.idle().await;
    server.ask(post).await;
    client.expect("a", "event").await;
    walks.push((EVENT_OUT, server.idle().await.unwrap()));
    // A heartbeat of a session that is still there would be taken for a part of the next walks.
    leave(&mut client, "a").await;

    for socket in ["b", "c"] {
        join(&mut client, socket, &server, "empty").await;
        leave(&mut client, socket).await;
    }
    server.idle().await;
    join(&mut client, "d", &server, "empty").await;
    walks.push((HANDSHAKE, server.idle().await.unwrap()));
    leave(&mut client, "d").await;

    let get = ("GET", "/api/conversations/walk/events?limit=3", "");
    for _ in 0..2 {
        server.ask(get).await;
    }
    server.idle().await;
    server.ask(get).await;
    walks.push((REST, server.idle().await.unwrap()));
    client.finish().await;

    let page = tests().join("../docs/ARCHITECTURE.md");
    let mut text = fs::read_to_string(&page).unwrap();
    let write = std::env::var_os("WALKS").is_some_and(|what| what == "write");
    let mut wrong = Vec::new();
    for (walk, profile) in &walks {
        let reached = profile.reach(walk.roots, walk.cuts, LOCK);
        if write {
            text.replace_range(part(&text, walk.name), &table(&reached));
        }
        wrong.extend(compare(walk, &reached, &named(&text, walk.name)));
    }
    if write {
        fs::write(&page, text).unwrap();
    }
    assert!(wrong.is_empty(), "docs/ARCHITECTURE.md and the server differ:\n{}", wrong.join("\n"));
}

/// Joins a conversation over a websocket.
async fn join(client: &mut SocketIo, socket: &str, server: &Observed, conversation: &str) {
    let query = json!({"conversation_id": conversation, "latest_event_id": -1});
    let options = json!({
        "transports": ["websocket"], "query": query, "forceNew": true, "reconnection": false
    });
    client.open(socket, &server.program.url(), options).await;
    client.expect(socket, "connect").await;
}

/// Closes a socket.
async fn leave(client: &mut SocketIo, socket: &str) {
    client.disconnect(socket).await;
    client.expect(socket, "disconnect").await;
}

/// Waits for an event and for the ack, whichever comes first.
async fn answered(client: &mut SocketIo) {
    let mut kinds: Vec<(String, Value)> = Vec::new();
    while kinds.len() < 2 {
        kinds.push(client.next("a").await);
    }
    kinds.sort_by(|a, b| a.0.cmp(&b.0));
    let names: Vec<&str> = kinds.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(names, ["ack", "event"], "{kinds:?}");
}

/// The server under callgrind.
struct Observed {
    program: OpenHands,
    dumps: tempfile::TempDir,
}

impl Observed {
    async fn start() -> Self {
        let valgrind = install(Tool::Valgrind);
        let dumps = tempfile::tempdir().unwrap();
        let wrapper = [
            valgrind.to_string_lossy().into_owned(),
            "--tool=callgrind".to_owned(),
            "--compress-strings=no".to_owned(),
            "--compress-pos=no".to_owned(),
            format!("--callgrind-out-file={}/out", dumps.path().display()),
        ];
        let program = OpenHands::start_under(&wrapper, &["--agent", "none"]).await;
        Self { program, dumps }
    }

    /// Waits until the server has nothing more to do. What ran since the last time; `None` when
    /// nothing did.
    async fn idle(&self) -> Option<Profile> {
        let pid = self.program.id().unwrap();
        // Nothing that a client sees says that the server's threads rest: the driver ends its turn
        // after the ack has left. Half a second is long for that, and a walk that ends later is
        // seen, for its files are missing.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let dump = Command::new("callgrind_control").args(["--dump", &pid.to_string()]).output();
        let dump = dump.expect("callgrind_control, which comes with valgrind");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        let newest = fs::read_dir(self.dumps.path()).unwrap().flatten().max_by_key(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            name.rsplit('.').next().and_then(|number| number.parse::<u32>().ok())
        });
        let text = String::from_utf8_lossy(&fs::read(newest?.path()).unwrap()).into_owned();
        Some(Profile::read(&text, &crates()))
    }

    /// One request of its own connection; the answer must be good.
    async fn ask(&self, (method, path, body): (&str, &str, &str)) {
        let address = self.program.address();
        let mut stream = within("connection", TcpStream::connect(address)).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within("answer", stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// The folder `crates/`, as the compiler writes it.
fn crates() -> PathBuf {
    tests().parent().unwrap().join("crates")
}

/// What is wrong with a walk.
fn compare(walk: &Walk, reached: &Reached, named: &[String]) -> Vec<String> {
    let name = walk.name;
    let mut wrong = Vec::new();
    for file in reached.files.iter().filter(|file| !named.contains(file)) {
        wrong.push(format!("{name}: enters {file}, which the page does not name"));
    }
    for file in named.iter().filter(|file| !reached.files.contains(file)) {
        wrong.push(format!("{name}: the page names {file}, which is not entered"));
    }
    let (files, of_a_crate, locks) = walk.most;
    if reached.files.len() > files {
        wrong.push(format!("{name}: {} files, the limit is {files}", reached.files.len()));
    }
    for (owner, count) in by_crate(&reached.files) {
        if count > of_a_crate {
            wrong.push(format!("{name}: {count} files of {owner}, the limit is {of_a_crate}"));
        }
    }
    if reached.counted > locks {
        wrong.push(format!(
            "{name}: locks the session {} times, the limit is {locks}",
            reached.counted
        ));
    }
    wrong
}

fn by_crate(files: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for owner in files.iter().filter_map(|file| file.split('/').next()) {
        *counts.entry(owner).or_default() += 1;
    }
    counts
}

/// A walk as the page shows it.
fn table(reached: &Reached) -> String {
    let counts = by_crate(&reached.files);
    let counts: Vec<String> =
        counts.iter().map(|(name, count)| format!("`{name}` {count}")).collect();
    let mut text = format!(
        "{} files: {}. The session is locked {} times.\n\n| file | what lives there |\n|---|---|\n",
        reached.files.len(),
        counts.join(", "),
        reached.counted
    );
    for file in &reached.files {
        text.push_str(&format!("| `{file}` | {} |\n", sentence(&crates().join(file))));
    }
    text
}

/// The first sentence of a file's head.
fn sentence(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let head = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let head: Vec<&str> = head.take_while(|line| !line.is_empty()).collect();
    let head = head.join(" ");
    let end = head.find(". ").map_or(head.len(), |end| end + 1);
    head[..end].to_owned()
}

/// Where the text between the two comments of a walk begins and ends.
fn part(text: &str, walk: &str) -> Range<usize> {
    let begin = format!("<!-- walk: {walk} -->\n");
    let begin = text.find(&begin).map(|at| at + begin.len());
    let begin = begin.unwrap_or_else(|| panic!("the page has no table of the walk {walk:?}"));
    let end = text[begin..].find("<!-- end of walk -->").map(|at| begin + at);
    begin..end.unwrap_or_else(|| panic!("the table of the walk {walk:?} has no end"))
}

/// The files that the page names for a walk.
fn named(text: &str, walk: &str) -> Vec<String> {
    let rows = text[part(text, walk)].lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(file, _)| file.to_owned()).collect()
}
