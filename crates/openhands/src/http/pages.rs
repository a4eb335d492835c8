//! A built page from a folder: its files, and its index for every path it routes itself.

use std::io;
use std::path::Path;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Method, header};
use tower_http::services::{ServeDir, ServeFile};

use super::ApiError;

/// The folder's files.
#[derive(Clone, Debug)]
pub(super) struct Pages(ServeDir<ServeFile>);

impl Pages {
    /// The page in `folder`, whose index is `index.html`.
    pub(super) fn new(folder: &Path) -> Self {
        let index = ServeFile::new(folder.join(INDEX));
        Self(ServeDir::new(folder).redirect_to_trailing_slash(false).fallback(index))
    }

    /// Answers what no route has taken. Paths of the API stay 404, so that a client never takes a page
    /// for an answer.
    pub(super) fn serve(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response, ApiError>> + use<> {
        let files = self.0.clone();
        answer(files, request)
    }
}

async fn answer(mut files: ServeDir<ServeFile>, request: Request) -> Result<Response, ApiError> {
    let path = request.uri().path().to_owned();
    if is_reserved(&path) || has_hidden_part(&path) {
        return Err(ApiError::NotFound);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(ApiError::MethodNotAllowed);
    }
    // A connection is cut where reading breaks off; here nothing was sent yet.
    let unreadable = |error: io::Error| ApiError::Unavailable(format!("page not read: {error}"));
    let mut response = files.try_call(request).await.map_err(unreadable)?.into_response();
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html");
    let is_page = headers.get(header::CONTENT_TYPE) == Some(&html);
    // Built files carry a hash in their name; the index is served for files that are missing.
    if path.starts_with("/assets/") && !is_page {
        let value = HeaderValue::from_static("public, max-age=2592000, immutable");
        headers.insert(header::CACHE_CONTROL, value);
    }
    Ok(response)
}

/// Whether `folder` holds a page.
///
/// # Errors
/// When its index cannot be read.
pub(crate) fn check(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder.join(INDEX)).map(drop)
}

fn is_reserved(path: &str) -> bool {
    RESERVED.iter().any(|reserved| {
        path.strip_prefix(reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether a part of the path begins with a dot, also in disguise: such files are never of a page.
fn has_hidden_part(path: &str) -> bool {
    let plain = path.to_ascii_lowercase().replace("%2f", "/").replace("%5c", "/");
    plain.replace("%2e", ".").replace('\\', "/").contains("/.")
}

const INDEX: &str = "index.html";
const RESERVED: &[&str] =
    &["/api", "/socket.io", "/alive", "/health", "/server_info", "/metrics", "/openapi.json"];

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use http::StatusCode;

    use super::*;

    async fn ask(pages: &Pages, method: Method, path: &str) -> (StatusCode, String, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = pages.serve(request).await.into_response();
        let kind = response.headers().get(header::CONTENT_TYPE).map(|v| v.to_str().unwrap());
        let kind = kind.unwrap_or_default().to_owned();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn files_have_their_types_and_the_index_stands_in_for_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("page");
        std::fs::create_dir_all(root.join("assets")).unwrap();
        for (file, text) in [
            ("page/index.html", "the index"),
            ("page/assets/a.js", "script"),
            ("page/assets/a.css", "style"),
            ("page/data.json", "{}"),
            ("page/.env", "hidden"),
            ("secret", "outside"),
        ] {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        let pages = Pages::new(&root);
        for (path, kind, text) in [
            ("/", "text/html", "the index"),
            ("/index.html", "text/html", "the index"),
            ("/conversations/abc?x=1", "text/html", "the index"),
            ("/apiary", "text/html", "the index"),
            ("/assets", "text/html", "the index"),
            ("/assets/gone.js", "text/html", "the index"),
            ("/assets/a.js", "text/javascript", "script"),
            ("/assets/a.css", "text/css", "style"),
            ("/data.json", "application/json", "{}"),
        ] {
            let (status, found, body) = ask(&pages, Method::GET, path).await;
            assert_eq!((status, &*found, &*body), (StatusCode::OK, kind, text), "{path}");
        }
        for path in [
            "/api",
            "/api/nope",
            "/socket.io/",
            "/alive/x",
            "/metrics",
            "/.env",
            "/%2eenv",
            "/../secret",
            "/%2e%2e/secret",
            "/..%2fsecret",
            "/assets/..%2F..%2Fsecret",
            "/assets%5c..%5c..%5csecret",
        ] {
            let (status, _, body) = ask(&pages, Method::GET, path).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {body}");
        }
        assert_eq!(ask(&pages, Method::POST, "/x").await.0, StatusCode::METHOD_NOT_ALLOWED);
    }
}
