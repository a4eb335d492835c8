//! Sockets of `socket.io-client`, driven from Rust.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};

use crate::Script;

/// A release of `socket.io-client`, by the name it is installed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    package: &'static str,
}

impl Release {
    /// The newest.
    pub fn v4_8() -> Self {
        Self { package: "socket.io-client" }
    }

    /// The first that recovers sessions.
    pub fn v4_6() -> Self {
        Self { package: "socket.io-client-4.6" }
    }

    /// The first of 4.
    pub fn v4_0() -> Self {
        Self { package: "socket.io-client-4.0" }
    }

    /// The last of 3, the first with protocol v5.
    pub fn v3_1() -> Self {
        Self { package: "socket.io-client-3" }
    }

    /// The last of 2, over Engine.IO v3.
    pub fn v2_5() -> Self {
        Self { package: "socket.io-client-2" }
    }

    /// Whether it speaks protocol v4 over Engine.IO v3.
    pub fn is_v2(self) -> bool {
        self == Self::v2_5()
    }
}

/// A node process with any number of sockets, each under a name that the test gives it.
///
/// Reports of one socket are read in the order in which they happened; there is no order between
/// sockets. Every event is acked, if the server asks, with the arguments it came with.
#[derive(Debug)]
pub struct SocketIo {
    script: Script,
    unread: HashMap<String, VecDeque<(String, Value)>>,
}

impl SocketIo {
    /// Starts the process, with the newest release.
    pub fn start() -> Self {
        Self::of(Release::v4_8())
    }

    /// Starts the process, with this release.
    pub fn of(release: Release) -> Self {
        let script = Script::node("socketio/client.mjs", &[release.package]);
        Self { script, unread: HashMap::new() }
    }

    /// Opens a socket: `io(url, options)`.
    pub async fn open(&mut self, socket: &str, url: &str, options: Value) {
        self.script.tell(&json!(["open", socket, url, options])).await;
    }

    /// As `socket.emit(...args)`; the first is the event's name.
    pub async fn emit(&mut self, socket: &str, args: Value) {
        self.script.tell(&json!(["emit", socket, args])).await;
    }

    /// Emits several events as `socket.emit(...args)` does, all within one turn of the client's loop.
    pub async fn emit_at_once(&mut self, socket: &str, events: Vec<Value>) {
        self.script.tell(&json!(["emitAll", socket, events])).await;
    }

    /// Emits and asks for an ack; it is reported as `ack`, with its arguments.
    pub async fn ask(&mut self, socket: &str, args: Value) {
        self.script.tell(&json!(["ask", socket, [args]])).await;
    }

    /// Emits several events and asks for an ack of each, all within one turn of the client's loop.
    pub async fn ask_at_once(&mut self, socket: &str, events: Vec<Value>) {
        self.script.tell(&json!(["ask", socket, events])).await;
    }

    /// Waits until the socket's connection is a websocket.
    pub async fn upgraded(&mut self, socket: &str) {
        self.script.tell(&json!(["upgrade", socket])).await;
        assert_eq!(self.expect(socket, "upgrade").await, "websocket");
    }

    /// As `socket.disconnect()`.
    pub async fn disconnect(&mut self, socket: &str) {
        self.script.tell(&json!(["disconnect", socket])).await;
    }

    /// The value of the next report of this socket, which must be of this kind:
    ///
    /// | kind | value |
    /// |---|---|
    /// | `connect` | the socket's id |
    /// | `connect_error` | `{"message", "data"}` |
    /// | `event` | the arguments, the name first |
    /// | `ack` | the arguments |
    /// | `disconnect` | the reason |
    pub async fn expect(&mut self, socket: &str, kind: &str) -> Value {
        let (reported, value) = self.next(socket).await;
        assert_eq!(reported, kind, "socket {socket} reports {reported} {value}");
        value
    }

    /// The next report of this socket, whatever it is.
    pub async fn next(&mut self, socket: &str) -> (String, Value) {
        loop {
            let unread = self.unread.get_mut(socket).and_then(VecDeque::pop_front);
            if let Some(report) = unread {
                return report;
            }
            let Some((about, report)) = self.script.report().await else {
                let why = self.script.end().await;
                panic!("the client ends before socket {socket} reports: {why}");
            };
            match serde_json::from_value(report) {
                Ok(report) => self.unread.entry(about).or_default().push_back(report),
                Err(error) => panic!("the client says what is no report: {error}"),
            }
        }
    }

    /// Forgets all sockets. Reports that nobody read fail the test.
    pub async fn clear(&mut self) {
        self.script.tell(&json!(["clear"])).await;
        self.expect("all", "cleared").await;
        let unread = std::mem::take(&mut self.unread);
        let unread = unread.into_iter().find(|(_, reports)| !reports.is_empty());
        assert_eq!(unread, None, "reports that the test did not expect");
    }

    /// Ends the process. Reports that nobody read fail the test.
    pub async fn finish(mut self) {
        self.clear().await;
        self.script.tell(&json!(["end"])).await;
        self.script.finish().await;
    }
}

/// Bytes among the arguments of an event, as the client's reports show them too.
pub fn bytes(bytes: &[u8]) -> Value {
    json!({ "$bytes": bytes })
}
