//! Which pages may speak to this server: the same answer for REST and for Socket.IO.
//!
//! A browser lets any page post to `127.0.0.1`, and shows the user's cookies to whoever asks in the
//! right name. A page is let in when it is served from this machine or stands in the list. The
//! `Host` header is not trusted for more: a foreign name can point at this machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde_json::json;

/// The origins that may speak to the server.
#[derive(Clone, Debug)]
pub struct AllowedOrigins(Arc<[String]>);

impl AllowedOrigins {
    /// Pages of this machine, and these.
    pub fn new(list: Vec<String>) -> Self {
        Self(list.into())
    }

    /// Whether a page of this origin may.
    pub fn allow(&self, origin: &str) -> bool {
        let allowed = is_loopback(origin) || self.0.iter().any(|listed| listed == origin);
        if !allowed {
            tracing::warn!(
                ?origin,
                "page refused; if it is yours, start the server with --allow-origin"
            );
        }
        allowed
    }
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
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine_and_listed_ones_are_let_in() {
        let allowed = AllowedOrigins::new(vec!["https://chat.example.org".to_owned()]);
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
