//! Which pages may connect.
//!
//! A browser sends a page's cookies to any server the page names, also over websocket, which CORS
//! does not cover (CVE-2019-13611 of a peer). So the origin is checked here for every request.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, header};

use super::Parts;

/// Pages that may connect. Those of other origins get the CORS headers that a browser wants, with
/// credentials, and their preflights are answered: another layer for CORS is not needed.
#[derive(Clone)]
pub enum Origins {
    /// Pages of this server: the origin's host and port are those of the `Host` header, or in
    /// HTTP/2 of `:authority`.
    Same,
    /// These, as `https://example.org`, and pages of this server. Compared as [`Origin`]s, so case
    /// and a default port do not matter.
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
            Self::List(list) => is_listed(origin, list) || is_same(origin, head),
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

/// An origin in its one form, so that two ways to write the same one are equal: scheme and host in
/// lower case, without the scheme's default port. [RFC 6454, section 4]
///
/// ```
/// # use engineio::server::Origin;
/// let origin: Origin = "HTTPS://Chat.Example.org:443".parse()?;
/// assert_eq!(origin.to_string(), "https://chat.example.org");
/// assert!(origin.is_at("chat.example.org"));
/// # Ok::<(), engineio::server::OriginError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    is_https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The host, in lower case; an IPv6 address has its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also when it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether this `Host` header names the same host and port. A `Host` without a port means the
    /// default one of this origin's scheme: behind a proxy that ends TLS the server does not see
    /// which scheme the client used.
    pub fn is_at(&self, host: &str) -> bool {
        let Some((name, port)) = host_and_port(host) else { return false };
        name.eq_ignore_ascii_case(&self.host) && port.unwrap_or(self.default_port()) == self.port
    }

    fn default_port(&self) -> u16 {
        if self.is_https { 443 } else { 80 }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::NoScheme)?;
        let is_https = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ => return Err(OriginError::OtherScheme),
        };
        if rest.contains(['/', '?', '#']) {
            return Err(OriginError::Path);
        }
        let (host, port) = host_and_port(rest).ok_or(OriginError::Host)?;
        let mut origin = Self { is_https, host: host.to_ascii_lowercase(), port: 0 };
        origin.port = port.unwrap_or(origin.default_port());
        Ok(origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != self.default_port() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

/// Why a text is not an [`Origin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// It does not begin with a scheme.
    #[error("an origin begins with http:// or https://")]
    NoScheme,
    /// It begins with another scheme than the two of the web.
    #[error("an origin has the scheme http or https")]
    OtherScheme,
    /// It goes on after host and port.
    #[error("an origin ends after its host and port: it has no path, not even a slash")]
    Path,
    /// There is no host, a user before it, or a port that is not a number up to 65535.
    #[error("an origin has a host after its scheme, and perhaps a port")]
    Host,
}

/// The two parts of `host:port`, if it is that.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let authority: Authority = text.parse().ok()?;
    // A parsed authority may have a user before the host, and a port that is too large.
    let host = text.get(..authority.host().len())?;
    let port = match text.get(host.len()..)? {
        "" => None,
        port => Some(port.strip_prefix(':')?.parse().ok()?),
    };
    (!host.is_empty() && host == authority.host()).then_some((host, port))
}

fn is_listed(origin: &str, list: &[String]) -> bool {
    let parsed = origin.parse::<Origin>();
    // What is not an origin of the web, such as `null` or an extension's, is compared as it stands.
    list.iter().any(|listed| listed == origin || parsed.is_ok() && listed.parse() == parsed)
}

fn is_same(origin: &str, head: &Parts) -> bool {
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 has `:authority` in the place of `Host`.
    let host = host.or_else(|| head.uri.authority().map(|authority| authority.as_str()));
    let origin = origin.parse::<Origin>();
    host.is_some_and(|host| origin.is_ok_and(|origin| origin.is_at(host)))
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
    fn proxies_write_the_same_host_in_other_ways() {
        for (host, origin, same) in [
            ("a.example", "https://a.example", true),
            ("a.example:443", "https://a.example", true),
            ("a.example", "https://a.example:443", true),
            ("a.example:80", "http://a.example", true),
            ("A.Example", "https://a.example", true),
            ("a.example", "https://A.EXAMPLE", true),
            ("[::1]:3000", "http://[::1]:3000", true),
            ("a.example:8443", "https://a.example:8443", true),
            ("a.example:8443", "https://a.example", false),
            ("a.example", "https://a.example:8443", false),
            ("a.example:80", "https://a.example", false),
            ("a.example", "https://a.example.evil.example", false),
            ("a.example", "https://user@a.example", false),
            ("a.example", "https://a.example:443:443", false),
            ("a.example", "https://a.example/", false),
            ("a.example", "file://a.example", false),
            ("a.example", "a.example", false),
            ("", "https://", false),
        ] {
            let request = http::Request::get("/").header(header::HOST, host);
            let head = request.header(header::ORIGIN, origin).body(()).unwrap().into_parts().0;
            assert_eq!(Origins::Same.allow(&head), same, "{host} {origin}");
        }
    }

    #[test]
    fn a_list_is_read_as_people_write_it() {
        let list = Origins::List(Arc::from([
            "HTTPS://App.Example:443".to_owned(),
            "null".to_owned(),
            "chrome-extension://abc".to_owned(),
        ]));
        assert!(allows(&list, Some("https://app.example")));
        assert!(allows(&list, Some("null")));
        assert!(allows(&list, Some("chrome-extension://abc")));
        assert!(!allows(&list, Some("http://app.example")));
        assert!(!allows(&list, Some("chrome-extension://abd")));
    }

    #[test]
    fn what_is_not_an_origin_says_why() {
        for (text, expected) in [
            ("app.example", OriginError::NoScheme),
            ("*", OriginError::NoScheme),
            ("ws://app.example", OriginError::OtherScheme),
            ("https://app.example/", OriginError::Path),
            ("https://app.example/chat", OriginError::Path),
            ("https://", OriginError::Host),
            ("https://me@app.example", OriginError::Host),
            ("https://app.example:70000", OriginError::Host),
            ("https://app.example:", OriginError::Host),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(expected), "{text}");
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
