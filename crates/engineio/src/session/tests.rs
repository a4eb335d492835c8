//! Both roles driven by the same driver, over a websocket in memory.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::duplex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::*;
use crate::proto::Sid;
use crate::websocket::{Role as End, WebSocket};

/// A role that only remembers what it was told.
struct Told<M> {
    machine: std::marker::PhantomData<fn(M)>,
    packets_in: Mutex<u64>,
    closed: Mutex<Option<oneshot::Sender<Option<CloseReason>>>>,
}

struct Name(&'static str);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<M: Machine> Role for Told<M> {
    type Machine = M;
    type About = Name;

    fn count(&self, tally: Tally) {
        *self.packets_in.lock().unwrap() += tally.packets_in;
    }

    fn forget(&self, _: &Name, transport: Transport, reason: Option<&CloseReason>) {
        assert_eq!(transport, Transport::Websocket);
        if let Some(closed) = self.closed.lock().unwrap().take() {
            let _ = closed.send(reason.cloned());
        }
    }
}

/// A session with its figures, and the receiver of its end.
struct Running<M: Machine> {
    role: Arc<Told<M>>,
    shared: Arc<Shared<Told<M>>>,
    closed: oneshot::Receiver<Option<CloseReason>>,
}

/// Drives `machine` on `io`. The application `echoes` or does nothing but wait for the end.
fn run<M: Machine>(
    machine: M,
    name: &'static str,
    end: End,
    io: tokio::io::DuplexStream,
    echoes: bool,
) -> Running<M> {
    let (tell, closed) = oneshot::channel();
    let role = Arc::new(Told {
        machine: std::marker::PhantomData,
        packets_in: Mutex::default(),
        closed: Mutex::new(Some(tell)),
    });
    let shared = Arc::new(Shared::new(machine, Name(name), Instant::now()));
    let app = Arc::clone(&shared);
    let app = async move {
        if !echoes {
            return std::future::pending().await;
        }
        while let Some(message) = poll_fn(|cx| app.poll_recv(cx)).await {
            app.send(message.into()).unwrap();
        }
    };
    let websocket = WebSocket::on(io, end, MAX);
    Driver::spawn(Arc::clone(&role), Arc::clone(&shared), app.boxed(), Some(websocket));
    Running { role, shared, closed }
}

fn pair() -> (Running<server::Session>, Running<client::Session>) {
    let (near, far) = duplex(8 << 10);
    let sid = Sid::from_entropy([7; Sid::ENTROPY]);
    let machine = server::Session::new(sid, Transport::Websocket, Arc::default(), Time::ZERO);
    let server = run(machine, "server", End::Server, near, true);
    let machine = client::Session::new(Transport::Websocket, Arc::default(), Time::ZERO);
    let client = run(machine, "client", End::Client, far, false);
    (server, client)
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), future).await.unwrap()
}

#[tokio::test]
async fn a_client_talks_to_a_server_by_the_same_driver() {
    let (server, client) = pair();
    let messages: Vec<Message> = (0..300)
        .map(|number: usize| match number % 3 {
            0 => Message::from(&*number.to_string()),
            1 => Message::from(&*"é".repeat(number)),
            // Most are larger than the pipe; all together fit an outbox.
            _ => bytes::Bytes::from(vec![number as u8; number * 60]).into(),
        })
        .collect();
    let mut echoed = 0;
    for message in &messages {
        within(client.shared.ready()).await;
        client.shared.send(message.clone().into()).unwrap();
        while let Some(Some(message)) = poll_fn(|cx| client.shared.poll_recv(cx)).now_or_never() {
            assert!(message == messages[echoed], "{echoed}");
            echoed += 1;
        }
    }
    while echoed < messages.len() {
        let message = within(poll_fn(|cx| client.shared.poll_recv(cx))).await;
        assert!(message.as_ref() == messages.get(echoed), "{echoed}");
        echoed += 1;
    }
    client.shared.close();
    assert_eq!(within(poll_fn(|cx| client.shared.poll_recv(cx))).await, None);
    assert_eq!(within(client.closed).await.unwrap(), Some(CloseReason::ForcedClose));
    assert_eq!(within(server.closed).await.unwrap(), Some(CloseReason::TransportClose));
    assert_eq!(*server.role.packets_in.lock().unwrap(), messages.len() as u64);
    assert_eq!(*client.role.packets_in.lock().unwrap(), 0, "a client counts nothing yet");
}

#[tokio::test]
async fn a_server_that_goes_away_ends_its_client() {
    let (server, client) = pair();
    client.shared.send("a".into()).unwrap();
    assert_eq!(within(poll_fn(|cx| client.shared.poll_recv(cx))).await, Some("a".into()));
    server.shared.close();
    assert_eq!(within(poll_fn(|cx| client.shared.poll_recv(cx))).await, None);
    assert_eq!(within(client.closed).await.unwrap(), Some(CloseReason::TransportClose));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_pair_lives_by_its_heartbeat() {
    let (server, client) = pair();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(server.shared.look(|state| state.session.is_open()));
    assert!(client.shared.look(|state| state.session.is_open()));
    assert!(*server.role.packets_in.lock().unwrap() >= 20, "pongs");
}

const MAX: usize = 1_000_000;
