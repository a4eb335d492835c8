//! Which pages may speak to this server: the same answer for REST and for Socket.IO.
//!
//! A browser lets any page post to `127.0.0.1`. So a page is let in only when this machine or this
//! server served it, or when its origin is in the list. And a foreign name can be made to point at
//! this machine, so that its pages count as the server's own (DNS rebinding): a request is answered
//! only under an IP address, under `localhost`, or under the host of a listed origin.
//!
//! In: the `Host` and `Origin` headers of every request. Out: 403, or the request with the CORS
//! headers that a page of another origin needs. A page that is not allowed must never learn what the
//! answer is, and a key must never be asked for before that.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use engineio::server::Origin;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use serde_json::json;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::metrics::Metrics;

/// The origins that may speak to the server.
#[derive(Clone, Debug)]
pub(crate) struct AllowedOrigins {
    list: Arc<[Origin]>,
    metrics: Metrics,
}

impl AllowedOrigins {
    /// Pages of this machine and of this server, and pages of these origins. Refusals are counted.
    pub(crate) fn new(list: Vec<Origin>, metrics: Metrics) -> Self {
        Self { list: list.into(), metrics }
    }

    /// Whether a page of this origin may send a request with these headers.
    pub(crate) fn allow(&self, origin: &str, headers: &HeaderMap) -> bool {
        let allowed = origin.parse().is_ok_and(|origin: Origin| {
            is_loopback(&origin) || self.list.contains(&origin) || self.is_own(&origin, headers)
        });
        if !allowed {
            self.metrics.refused("origin");
            tracing::warn!(
                ?origin,
                "page refused; if it is yours, start the server with --allow-origin"
            );
        }
        allowed
    }

    /// Whether this server served the page: its origin is the request's `Host`, and the server
    /// answers under that name.
    fn is_own(&self, origin: &Origin, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host.is_some_and(|host| origin.is_at(host) && self.knows_host(host))
    }

    /// Whether the server answers under this `Host`.
    fn knows_host(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host();
        is_address(name)
            || name.eq_ignore_ascii_case("localhost")
            || self.list.iter().any(|listed| listed.is_at(host))
    }

    /// A layer that answers preflights and adds the CORS headers, for routes behind [`check`].
    pub(crate) fn cors(&self) -> CorsLayer {
        // A page that may not is refused before this layer.
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(|_, _| true))
            .allow_credentials(true)
            .allow_methods(AllowMethods::list(METHODS))
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(EXPOSED)
            .max_age(std::time::Duration::from_secs(600))
    }
}

/// The methods of all REST routes.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// What a page of another origin may read of an answer's headers, in addition to the usual ones.
const EXPOSED: [HeaderName; 2] = [header::RETRY_AFTER, header::CONTENT_DISPOSITION];

/// Middleware for everything: 403 under a name that is not this server's.
pub(crate) async fn check_host(
    State(allowed): State<AllowedOrigins>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(header::HOST);
    // Without a Host no browser is asking.
    if host.is_some_and(|host| !host.to_str().is_ok_and(|host| allowed.knows_host(host))) {
        allowed.metrics.refused("host");
        tracing::warn!(
            ?host,
            "request under a foreign name refused; if it is yours, start the server with \
             --allow-origin"
        );
        let body = Json(json!({"detail": "Host not allowed"}));
        return (StatusCode::FORBIDDEN, body).into_response();
    }
    next.run(request).await
}

/// Middleware for REST: 403 for a page that may not.
pub(crate) async fn check(
    State(allowed): State<AllowedOrigins>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN);
    if origin.is_some_and(|origin| !origin.to_str().is_ok_and(|o| allowed.allow(o, headers))) {
        let body = Json(json!({"detail": "Origin not allowed"}));
        return (StatusCode::FORBIDDEN, body).into_response();
    }
    next.run(request).await
}

fn is_loopback(origin: &Origin) -> bool {
    origin.host() == "localhost" || address(origin.host()).is_some_and(|a| a.is_loopback())
}

fn is_address(host: &str) -> bool {
    address(host).is_some()
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> AllowedOrigins {
        let listed = ["https://chat.example.org", "http://lab.example:8080"];
        AllowedOrigins::new(listed.map(|text| text.parse().unwrap()).into(), Metrics::new())
    }

    #[test]
    fn the_server_answers_under_addresses_localhost_and_listed_hosts_only() {
        let allowed = chat();
        for (host, expected) in [
            ("localhost:3000", true),
            ("127.0.0.1:3000", true),
            ("[::1]:3000", true),
            ("192.0.2.7:3000", true),
            ("chat.example.org", true),
            ("chat.example.org:443", true),
            ("Chat.Example.Org", true),
            ("lab.example:8080", true),
            ("lab.example", false),
            ("chat.example.org:80", false),
            ("evil.example:3000", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(allowed.knows_host(host), expected, "{host}");
        }
    }

    #[test]
    fn pages_of_this_machine_of_this_server_and_listed_ones_are_let_in() {
        let allowed = chat();
        for (origin, host, expected) in [
            ("http://localhost:3001", "localhost:3000", true),
            ("http://127.0.0.1:5173", "localhost:3000", true),
            ("http://[::1]:3000", "localhost:3000", true),
            ("https://chat.example.org", "localhost:3000", true),
            ("https://Chat.Example.org:443", "localhost:3000", true),
            ("http://192.168.1.7:3000", "192.168.1.7:3000", true),
            ("http://0.0.0.0:3000", "0.0.0.0:3000", true),
            ("http://192.168.1.7:3001", "192.168.1.7:3000", false),
            ("http://192.168.1.8:3000", "192.168.1.7:3000", false),
            ("http://evil.example:3000", "evil.example:3000", false),
            ("https://chat.example.org.evil.example", "localhost:3000", false),
            ("http://localhost.evil.example", "localhost:3000", false),
            ("http://evil.example", "localhost:3000", false),
            ("http://user@evil.example", "localhost:3000", false),
            ("file://localhost", "localhost:3000", false),
            ("null", "localhost:3000", false),
            ("", "localhost:3000", false),
        ] {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            assert_eq!(allowed.allow(origin, &headers), expected, "{origin} at {host}");
        }
    }
}
