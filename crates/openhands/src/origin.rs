//! Which pages may speak to this server: the same answer for REST and for Socket.IO.
//!
//! A browser lets any page post to `127.0.0.1`, so a page is let in only when it is served from this
//! machine or stands in the list. And a foreign name can be made to point at this machine, so that
//! its pages need no `Origin` (DNS rebinding): a request is answered only under an address, under
//! `localhost`, or under the host of a listed origin.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::uri::Authority;
use http::{StatusCode, header};
use serde_json::json;

use crate::metrics::Metrics;

/// The origins that may speak to the server.
#[derive(Clone, Debug)]
pub struct AllowedOrigins {
    list: Arc<[String]>,
    metrics: Metrics,
}

impl AllowedOrigins {
    /// Pages of this machine, and these; refusals are counted.
    pub fn new(list: Vec<String>, metrics: Metrics) -> Self {
        Self { list: list.into(), metrics }
    }

    /// Whether a page of this origin may.
    pub fn allow(&self, origin: &str) -> bool {
        let allowed = is_loopback(origin) || self.list.iter().any(|listed| listed == origin);
        if !allowed {
            self.metrics.refused("origin");
            tracing::warn!(
                ?origin,
                "page refused; if it is yours, start the server with --allow-origin"
            );
        }
        allowed
    }

    /// Whether the server answers under this `Host`.
    fn knows_host(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host();
        is_address(name)
            || name.eq_ignore_ascii_case("localhost")
            || self.list.iter().any(|origin| {
                let listed = origin.split_once("://").map(|(_, host)| host);
                listed.is_some_and(|listed| listed.eq_ignore_ascii_case(host))
            })
    }
}

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
    let origin = request.headers().get(header::ORIGIN);
    if origin.is_some_and(|origin| !origin.to_str().is_ok_and(|o| allowed.allow(o))) {
        let body = Json(json!({"detail": "Origin not allowed"}));
        return (StatusCode::FORBIDDEN, body).into_response();
    }
    next.run(request).await
}

fn is_loopback(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<http::Uri>() else { return false };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return false;
    }
    let host = uri.host().unwrap_or_default();
    host.eq_ignore_ascii_case("localhost") || address(host).is_some_and(|a| a.is_loopback())
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

    #[test]
    fn a_foreign_name_that_points_here_is_no_host_of_this_server() {
        let allowed =
            AllowedOrigins::new(vec!["https://chat.example.org".to_owned()], Metrics::new());
        for (host, expected) in [
            ("localhost:3000", true),
            ("127.0.0.1:3000", true),
            ("[::1]:3000", true),
            ("192.0.2.7:3000", true),
            ("chat.example.org", true),
            ("evil.example:3000", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(allowed.knows_host(host), expected, "{host}");
        }
    }

    #[test]
    fn pages_of_this_machine_and_listed_ones_are_let_in() {
        let allowed =
            AllowedOrigins::new(vec!["https://chat.example.org".to_owned()], Metrics::new());
        for (origin, expected) in [
            ("http://localhost:3001", true),
            ("http://127.0.0.1:5173", true),
            ("http://[::1]:3000", true),
            ("https://chat.example.org", true),
            ("https://chat.example.org.evil.example", false),
            ("http://localhost.evil.example", false),
            ("http://evil.example", false),
            ("http://user@evil.example", false),
            ("file://localhost", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(allowed.allow(origin), expected, "{origin}");
        }
    }
}
