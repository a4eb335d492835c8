//! A connection, driven by messages, the application's answers and time, against a list of the
//! namespaces joined: caps hold, nothing panics, and after an error everything is refused.
//!
//! Input: one operation per line, so that people can write seeds by hand. A first line `!` joins `/`
//! implicitly.
//!
//! | line | operation |
//! |---|---|
//! | `4…` | a text message as on the wire |
//! | `b…` | a binary message |
//! | `a/`, `a/x` | accept a namespace |
//! | `r/`, `r/x` | refuse it |
//! | `d/`, `d/x` | make the client leave it |
//! | `+…` | one second passes for each byte that follows |

#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineio::proto::{Message, Text, Time};
use libfuzzer_sys::fuzz_target;
use socketio::proto::{Args, Config, Connection, Error, Event, Misuse, Namespace};

fuzz_target!(|input: &[u8]| {
    let (implicit_connect, input) = match input.strip_prefix(b"!\n") {
        Some(rest) => (true, rest),
        None => (false, input),
    };
    let mut model = Model::new(implicit_connect);
    for line in input.split(|byte| *byte == b'\n') {
        let Some((kind, rest)) = line.split_first() else { continue };
        let text = String::from_utf8_lossy(rest);
        match (kind, text.parse::<Namespace>()) {
            (b'4', _) => model.message(Message::Text(Text::new(&text))),
            (b'b', _) => model.message(Message::Binary(Bytes::copy_from_slice(rest))),
            (b'a', Ok(namespace)) => model.accept(&namespace),
            (b'r', Ok(namespace)) => model.refuse(&namespace),
            (b'd', Ok(namespace)) => model.disconnect(&namespace),
            (b'+', _) => model.pass(rest.len()),
            _ => {}
        }
        model.check();
    }
});

struct Model {
    connection: Connection,
    config: Config,
    now: Time,
    failed: bool,
    /// Namespaces that the client has asked to join (false) or has joined (true).
    namespaces: BTreeMap<Namespace, bool>,
}

impl Model {
    fn new(implicit_connect: bool) -> Self {
        let config = Config {
            implicit_connect,
            max_namespaces: 3,
            max_attachments: 2,
            max_attachment_bytes: 6,
            max_namespace_len: 6,
            attachments_timeout: Duration::from_secs(4),
            connect_timeout: Duration::from_secs(6),
            ..Config::default()
        };
        Self {
            connection: Connection::new(Arc::new(config.clone()), Time::ZERO),
            config,
            now: Time::ZERO,
            failed: false,
            namespaces: BTreeMap::new(),
        }
    }

    fn message(&mut self, message: Message) {
        let events = match self.connection.handle_message(self.now, message) {
            Ok(events) => events,
            Err(Error::Misuse(Misuse::Closed)) => return assert!(self.failed, "closed too early"),
            Err(Error::Peer(error)) => {
                assert!(!self.failed, "{error} after the end");
                self.failed = true;
                return;
            }
            Err(other) => panic!("{other}"),
        };
        assert!(!self.failed, "a message was taken after the end");
        for event in events {
            self.event(event);
        }
        // Happens only as the answer to a second CONNECT for a namespace that is joined already.
        if let Some(answer) = self.connection.poll_transmit() {
            assert!(self.config.implicit_connect);
            assert_eq!(&answer.text().wire()[..], br#"40{"sid":"id"}"#);
            assert_eq!(self.namespaces.get("/"), Some(&true));
        }
        assert_eq!(self.connection.poll_transmit(), None);
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Connect { namespace, .. } => {
                assert!(namespace.as_str().len() <= self.config.max_namespace_len);
                let before = self.namespaces.insert(namespace, false);
                assert_eq!(before, None, "asked to join twice");
            }
            Event::Event { namespace, args, .. } | Event::Ack { namespace, args, .. } => {
                assert!(self.namespaces.contains_key(&namespace), "{namespace} is not joined");
                self.attachments(&args);
            }
            Event::Disconnect { namespace } => {
                assert!(self.namespaces.remove(&namespace).is_some(), "left {namespace} twice");
            }
        }
    }

    fn attachments(&self, args: &Args) {
        let bytes: usize = args.attachments().iter().map(Bytes::len).sum();
        assert!(args.attachments().len() <= self.config.max_attachments);
        assert!(bytes <= self.config.max_attachment_bytes);
    }

    fn accept(&mut self, namespace: &Namespace) {
        let waits = self.namespaces.get(namespace) == Some(&false);
        assert_eq!(self.connection.accept(namespace, "id").is_some(), waits);
        if waits {
            self.namespaces.insert(namespace.clone(), true);
        }
    }

    fn refuse(&mut self, namespace: &Namespace) {
        let waits = self.namespaces.get(namespace) == Some(&false);
        assert_eq!(self.connection.refuse(namespace, "no", None).is_some(), waits);
        if waits {
            self.namespaces.remove(namespace);
        }
    }

    fn disconnect(&mut self, namespace: &Namespace) {
        let joined = self.namespaces.get(namespace) == Some(&true);
        assert_eq!(self.connection.disconnect(namespace).is_some(), joined);
        if joined {
            self.namespaces.remove(namespace);
        }
    }

    fn pass(&mut self, seconds: usize) {
        self.now = self.now + Duration::from_secs(seconds as u64);
        let due = self.connection.poll_timeout().is_some_and(|at| at <= self.now);
        let result = self.connection.handle_timeout(self.now);
        if !self.failed {
            assert_eq!(result.is_err(), due, "{result:?}");
            self.failed = result.is_err();
        }
    }

    fn check(&self) {
        assert!(self.namespaces.len() <= self.config.max_namespaces);
        let joined = self.namespaces.iter().filter(|(_, joined)| **joined).map(|(name, _)| name);
        assert!(self.connection.joined().eq(joined));
        for (name, joined) in &self.namespaces {
            assert_eq!(self.connection.is_joined(name), *joined);
        }
        if self.failed {
            assert_eq!(self.connection.poll_timeout(), None);
        }
    }
}
