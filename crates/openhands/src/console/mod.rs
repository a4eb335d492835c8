//! The built-in page: what this server is, its conversations, and one of them live.
//!
//! Plain files, embedded as they are written; `page/socket.js` is its own small Socket.IO client. The
//! page loads nothing from elsewhere and runs nothing but these files: see [`POLICY`].

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

/// The page of one server.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    index: Bytes,
    text: Bytes,
}

impl Console {
    /// The page of a server whose agent has this name.
    pub(crate) fn new(agent: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let index = INDEX.replace("{{version}}", version).replace("{{agent}}", &escaped(agent));
        let text = TEXT.replace("{{version}}", version).replace("{{agent}}", agent);
        Self { index: index.into(), text: text.into() }
    }

    /// The routes: `/`, and the files that the page loads.
    pub(crate) fn routes(self) -> Router {
        let routes = Router::new()
            .route("/", get(move |request: Request| async move { self.answer(&request) }));
        FILES.iter().fold(routes, |routes, (path, kind, file)| {
            let file = Bytes::from_static(file.as_bytes());
            routes.route(path, get(move || async move { served(kind, file) }))
        })
    }

    /// The page for browsers; text for a client that takes anything, for example curl.
    fn answer(&self, request: &Request) -> Response {
        let accept = request.headers().get_all(header::ACCEPT);
        let is_browser = accept.iter().any(|value| {
            let value = value.to_str().unwrap_or_default();
            value.split(',').any(|kind| kind.trim().starts_with("text/html"))
        });
        let mut response = match is_browser {
            true => served("text/html; charset=utf-8", self.index.clone()),
            false => served("text/plain; charset=utf-8", self.text.clone()),
        };
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        response
    }
}

fn served(kind: &'static str, bytes: Bytes) -> Response {
    let head: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    (head, bytes).into_response()
}

/// Escapes a text for HTML, between tags or in an attribute.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
        escaped
    })
}

/// Scripts, styles and connections of this server alone; the icon is in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";
const INDEX: &str = include_str!("page/index.html");
const TEXT: &str = include_str!("page/index.txt");
const SCRIPT: &str = "text/javascript; charset=utf-8";
const FILES: &[(&str, &str, &str)] = &[
    ("/console/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("/console/page.js", SCRIPT, include_str!("page/page.js")),
    ("/console/events.js", SCRIPT, include_str!("page/events.js")),
    ("/console/rest.js", SCRIPT, include_str!("page/rest.js")),
    ("/console/socket.js", SCRIPT, include_str!("page/socket.js")),
];

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use tower_service::Service as _;

    use super::*;

    async fn ask(path: &str, accept: &str) -> (http::response::Parts, String) {
        let request = Request::get(path).header("accept", accept).body(Body::empty()).unwrap();
        let mut router = Console::new("<demo>").routes();
        let (head, body) = router.call(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (head, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_browser_gets_the_page_and_curl_a_text() {
        for (accept, kind) in [
            ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html"),
            ("*/*", "text/plain"),
            ("text/plain", "text/plain"),
        ] {
            let (head, body) = ask("/", accept).await;
            assert!(head.headers["content-type"].to_str().unwrap().starts_with(kind), "{accept}");
            assert_eq!(head.headers["vary"], "accept");
            assert!(body.contains(env!("CARGO_PKG_VERSION")), "{body}");
            assert!(!body.contains("{{"), "{body}");
        }
        assert!(ask("/", "text/html").await.1.contains("&lt;demo&gt;"));
        assert!(ask("/", "*/*").await.1.contains("<demo>"));
    }

    #[tokio::test]
    async fn the_page_loads_what_is_there_and_nothing_else() {
        let mut texts = vec![INDEX.to_owned()];
        for (path, kind, text) in FILES {
            let (head, body) = ask(path, "*/*").await;
            assert_eq!((head.status.as_u16(), &*body), (200, *text), "{path}");
            assert_eq!(head.headers["content-type"], *kind);
            assert_eq!(head.headers["content-security-policy"], POLICY);
            texts.push(body);
        }
        for text in texts {
            for after in ["src=\"", "href=\"", "from \"", "import \""] {
                for named in text.split(after).skip(1) {
                    let named = named.split('"').next().unwrap();
                    let path = named.replace("./", "/console/");
                    let is_there = FILES.iter().any(|(file, _, _)| *file == path);
                    let is_other = named.starts_with("data:") || named == "socket.io-client";
                    assert!(is_there || is_other, "{named}");
                }
            }
            assert!(!text.contains("innerHTML") && !text.contains(" style="), "{text}");
        }
    }
}
