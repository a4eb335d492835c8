//! Sockets of `socket.io-client`, driven from Rust.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};

use crate::Script;

/// A node process with any number of sockets, each under a name that the test gives it.
///
/// What a socket reports is read in the order it happened on that socket; between sockets there is
/// none. Every event is acked, if the server asks, with the arguments it came with.
#[derive(Debug)]
pub struct SocketIo {
    script: Script,
    unread: HashMap<String, VecDeque<(String, Value)>>,
}

impl SocketIo {
    /// Starts the process.
    pub fn start() -> Self {
        Self { script: Script::node("socketio/client.mjs", &[]), unread: HashMap::new() }
    }

    /// Opens a socket: `io(url, options)`.
    pub async fn open(&mut self, socket: &str, url: &str, options: Value) {
        self.script.tell(&json!(["open", socket, url, options])).await;
    }

    /// As `socket.emit(...args)`; the first is the event's name.
    pub async fn emit(&mut self, socket: &str, args: Value) {
        self.script.tell(&json!(["emit", socket, args])).await;
    }

    /// Emits and asks for an ack; it is reported as `ack`, with its arguments.
    pub async fn ask(&mut self, socket: &str, args: Value) {
        self.script.tell(&json!(["ask", socket, [args]])).await;
    }

    /// As [`SocketIo::ask`] for several events, all within one turn of the client's loop.
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

    /// Ends the process. Reports that nobody read fail the test.
    pub async fn finish(mut self) {
        self.script.tell(&json!(["end"])).await;
        let unread = self.unread.into_iter().find(|(_, reports)| !reports.is_empty());
        assert_eq!(unread, None, "reports that the test did not expect");
        self.script.finish().await;
    }
}

/// Bytes among the arguments of an event, as the client's reports show them too.
pub fn bytes(bytes: &[u8]) -> Value {
    json!({ "$bytes": bytes })
}
