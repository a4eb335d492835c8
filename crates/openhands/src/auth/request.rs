//! The key a request brings.

use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use socketio::proto::RawJson;

/// The key of a REST request: of the first of these that holds one, `X-Session-API-Key`,
/// `Authorization: Bearer`, the cookie `session_api_key`. Not of the query: addresses end up in logs.
pub(crate) fn of_request(headers: &HeaderMap) -> Option<String> {
    // A value that is not UTF-8 is a wrong key, not a missing one.
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let header = headers.get_all(HEADER).iter().map(text);
    let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let value = text(value);
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
    });
    let cookies = headers.get_all(COOKIE).iter().map(text);
    let cookie = cookies.filter_map(|line| {
        let mut pairs = line.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == NAME).map(|(_, value)| value.to_owned())
    });
    header.chain(bearer).chain(cookie).find(|key| counts(key))
}

/// The key of a Socket.IO connect: of its auth data, of the query of the handshake, or as of a REST
/// request.
pub(crate) fn of_connect(request: &Parts, auth: Option<&RawJson>) -> Option<String> {
    let auth: Auth = auth.and_then(|auth| auth.parse().ok()).unwrap_or_default();
    let query = request.uri.query().unwrap_or_default().as_bytes();
    let query = form_urlencoded::parse(query).filter(|(key, _)| key == NAME);
    [auth.session_api_key, auth.token]
        .into_iter()
        .filter_map(|key| Some(key?.as_str()?.to_owned()))
        .chain(query.map(|(_, value)| value.into_owned()))
        .find(|key| counts(key))
        .or_else(|| of_request(&request.headers))
}

/// Values of any type, so that foreign auth data is neither a key nor an error.
#[derive(Default, Deserialize)]
struct Auth {
    session_api_key: Option<serde_json::Value>,
    token: Option<serde_json::Value>,
}

/// The page of OpenHands 0.62 sends `null` when it has no key.
fn counts(key: &str) -> bool {
    !matches!(key, "" | "null" | "undefined")
}

const HEADER: &str = "x-session-api-key";
const NAME: &str = "session_api_key";

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn each_way_of_bringing_a_key_is_understood() {
        let auth = |json: &str| {
            let value: serde_json::Value = serde_json::from_str(json).unwrap();
            Some(RawJson::from_value(&value).unwrap())
        };
        for (uri, headers, auth, found) in [
            ("/", &[][..], None, None),
            ("/?session_api_key=a%2Bb", &[], None, Some("a+b")),
            ("/?session_api_key=null&session_api_key=", &[], None, None),
            ("/", &[("X-Session-API-Key", "a")], None, Some("a")),
            ("/", &[("authorization", "bearer  a ")], None, Some("a")),
            ("/", &[("authorization", "Basic YTpi")], None, None),
            ("/", &[("cookie", "x=1; session_api_key=a; y=2")], None, Some("a")),
            ("/", &[("cookie", "x=1"), ("cookie", "session_api_key=a")], None, Some("a")),
            ("/", &[("cookie", "my_session_api_key=a")], None, None),
            ("/", &[], auth("{\"session_api_key\":\"a\"}"), Some("a")),
            ("/", &[], auth("{\"token\":\"a\"}"), Some("a")),
            ("/", &[], auth("{\"token\":7}"), None),
            ("/", &[], auth("[1]"), None),
            // Of several the most deliberate counts.
            ("/?session_api_key=q", &[("cookie", "session_api_key=c")], None, Some("q")),
            ("/?session_api_key=null", &[("cookie", "session_api_key=c")], None, Some("c")),
            (
                "/?session_api_key=q",
                &[("x-session-api-key", "h")],
                auth("{\"token\":\"t\"}"),
                Some("t"),
            ),
            ("/", &[("authorization", "Bearer b"), ("x-session-api-key", "h")], None, Some("h")),
        ] {
            let parts = parts(uri, headers);
            assert_eq!(of_connect(&parts, auth.as_ref()).as_deref(), found, "{uri} {headers:?}");
        }
        let query = parts("/?session_api_key=a", &[]);
        assert_eq!(of_request(&query.headers), None, "not of a REST query");
    }
}
