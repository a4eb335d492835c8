//! The reference's client as files: `socket.io.js` and its variants under the server's own path.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::fs::File;
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};

/// The files of a client, the reference's `serveClient`. Nothing is served unless the application
/// uses this.
///
/// `npm install socket.io-client` puts them into `node_modules/socket.io-client/dist`. They are
/// read once, and served from memory by their names, below the path of the service:
/// `socket.io`, maybe `.msgpack` or `.esm`, maybe `.min`, then `.js`, maybe `.map`. A name of this
/// form without a file is answered 404; all other requests go to the inner service.
///
/// ```no_run
/// use socketio::server::{ClientFiles, Server};
/// let server = Server::default();
/// let files = ClientFiles::read("node_modules/socket.io-client/dist")?;
/// let app: axum::Router =
///     axum::Router::new().nest_service("/socket.io", files.in_front_of(server.service()));
/// // <script src="/socket.io/socket.io.js"></script>
/// # Ok::<(), socketio::server::ClientFilesError>(())
/// ```
#[derive(Clone)]
pub struct ClientFiles {
    files: Arc<HashMap<String, ClientFile>>,
}

struct ClientFile {
    data: Bytes,
    /// With its quotes.
    etag: HeaderValue,
}

/// Why files of a client were not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientFilesError {
    /// A file is there, and cannot be read.
    #[error("{path} cannot be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        error: io::Error,
    },
    /// A file is larger than any client.
    #[error("{path} has more than {max} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        max: u64,
    },
    /// The folder has a file of none of the names.
    #[error("no client in {folder}: socket.io.js and its relatives are missing")]
    None {
        /// The folder.
        folder: PathBuf,
    },
}

impl ClientFiles {
    /// Reads the client's files in a folder, at most 4 MiB each. Blocks: call it at the start of
    /// the program.
    ///
    /// # Errors
    /// [`ClientFilesError`]. A folder with only some of the files is not an error.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, ClientFilesError> {
        let folder = folder.as_ref();
        let mut files = HashMap::new();
        for name in names() {
            let path = folder.join(&name);
            let mut data = Vec::new();
            let read = File::open(&path).and_then(|file| file.take(MAX + 1).read_to_end(&mut data));
            match read {
                Ok(_) if data.len() as u64 > MAX => {
                    return Err(ClientFilesError::TooLarge { path, max: MAX });
                }
                Ok(_) => drop(files.insert(name, ClientFile::new(data.into()))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(ClientFilesError::Io { path, error }),
            }
        }
        if files.is_empty() {
            return Err(ClientFilesError::None { folder: folder.to_owned() });
        }
        Ok(Self { files: Arc::new(files) })
    }

    /// Serves these files, and hands every other request to `service`.
    pub fn in_front_of<S>(self, service: S) -> WithClientFiles<S> {
        WithClientFiles { files: self, service }
    }

    /// None for a request that is not for a file of the client.
    fn answer<B>(&self, request: &Request<B>) -> Option<Response<Full<Bytes>>> {
        let name = request.uri().path().rsplit('/').next().filter(|name| is_name(name))?;
        let mut response = Response::default();
        let Some(file) = self.files.get(name) else {
            *response.status_mut() = StatusCode::NOT_FOUND;
            return Some(response);
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(response);
        }
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
        headers.insert(header::ETAG, file.etag.clone());
        if file.is_known(request.headers()) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Some(response);
        }
        let kind = if name.ends_with(".map") { MAP } else { SCRIPT };
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CONTENT_LENGTH, file.data.len().into());
        if request.method() == Method::GET {
            *response.body_mut() = Full::new(file.data.clone());
        }
        Some(response)
    }
}

impl ClientFile {
    fn new(data: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        data.hash(&mut hasher);
        let etag = format!("\"{:x}-{:x}\"", data.len(), hasher.finish());
        // Quotes, digits and a dash are a header's value; without one the file is only sent again.
        let etag = HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"\""));
        Self { data, etag }
    }

    /// Whether the client already has this version. [RFC 9110, 13.1.2]
    fn is_known(&self, request: &HeaderMap) -> bool {
        let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|it| it.to_str().ok());
        known.flat_map(|tags| tags.split(',')).map(str::trim).any(|tag| {
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == self.etag.as_bytes()
        })
    }
}

/// A service with the files of a client in front of it, from [`ClientFiles::in_front_of`].
///
/// It is a tower service over tower services and a hyper service over hyper services.
#[derive(Clone)]
pub struct WithClientFiles<S> {
    files: ClientFiles,
    service: S,
}

impl<S, B, R> tower_service::Service<Request<B>> for WithClientFiles<S>
where
    S: tower_service::Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<Either<Full<Bytes>, R>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.files.answer(&request) {
            Some(response) => file(response),
            None => passed(self.service.call(request)),
        }
    }
}

impl<S, B, R> hyper::service::Service<Request<B>> for WithClientFiles<S>
where
    S: hyper::service::Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<Either<Full<Bytes>, R>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        match self.files.answer(&request) {
            Some(response) => file(response),
            None => passed(self.service.call(request)),
        }
    }
}

type Answer<R, E> = BoxFuture<'static, Result<Response<Either<Full<Bytes>, R>>, E>>;

fn file<R, E>(response: Response<Full<Bytes>>) -> Answer<R, E> {
    Box::pin(async move { Ok(response.map(Either::Left)) })
}

fn passed<R, E>(
    answer: impl Future<Output = Result<Response<R>, E>> + Send + 'static,
) -> Answer<R, E> {
    Box::pin(async move { Ok(answer.await?.map(Either::Right)) })
}

impl fmt::Debug for ClientFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.files.keys()).finish()
    }
}

impl<S: fmt::Debug> fmt::Debug for WithClientFiles<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithClientFiles")
            .field("files", &self.files)
            .field("service", &self.service)
            .finish()
    }
}

fn names() -> impl Iterator<Item = String> {
    let of =
        |kind| ["", ".min"].map(|min| ["", ".map"].map(|map| format!("{STEM}{kind}{min}.js{map}")));
    ["", ".esm", ".msgpack"].into_iter().flat_map(of).flatten()
}

/// Whether [`names`] yields this name.
fn is_name(name: &str) -> bool {
    let name = name.strip_prefix(STEM).map(|kind| kind.strip_suffix(".map").unwrap_or(kind));
    let Some(kind) = name.and_then(|kind| kind.strip_suffix(".js")) else { return false };
    matches!(kind.strip_suffix(".min").unwrap_or(kind), "" | ".esm" | ".msgpack")
}

const STEM: &str = "socket.io";
/// Most bytes of a file; the largest of Socket.IO 4.8, a map, has a twentieth of that.
const MAX: u64 = 4 << 20;
const SCRIPT: HeaderValue = HeaderValue::from_static("application/javascript; charset=utf-8");
const MAP: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_reference_and_no_others() {
        assert_eq!(names().count(), 12);
        assert!(names().all(|name| is_name(&name)));
        for name in
            ["", "socket.io", "socket.io.js.gz", "x.js", "socket.io.map", "socket.io.min.esm.js"]
        {
            assert!(!is_name(name), "{name}");
        }
    }
}
