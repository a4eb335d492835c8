//! The reference's client, served as files by the server.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::service::Service as _;
use socketio::server::{ClientFiles, ClientFilesError, Server};

/// A folder that is removed at the end of its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn with(self, name: &str, data: impl AsRef<[u8]>) -> Self {
        fs::write(self.0.join(name), data).unwrap();
        self
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Status, a header of the answer, and the body.
async fn ask(
    files: &ClientFiles,
    method: Method,
    path: &str,
    known: &str,
    header: header::HeaderName,
) -> (StatusCode, String, Bytes) {
    let service = files.clone().in_front_of(Server::default().service());
    let mut request = Request::builder().method(method).uri(path);
    if !known.is_empty() {
        request = request.header(header::IF_NONE_MATCH, known);
    }
    let response = service.call(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    let value = response.headers().get(&header).map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, value.unwrap_or_default(), body)
}

#[tokio::test]
async fn files_are_served_by_name_with_their_types() {
    let folder = Folder::new("client-files")
        .with("socket.io.js", "io = 1")
        .with("socket.io.min.js.map", "{}")
        .with("secret.js", "not ours");
    let files = ClientFiles::read(&folder).unwrap();
    let kind = header::CONTENT_TYPE;
    for (path, status, expected, body) in [
        ("/socket.io.js", 200, "application/javascript; charset=utf-8", "io = 1"),
        ("/socket.io/socket.io.js?v=4", 200, "application/javascript; charset=utf-8", "io = 1"),
        ("/socket.io.min.js.map", 200, "application/json; charset=utf-8", "{}"),
        ("/socket.io.msgpack.min.js", 404, "", ""),
        // These reach the inner service, which does not know such a transport.
        ("/secret.js", 400, "application/json", r#"{"code":0,"message":"Transport unknown"}"#),
        ("/", 400, "application/json", r#"{"code":0,"message":"Transport unknown"}"#),
    ] {
        let (got, value, data) = ask(&files, Method::GET, path, "", kind.clone()).await;
        assert_eq!(
            (got.as_u16(), &value[..], &data[..]),
            (status, expected, body.as_bytes()),
            "{path}"
        );
    }
    let (status, _, data) = ask(&files, Method::HEAD, "/socket.io.js", "", kind.clone()).await;
    assert_eq!((status, data.len()), (StatusCode::OK, 0));
    let (status, allow, _) = ask(&files, Method::PUT, "/socket.io.js", "", header::ALLOW).await;
    assert_eq!((status, &allow[..]), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
}

#[tokio::test]
async fn a_client_that_has_the_file_is_told_so() {
    let folder = Folder::new("client-files-known").with("socket.io.esm.min.js", "export default 1");
    let files = ClientFiles::read(&folder).unwrap();
    let path = "/socket.io.esm.min.js";
    let (_, etag, _) = ask(&files, Method::GET, path, "", header::ETAG).await;
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 9, "{etag}");
    for (known, status) in [
        (etag.clone(), StatusCode::NOT_MODIFIED),
        (format!("W/{etag}"), StatusCode::NOT_MODIFIED),
        (format!("\"x\", {etag}"), StatusCode::NOT_MODIFIED),
        ("*".to_owned(), StatusCode::NOT_MODIFIED),
        ("\"x\"".to_owned(), StatusCode::OK),
    ] {
        let (got, again, data) = ask(&files, Method::GET, path, &known, header::ETAG).await;
        assert_eq!((got, &again), (status, &etag), "{known}");
        assert_eq!(data.is_empty(), status == StatusCode::NOT_MODIFIED, "{known}");
    }
    let other = Folder::new("client-files-other").with("socket.io.esm.min.js", "export default 2");
    let other = ClientFiles::read(&other).unwrap();
    assert_ne!(ask(&other, Method::GET, path, "", header::ETAG).await.1, etag);
}

#[test]
fn a_folder_without_a_client_and_a_file_that_is_too_large_are_refused() {
    let empty = Folder::new("client-files-none").with("readme.js", "");
    assert!(matches!(ClientFiles::read(&empty), Err(ClientFilesError::None { .. })));
    let large = vec![b' '; (4 << 20) + 1];
    let large = Folder::new("client-files-large").with("socket.io.js", large);
    let error = ClientFiles::read(&large).unwrap_err();
    assert!(error.to_string().ends_with("has more than 4194304 bytes"), "{error}");
}
