//! Which pages may connect.
//!
//! A browser sends a page's cookies to any server the page names, also over websocket, which CORS
//! does not cover (CVE-2019-13611 of a peer). So the origin is checked here for every request.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};

use super::Parts;

/// Pages that may connect. Those of other origins get the CORS headers that a browser wants, with
/// credentials, and their preflights are answered: another layer for CORS is not needed.
#[derive(Clone)]
pub enum Origins {
    /// Pages of this server: the origin's host and port are those of the `Host` header, or in
    /// HTTP/2 of `:authority`.
    Same,
    /// These, as `https://example.org`, and pages of this server.
    List(Arc<[String]>),
    /// Those for which the function says yes.
    Matching(Arc<Predicate>),
    /// All. A page anywhere can then speak for the user of the browser that shows it.
    Any,
}

/// Says whether a page of this origin may connect; is given the request's headers too.
pub type Predicate = dyn Fn(&str, &HeaderMap) -> bool + Send + Sync;

impl Origins {
    /// Whether a request with this head may pass.
    pub(crate) fn allow(&self, head: &Parts) -> bool {
        let headers = &head.headers;
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        match self {
            Self::Any => true,
            Self::Same => is_same(origin, head),
            Self::List(list) => list.iter().any(|o| o == origin) || is_same(origin, head),
            Self::Matching(allows) => allows(origin, headers),
        }
    }

    /// Adds what a browser needs to show the answer to a page of another origin.
    pub(crate) fn add_headers(origin: HeaderValue, response: &mut HeaderMap) {
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        response.append(header::VARY, HeaderValue::from_static("origin"));
    }

    /// Adds what answers a preflight.
    pub(crate) fn add_preflight_headers(request: &HeaderMap, response: &mut HeaderMap) {
        response.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET,POST,OPTIONS"),
        );
        if let Some(headers) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            response.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
        response.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}

fn is_same(origin: &str, head: &Parts) -> bool {
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 has `:authority` in the place of `Host`.
    let host = host.or_else(|| head.uri.authority().map(|authority| authority.as_str()));
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    host.is_some() && host == authority
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("Same"),
            Self::List(list) => f.debug_tuple("List").field(list).finish(),
            Self::Matching(_) => f.write_str("Matching(..)"),
            Self::Any => f.write_str("Any"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request of HTTP/1 and one of HTTP/2.
    fn heads(origin: Option<&'static str>) -> [Parts; 2] {
        let one = http::Request::get("/").header(header::HOST, "localhost:3000");
        let two = http::Request::get("http://localhost:3000/");
        [one, two].map(|request| {
            let request = match origin {
                Some(origin) => request.header(header::ORIGIN, origin),
                None => request,
            };
            request.body(()).unwrap().into_parts().0
        })
    }

    fn allows(origins: &Origins, origin: Option<&'static str>) -> bool {
        let [one, two] = heads(origin).map(|head| origins.allow(&head));
        assert_eq!(one, two);
        one
    }

    #[test]
    fn same_origin_is_scheme_blind_and_port_exact() {
        for (origin, allowed) in [
            (None, true),
            (Some("http://localhost:3000"), true),
            (Some("https://localhost:3000"), true),
            (Some("http://localhost:3001"), false),
            (Some("http://evil.example"), false),
            (Some("http://localhost:3000.evil.example"), false),
            (Some("null"), false),
        ] {
            assert_eq!(allows(&Origins::Same, origin), allowed, "{origin:?}");
        }
    }

    #[test]
    fn a_list_widens() {
        let list = Origins::List(Arc::from(["http://app.example".to_owned()]));
        assert!(allows(&list, Some("http://app.example")));
        assert!(allows(&list, Some("http://localhost:3000")));
        assert!(!allows(&list, Some("http://app.example.evil.example")));
    }
}
