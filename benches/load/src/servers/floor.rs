//! The floor for servers on hyper: it answers each request of a short connection with prepared bytes,
//! on the same host as all others.
//!
//! It reads no packet, holds no limit and sets no timer. Of a session it keeps only the held GET.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::service::Service;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::bound::JOINED;
use crate::wire::{CLOSE, TEXT, frame, push_plain};

#[derive(Clone, Default)]
pub(crate) struct Floor {
    sessions: Arc<Mutex<Sessions>>,
}

#[derive(Default)]
struct Sessions {
    begun: u64,
    polling: HashMap<String, Polling>,
}

enum Polling {
    New,
    /// Its next GET is answered that it has joined.
    Joined,
    /// Its next GET is held until the websocket arrives.
    Told,
    Held(oneshot::Sender<()>),
}

impl Service<Request<Incoming>> for Floor {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(this.answer(request).await) })
    }
}

impl Floor {
    async fn answer(&self, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let query = request.uri().query().unwrap_or_default();
        let sid = query.split_once("&sid=").map(|(_, sid)| sid.to_owned());
        let key = request.headers().get(SEC_WEBSOCKET_KEY);
        if let Some(accept) = key.map(|key| derive_accept_key(key.as_bytes())) {
            if let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() {
                tokio::spawn(self.clone().talk(upgrade, sid));
            }
            return switching(&accept);
        }
        let Some(sid) = sid else {
            let (sid, open) = open(&mut self.lock());
            self.lock().polling.insert(sid, Polling::New);
            return Response::new(Full::from(open));
        };
        if request.method() == "POST" {
            let _ = request.into_body().collect().await;
            self.lock().polling.insert(sid, Polling::Joined);
            return Response::new(Full::from("ok"));
        }
        let (tell, told) = oneshot::channel();
        {
            let mut state = self.lock();
            match state.polling.get_mut(&sid) {
                Some(session @ Polling::Joined) => {
                    *session = Polling::Told;
                    return Response::new(Full::from(JOINED));
                }
                Some(session) => *session = Polling::Held(tell),
                // The websocket was here first.
                None => drop(tell),
            }
        }
        let _ = told.await;
        Response::new(Full::from("6"))
    }

    /// Frames as they are awaited; a whole one in each read, as this client sends them.
    async fn talk(self, upgrade: OnUpgrade, sid: Option<String>) -> io::Result<()> {
        let mut io = TokioIo::new(upgrade.await.map_err(io::Error::other)?);
        if sid.is_none() {
            let open = open(&mut self.lock()).1;
            io.write_all(&plain(TEXT, open.as_bytes())).await?;
        }
        let mut buffer = [0; 512];
        loop {
            let len = io.read(&mut buffer).await?;
            let Some(frame) = frame(&buffer[..len], 0) else { return Ok(()) };
            match (frame.opcode, frame.end - frame.start, &sid) {
                (CLOSE, ..) => return io.write_all(&plain(CLOSE, &[])).await,
                (_, 6, Some(sid)) => {
                    if let Some(Polling::Held(get)) = self.lock().polling.remove(sid) {
                        let _ = get.send(());
                    }
                    io.write_all(&plain(TEXT, b"3probe")).await?;
                }
                (_, 1, _) => {
                    let rest = &buffer[frame.end..len];
                    if rest.first().is_some_and(|first| first & 0x0f == CLOSE) {
                        return io.write_all(&plain(CLOSE, &[])).await;
                    }
                }
                _ => io.write_all(&plain(TEXT, JOINED)).await?,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new id, and its open packet.
fn open(sessions: &mut Sessions) -> (String, String) {
    sessions.begun += 1;
    let sid = format!("{:020}", sessions.begun);
    let open = format!(
        "0{{\"sid\":\"{sid}\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\
         \"pingTimeout\":20000,\"maxPayload\":1000000}}"
    );
    (sid, open)
}

fn switching(accept: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.extend(HeaderValue::from_str(accept).map(|accept| (SEC_WEBSOCKET_ACCEPT, accept)));
    response
}

fn plain(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 4);
    push_plain(&mut frame, opcode, &[payload]);
    frame
}
