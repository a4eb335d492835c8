//! `socket.io-client` of the npm registry, in several releases, against the server of `socketio`.

use serde_json::{Value, json};
use socketio::server::{Config, Server};
use tests::{Release, SocketIo};

/// Runs each scenario, an `async fn(Way, &mut SocketIo)`, once by each of the releases in brackets.
macro_rules! scenarios {
    (@one [$($release:ident)*] $scenario:ident) => {
        mod $scenario {
            $(
                #[tokio::test]
                async fn $release() {
                    crate::over_every_transport(tests::Release::$release(), super::$scenario).await;
                }
            )*
        }
    };
    ($releases:tt $($scenario:ident)*) => {
        $( scenarios!(@one $releases $scenario); )*
    };
}

mod acks;
mod connect;
mod disconnect;
mod events;
mod msgpack;
mod namespaces;
mod order;
mod reconnect;
mod recovery;
mod rooms;

/// How a client travels.
#[derive(Clone, Copy, Debug)]
struct Way {
    release: Release,
    transports: &'static [&'static str],
}

impl Way {
    /// The options a socket connects with.
    fn options(self) -> Value {
        json!({ "transports": self.transports })
    }

    /// Whether the connection begins by polling and becomes a websocket.
    fn upgrades(self) -> bool {
        self.transports.len() > 1
    }

    /// A server's configuration that this release can speak to.
    fn config(self) -> Config {
        let mut config = Config::default();
        config.engine.allow_eio3 = self.release.is_v2();
        config
    }

    /// A server that this release can speak to.
    fn server(self) -> Server {
        Server::new(self.config())
    }

    /// A server that acks what was not handled.
    fn answering(self) -> Server {
        let mut config = self.config();
        config.ack_refusals = true;
        Server::new(config)
    }
}

/// Runs a scenario over each transport, all by one process.
async fn over_every_transport(release: Release, scenario: impl AsyncFn(Way, &mut SocketIo)) {
    const WAYS: [&[&str]; 3] = [&["websocket"], &["polling"], &["polling", "websocket"]];
    let mut client = SocketIo::of(release);
    for transports in WAYS {
        // Shown when the test fails.
        println!("over {transports:?}");
        scenario(Way { release, transports }, &mut client).await;
    }
    client.finish().await;
}
