//! TLS on the loopback, with a certificate made for the test.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::Listener;
use rcgen::CertifiedKey;
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

use crate::host;

/// A listener on a free port of the loopback, and the file of the certificate that clients are to
/// trust for `localhost`.
pub async fn listen() -> (TlsListener, NamedTempFile) {
    match begin() {
        Ok(ready) => ready,
        Err(error) => panic!("no TLS: {error}"),
    }
}

fn begin() -> Result<(TlsListener, NamedTempFile), Box<dyn std::error::Error>> {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    let mut file = NamedTempFile::new()?;
    file.write_all(cert.pem().as_bytes())?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Ok((TlsListener { listener: host::listen()?, acceptor }, file))
}

/// Accepts connections and their TLS handshakes, one after the other.
pub struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl std::fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsListener").field("listener", &self.listener).finish_non_exhaustive()
    }
}
