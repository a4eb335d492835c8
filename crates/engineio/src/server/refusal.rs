//! Refusals: why a request is not served.

use http::StatusCode;

use crate::proto::RequestError;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The request is not one that the protocol allows, or its origin is not one that the
    /// configuration allows.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The request asks for a websocket and breaks a rule of its handshake.
    #[error(transparent)]
    Websocket(#[from] WebsocketRefusal),
    /// [`allow_request`](super::Config::allow_request) refused, with this text: 403, code 4.
    #[error("{0}")]
    Application(String),
    /// The server takes no session now: 503 with `Retry-After`.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Refusal {
    /// The protocol's numeric code; none for 503.
    pub fn code(&self) -> Option<u8> {
        match self {
            Self::Request(error) => Some(error.code()),
            Self::Websocket(_) => Some(RequestError::BadRequest.code()),
            Self::Application(_) => Some(RequestError::Forbidden.code()),
            Self::Unavailable(_) => None,
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        let status = match self {
            Self::Request(error) => error.status(),
            Self::Websocket(WebsocketRefusal::Method) => 405,
            Self::Websocket(_) => RequestError::BadRequest.status(),
            Self::Application(_) => RequestError::Forbidden.status(),
            Self::Unavailable(_) => 503,
        };
        StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
    }
}

/// Which rule of the websocket's handshake a request breaks. [RFC 6455, section 4.2.1]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebsocketRefusal {
    /// The method is not GET: 405.
    #[error("a websocket is asked for with GET")]
    Method,
    /// `Sec-WebSocket-Key` is missing, or is not base64 of 16 bytes: 400.
    #[error("Sec-WebSocket-Key is missing, or is not base64 of 16 bytes")]
    Key,
    /// `Sec-WebSocket-Version` is not 13: 400, and the answer says that it must be.
    #[error("Sec-WebSocket-Version must be 13")]
    Version,
    /// `Sec-WebSocket-Protocol` is not a list of names, each once: 400.
    #[error("Sec-WebSocket-Protocol is not a list of names, each once")]
    Subprotocols,
    /// The connection cannot be upgraded: 400. The host does not offer it, as on HTTP/2.
    #[error("the connection cannot be upgraded")]
    Connection,
}

/// Why no session can begin now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The limit [`max_sessions`](super::Config::max_sessions) is reached.
    #[error("the server has reached its limit of {max} sessions")]
    Sessions {
        /// The limit.
        max: usize,
    },
    /// The limit [`max_handshakes`](super::Config::max_handshakes) is reached.
    #[error("the server has reached its limit of {max} handshakes in progress")]
    Handshakes {
        /// The limit.
        max: usize,
    },
    /// The application's hooks took longer than
    /// [`handshake_timeout`](super::Config::handshake_timeout).
    #[error("the application did not decide within {max_ms} ms")]
    Undecided {
        /// The limit in milliseconds.
        max_ms: u64,
    },
    /// [`Server::shutdown`](super::Server::shutdown) was called.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The system gave no entropy for a session id.
    #[error("the system gives no random bytes")]
    NoEntropy,
}
