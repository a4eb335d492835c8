//! A server in the test's own process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::serve::Listener;
use engineio::server::Service;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

/// Serves on a free port of the loopback until it is dropped.
#[derive(Debug)]
pub struct Host {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Host {
    /// Serves under `/engine.io/`.
    pub async fn engineio(server: &engineio::server::Server) -> Self {
        Self::serve("/engine.io", server.service()).await
    }

    /// Serves under `/socket.io/`.
    pub async fn socketio(server: &socketio::server::Server) -> Self {
        Self::serve("/socket.io", server.service()).await
    }

    /// Serves under `/engine.io/` what comes from this listener.
    pub fn engineio_on<L>(listener: L, server: &engineio::server::Server) -> Self
    where
        L: Listener<Addr = SocketAddr>,
        L::Io: Send + Unpin + 'static,
    {
        Self::serve_on(listener, "/engine.io", server.service())
    }

    async fn serve(path: &str, service: Service) -> Self {
        match listen() {
            Ok(listener) => Self::serve_on(listener, path, service),
            Err(error) => panic!("no free port: {error}"),
        }
    }

    fn serve_on<L>(listener: L, path: &str, service: Service) -> Self
    where
        L: Listener<Addr = SocketAddr>,
        L::Io: Send + Unpin + 'static,
    {
        let app = Router::new().nest_service(path, service);
        let address = match listener.local_addr() {
            Ok(address) => address,
            Err(error) => panic!("a listener without an address: {error}"),
        };
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                panic!("the test's server ended: {error}");
            }
        });
        Self { address, serving }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

pub(crate) fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    // Clients without keep-alive open hundreds of connections at once; beyond the usual 128 the
    // kernel drops them and they wait for seconds.
    socket.listen(1024)
}

impl Drop for Host {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
