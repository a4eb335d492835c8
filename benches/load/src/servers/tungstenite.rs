//! `tokio-tungstenite` as its examples use it: a task per connection, one send per message.

use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

use super::events::{Wish, burst, news};

pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    let shared = Arc::new(Shared { all: Mutex::default(), news: text(news()) });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let shared = Arc::clone(&shared);
        // Its default reads into 128 KiB per connection.
        let config = WebSocketConfig::default().read_buffer_size(4 << 10);
        tokio::spawn(async move {
            if let Ok(websocket) = accept_async_with_config(stream, Some(config)).await {
                // The client says what went wrong.
                let _ = converse(websocket, &shared).await;
            }
        });
    }
}

struct Shared {
    all: Mutex<Vec<UnboundedSender<Message>>>,
    news: Message,
}

impl Shared {
    fn all(&self) -> std::sync::MutexGuard<'_, Vec<UnboundedSender<Message>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Made when it is asked for, so that servers without a replay start as fast as they can.
static REPLAY: LazyLock<Vec<Message>> = LazyLock::new(|| burst().map(text).collect());

async fn converse(mut websocket: WebSocketStream<TcpStream>, shared: &Shared) -> Result<(), Error> {
    let (sender, mut inbox) = unbounded_channel();
    shared.all().push(sender);
    loop {
        tokio::select! {
            message = websocket.next() => match message.transpose()? {
                None | Some(Message::Close(_)) => break,
                Some(message) => match Wish::of(&message.clone().into_data()) {
                    Wish::Echo => websocket.send(message).await?,
                    Wish::Cast => {
                        let news = |one: &UnboundedSender<_>| one.send(shared.news.clone()).is_ok();
                        shared.all().retain(news);
                    }
                    Wish::Burst => {
                        for one in burst() {
                            websocket.feed(text(one)).await?;
                        }
                        websocket.flush().await?;
                    }
                    Wish::Replay => {
                        for message in REPLAY.iter() {
                            websocket.feed(message.clone()).await?;
                        }
                        websocket.flush().await?;
                    }
                }
            },
            Some(message) = inbox.recv() => websocket.send(message).await?,
        }
    }
    websocket.close(None).await
}

fn text(bytes: Vec<u8>) -> Message {
    Message::Text(Utf8Bytes::from(String::from_utf8_lossy(&bytes).into_owned()))
}
