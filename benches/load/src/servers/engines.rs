//! The engine layers alone: messages go back as they came.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use engineio::proto::{Message, SendError};
use engineio::server::{Config, Sender, Server, Socket};
use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::{EngineIoService, NotFoundService};
use engineioxide::{DisconnectReason, Str};

use super::events::{Wish, burst, news};

pub(crate) fn ours() -> engineio::server::Service {
    let all: Arc<Mutex<Vec<Sender>>> = Arc::default();
    let news = message(&news()[1..]);
    Server::new(Config::default(), move |mut socket: Socket| {
        let (all, news) = (Arc::clone(&all), news.clone());
        lock(&all).push(socket.sender());
        async move {
            while let Some(message) = socket.recv().await {
                let wish = match &message {
                    Message::Text(text) => Wish::of(text.as_bytes()),
                    Message::Binary(_) => Wish::Echo,
                };
                match wish {
                    Wish::Echo => patiently(&socket, &message).await,
                    Wish::Cast => {
                        for one in lock(&all).iter() {
                            // One that does not read misses it: there is no rule for that here.
                            let _ = one.send(news.clone());
                        }
                    }
                    Wish::Burst => {
                        for text in burst() {
                            patiently(&socket, &self::message(&text[1..])).await;
                        }
                    }
                    Wish::Replay => {
                        for message in REPLAY.iter() {
                            patiently(&socket, message).await;
                        }
                    }
                }
            }
            lock(&all).retain(|one| one.sid() != socket.sid());
        }
    })
    .service()
}

/// Made when it is asked for, so that servers without a replay start as fast as they can.
static REPLAY: LazyLock<Vec<Message>> =
    LazyLock::new(|| burst().map(|text| message(&text[1..])).collect());
/// The same.
static OXIDE_REPLAY: LazyLock<Vec<Str>> =
    LazyLock::new(|| burst().map(|text| string(&text[1..])).collect());

async fn patiently(socket: &Socket, message: &Message) {
    while let Err(SendError::Full(_)) = socket.send(message.clone()) {
        socket.ready().await;
    }
}

fn message(text: &[u8]) -> Message {
    Message::from(&*String::from_utf8_lossy(text))
}

pub(crate) fn oxide(room: Option<usize>) -> EngineIoService<Oxide, NotFoundService> {
    let mut config = EngineIoConfig::builder();
    if let Some(room) = room {
        config = config.max_buffer_size(room);
    }
    let oxide = Oxide { all: Mutex::default(), news: string(&news()[1..]) };
    EngineIoService::with_config(Arc::new(oxide), config.build())
}

type OxideSocket = engineioxide::Socket<()>;

#[derive(Debug)]
pub(crate) struct Oxide {
    all: Mutex<Vec<Arc<OxideSocket>>>,
    news: Str,
}

impl EngineIoHandler for Oxide {
    type Data = ();

    fn on_connect(self: Arc<Self>, socket: Arc<OxideSocket>) {
        lock(&self.all).push(socket);
    }

    fn on_disconnect(&self, socket: Arc<OxideSocket>, _: DisconnectReason) {
        lock(&self.all).retain(|one| one.id != socket.id);
    }

    // What does not fit is not sent: it has nothing to wait for.
    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<OxideSocket>) {
        match Wish::of(message.as_bytes()) {
            Wish::Echo => drop(socket.emit(message)),
            Wish::Cast => {
                lock(&self.all).iter().for_each(|one| drop(one.emit(self.news.clone())));
            }
            Wish::Burst => burst().for_each(|text| drop(socket.emit(string(&text[1..])))),
            Wish::Replay => OXIDE_REPLAY.iter().for_each(|text| drop(socket.emit(text.clone()))),
        }
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Arc<OxideSocket>) {
        drop(socket.emit_binary(data));
    }
}

fn string(text: &[u8]) -> Str {
    Str::from(String::from_utf8_lossy(text).into_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
