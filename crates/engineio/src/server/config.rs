//! Configuration of the server.

use std::time::Duration;

#[cfg(feature = "compression")]
use super::Compression;
use super::hooks::{AllowRequest, ChooseSubprotocol, GenerateSid, OnRefused, ResponseHeaders};
use super::{Cookie, Origins};
use crate::proto::request::Offer;
use crate::proto::{self, Message};

/// Configuration of a [`Server`](super::Server).
///
/// ```
/// use engineio::server::{AllowRequest, Config};
/// let mut config = Config::default();
/// config.session.limits.max_payload = 4 << 20;
/// config.allow_request = Some(AllowRequest::new(async |request| {
///     match request.headers.contains_key("authorization") {
///         true => Ok(()),
///         false => Err("a key is needed".to_owned()),
///     }
/// }));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Heartbeat, upgrade and limits of each session.
    pub session: proto::server::Config,
    /// Whether sessions may begin by long-polling. Default true.
    pub polling: bool,
    /// Whether websockets are served, direct or by upgrade. Default true.
    pub websocket: bool,
    /// Whether clients of protocol 3 are served too: those of Socket.IO 1 and 2. Default false.
    /// A request without `EIO=4` then counts as theirs, unless [`assume_eio3`](Self::assume_eio3) is off.
    pub allow_eio3: bool,
    /// Whether, with [`allow_eio3`](Self::allow_eio3), no `EIO` or one that is not `4` means
    /// protocol 3, as in engine.io 6.6. Default true. Without it only `EIO=3` does, and others are
    /// refused with code 5, as the protocol's test suite asks.
    pub assume_eio3: bool,
    /// Whether clients of protocol 3 may poll by scripts (`j` in the query). Default false.
    /// A script is loaded without `Origin`, so [`origins`](Self::origins) does not hold for it: any
    /// page can then read what the cookies of its visitor open. Only for browsers without
    /// XMLHttpRequest across origins.
    pub jsonp: bool,
    /// Pages that may connect. Default [`Origins::Same`]. Others are refused with 403, websockets
    /// included. Requests without an `Origin` do not come from a page and are not checked.
    pub origins: Origins,
    /// Decides about every handshake. Default none: all pass. A refusal is answered 403, code 4, with
    /// its text. It is not asked about later requests of the session.
    pub allow_request: Option<AllowRequest>,
    /// Makes the ids of sessions. Default none: [`random_sid`](super::random_sid). When it fails,
    /// or its id is taken, the handshake is answered 400, code 3.
    pub generate_sid: Option<GenerateSid>,
    /// Chooses among the subprotocols that a websocket's client offers. Default none: the first one
    /// is chosen, as by the reference. A browser fails a websocket whose 101 names none of them.
    pub subprotocol: Option<ChooseSubprotocol>,
    /// A message that follows every handshake, on polling in the same payload. Default none.
    pub initial_packet: Option<Message>,
    /// A cookie with the session's id, set by the answer to the handshake on either transport, for
    /// load balancers. Default none.
    pub cookie: Option<Cookie>,
    /// Adds headers to the answer of a handshake. Default none.
    pub initial_headers: Option<ResponseHeaders>,
    /// Adds headers to every answer of a session, that of the handshake included: payloads, `ok`s
    /// and switches to websocket, but not refusals. Default none.
    pub headers: Option<ResponseHeaders>,
    /// Is told of every request that is refused. Default none.
    pub on_refused: Option<OnRefused>,
    /// Compresses payloads for clients that accept it. Default none: it costs processor time, and
    /// where a payload holds a secret together with text that an attacker chose, its compressed length
    /// tells something about the secret.
    #[cfg(feature = "compression")]
    pub compression: Option<Compression>,
    /// Most sessions at once. Default 65,536. One more handshake is answered 503.
    pub max_sessions: usize,
    /// Most handshakes in progress: waiting for [`allow_request`](Self::allow_request) or
    /// [`generate_sid`](Self::generate_sid), for their open packet to be taken, or for their
    /// websocket to open. Default 4,096. One more is answered 503.
    pub max_handshakes: usize,
    /// Time that the hooks of a handshake may take, and time its websocket may take to open.
    /// Default 10 s. Then the handshake is answered 503; a session without its websocket closes
    /// with `transport error`.
    pub handshake_timeout: Duration,
    /// Time the body of a POST may take. Default 30 s.
    /// Then it is answered 408 and the session closes with `transport error`.
    pub body_timeout: Duration,
}

impl Config {
    pub(crate) fn offer(&self) -> Offer {
        Offer {
            polling: self.polling,
            websocket: self.websocket,
            eio3: self.allow_eio3,
            assume_eio3: self.assume_eio3,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session: proto::server::Config::default(),
            polling: true,
            websocket: true,
            allow_eio3: false,
            assume_eio3: true,
            jsonp: false,
            origins: Origins::Same,
            allow_request: None,
            generate_sid: None,
            subprotocol: None,
            initial_packet: None,
            cookie: None,
            initial_headers: None,
            headers: None,
            on_refused: None,
            #[cfg(feature = "compression")]
            compression: None,
            max_sessions: 65_536,
            max_handshakes: 4_096,
            handshake_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
        }
    }
}
