//! The servers: all do the same work for the same bytes.
//!
//! | event | what is done |
//! |---|---|
//! | `echo`, with an ack id | the ack carries the arguments; in the form that costs the server least |
//! | `value`, with an ack id | the same, through a `serde_json::Value` |
//! | `bin` | it goes back, with its attachment |
//! | `cast` | `news` with an event of 1 KiB goes to all |
//! | `burst` | 10,000 numbered events are serialised and emitted |
//! | `replay` | the same 10,000, encoded beforehand |
//!
//! Servers without Socket.IO only send the same bytes back where Socket.IO would ack.

mod bound;
mod engines;
mod events;
mod floor;
mod foreign;
mod ours;
mod oxide;
mod tungstenite;

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;

use clap::ValueEnum;
use engineio::server::Cork;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

pub(crate) use foreign::{command, is_there, version};

use crate::wire::Answer;

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    /// The least that a server on hyper takes, whatever it does.
    Floor,
    Bound,
    #[value(name = "tokio-tungstenite")]
    Tungstenite,
    Engineio,
    Engineioxide,
    Socketio,
    Socketioxide,
    #[value(skip)]
    Node,
    #[value(skip)]
    Python,
}

impl Kind {
    /// The columns of the table.
    pub(crate) const COLUMNS: [Self; 9] = [
        Self::Floor,
        Self::Bound,
        Self::Tungstenite,
        Self::Engineio,
        Self::Engineioxide,
        Self::Socketio,
        Self::Socketioxide,
        Self::Node,
        Self::Python,
    ];

    /// The servers that do all kinds of work; the floor only does short connections.
    pub(crate) const ALL: &'static [Self] = Self::COLUMNS.split_at(1).1;

    /// The head of its column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Floor => "floor",
            Self::Tungstenite => "tokio-tungstenite",
            Self::Engineio => "engineio",
            Self::Engineioxide => "engineioxide",
            Self::Socketio => "socketio",
            Self::Socketioxide => "socketioxide",
            Self::Node => "socket.io (Node)",
            Self::Python => "python-socketio",
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Tungstenite | Self::Engineio | Self::Engineioxide => "engine.io",
            _ => "socket.io",
        }
    }

    pub(crate) fn has_engine(self) -> bool {
        self != Self::Tungstenite
    }

    pub(crate) fn has_namespaces(self) -> bool {
        !matches!(self, Self::Tungstenite | Self::Engineio | Self::Engineioxide)
    }

    /// Whether it is a separate program in another language.
    pub(crate) fn is_foreign(self) -> bool {
        matches!(self, Self::Node | Self::Python)
    }

    pub(crate) fn answer(self) -> Answer {
        if self.has_namespaces() { Answer::Ack } else { Answer::Echo }
    }
}

/// Runs a server until its input ends. `room` is how many packets may wait for a client, for servers
/// that have such a setting and lose the packets that do not fit.
///
/// # Errors
/// If the server cannot start.
pub(crate) fn serve(kind: Kind, room: Option<usize>) -> io::Result<()> {
    let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    if kind == Kind::Bound {
        return bound::serve(&listener);
    }
    listener.set_nonblocking(true)?;
    // All of it, the accepting too, on one worker, as a runtime is on one core.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let served = runtime.block_on(runtime.spawn(async move {
        let listener = TcpListener::from_std(listener)?;
        match kind {
            Kind::Tungstenite => tungstenite::serve(listener).await,
            Kind::Floor => http(listener, Cork::new, floor::Floor::default()).await,
            Kind::Engineio => http(listener, Cork::new, engines::ours()).await,
            Kind::Engineioxide => http(listener, |stream| stream, engines::oxide(room)).await,
            Kind::Socketio => http(listener, Cork::new, ours::service()?).await,
            Kind::Socketioxide => http(listener, |stream| stream, oxide::service(room)).await,
            Kind::Bound | Kind::Node | Kind::Python => Err(io::ErrorKind::Unsupported.into()),
        }
    }));
    served.map_err(io::Error::other)?
}

/// Serves on hyper, the same for all who are a service; what was accepted is wrapped as the
/// library advises.
async fn http<T, S, B>(
    listener: TcpListener,
    wrap: fn(TcpStream) -> T,
    service: S,
) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(wrap(stream)), service.clone());
        tokio::spawn(async move {
            // The client reports what went wrong.
            let _ = connection.with_upgrades().await;
        });
    }
}
