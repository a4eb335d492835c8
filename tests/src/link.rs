//! A network that fails when the test says so.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A way to a server that passes bytes on as they are and can be cut.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    open: Arc<Mutex<JoinSet<()>>>,
}

impl Link {
    /// A link to `server`, on a free port of the loopback, until it is dropped.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = match TcpListener::bind("127.0.0.1:0").await {
            Ok(listener) => listener,
            Err(error) => panic!("no free port: {error}"),
        };
        let address = match listener.local_addr() {
            Ok(address) => address,
            Err(error) => panic!("a listener without an address: {error}"),
        };
        let open = Arc::<Mutex<JoinSet<()>>>::default();
        let connections = Arc::clone(&open);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
                while connections.try_join_next().is_some() {}
                connections.spawn(pass(client, server));
            }
        });
        Self { address, accepting, open }
    }

    /// `http://` and the address to connect to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts every connection that is open now; new ones pass.
    pub fn cut(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        *open = JoinSet::new();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}
