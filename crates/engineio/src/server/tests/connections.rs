//! What a websocket is on: a connection as it was accepted, or one that only hyper knows.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use super::endings::frame;
use super::*;

/// A connection that keeps each write that it took, counts reads, and looks at what comes while it
/// writes, as encrypted ones may: whoever wrote last is woken then.
struct Kept {
    io: DuplexStream,
    writes: Arc<Mutex<Vec<String>>>,
    reads: Arc<AtomicUsize>,
    ahead: Vec<u8>,
}

impl Kept {
    fn new(io: DuplexStream) -> Self {
        Self { io, writes: Arc::default(), reads: Arc::default(), ahead: Vec::new() }
    }

    fn look(&mut self, cx: &mut Context<'_>) {
        let mut buffer = [0; 64];
        let mut buffer = ReadBuf::new(&mut buffer);
        let looked = Pin::new(&mut self.io).poll_read(cx, &mut buffer);
        self.ahead.extend_from_slice(buffer.filled());
        if looked.is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

impl AsyncRead for Kept {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.ahead.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let len = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead.drain(..len).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Kept {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned());
        self.look(cx);
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.poll_write(cx, &bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// Opens a websocket on a connection, says something in the same write, and closes.
async fn visit<I, O>((io, far): (I, O))
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    O: AsyncRead + AsyncWrite + Unpin,
{
    let server = Server::new(Config::default(), echo);
    let connection = http1::Builder::new().serve_connection(TokioIo::new(io), server.service());
    tokio::spawn(connection.with_upgrades());
    let request = format!("{}\r\n\r\n", upgrade_request(""));
    let asks = [request.as_bytes(), &frame(0x81, b"4early")].concat();
    let (mut far, mut far_write) = tokio::io::split(far);
    let read = async {
        let mut seen = Vec::new();
        while !seen.ends_with(b"4early") {
            seen.push(far.read_u8().await.unwrap());
        }
        seen
    };
    let (seen, written) = tokio::join!(read, far_write.write_all(&asks));
    written.unwrap();
    let seen = String::from_utf8_lossy(&seen);
    let (head, frames) = seen.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 101 ") && frames.contains("0{\"sid\""), "{seen}");
    far_write.write_all(&frame(0x88, &[0x03, 0xe8])).await.unwrap();
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, [0x88, 2, 0x03, 0xe8]);
}

/// Both ends of a connection by TCP.
async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (listener.accept().await.unwrap().0, far)
}

#[tokio::test]
async fn a_websocket_is_the_same_on_every_connection() {
    visit(tcp().await).await;
    let (near, far) = tcp().await;
    visit((Cork::new(near), far)).await;
    visit(duplex(1 << 10)).await;
    let (near, far) = duplex(1 << 10);
    visit((Cork::new(near), far)).await;
    // The open packet waits for room.
    visit(duplex(7)).await;
    let (near, far) = duplex(7);
    visit((Cork::new(near), far)).await;
}

#[cfg(unix)]
#[tokio::test]
async fn and_on_a_unix_socket() {
    visit(tokio::net::UnixStream::pair().unwrap()).await;
    let (near, far) = tokio::net::UnixStream::pair().unwrap();
    visit((Cork::new(near), far)).await;
}

#[tokio::test]
async fn a_corked_101_leaves_with_the_open_packet() {
    let (io, far) = duplex(1 << 10);
    let io = Kept::new(io);
    let writes = Arc::clone(&io.writes);
    visit((Cork::new(io), far)).await;
    let writes = writes.lock().unwrap();
    assert!(
        writes[0].starts_with("HTTP/1.1 101 ") && writes[0].contains("0{\"sid\""),
        "{writes:?}"
    );
}

#[tokio::test]
async fn a_connection_is_read_when_it_was_woken_whoever_asked_it_last() {
    let (tell, mut senders) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::new(Config::default(), move |socket: Socket| {
        let _ = tell.send(socket.sender());
        echo(socket)
    });
    let (io, mut far) = duplex(1 << 10);
    let io = Kept::new(io);
    let reads = Arc::clone(&io.reads);
    let connection = http1::Builder::new().serve_connection(TokioIo::new(io), server.service());
    tokio::spawn(connection.with_upgrades());
    far.write_all(format!("{}\r\n\r\n", upgrade_request("")).as_bytes()).await.unwrap();
    let mut read = async |end: &str| {
        let mut seen = Vec::new();
        while !seen.ends_with(end.as_bytes()) {
            let byte = tokio::time::timeout(Duration::from_secs(10), far.read_u8()).await;
            seen.push(byte.unwrap().unwrap());
        }
    };
    read("}").await;
    let sender = senders.recv().await.unwrap();
    sender.send("first").unwrap();
    read("4first").await;
    let before = reads.load(Ordering::Relaxed);
    for number in 0..9 {
        sender.send(&*number.to_string()).unwrap();
        read(&format!("4{number}")).await;
    }
    assert_eq!(reads.load(Ordering::Relaxed), before);
    far.write_all(&frame(0x81, b"4late")).await.unwrap();
    let mut seen = [0; 7];
    let read = far.read_exact(&mut seen);
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap().unwrap();
    assert_eq!(&seen[2..], b"4late");
}

#[tokio::test]
async fn an_upgrade_of_a_session_that_is_not_read_gets_its_101() {
    let mut config = Config::default();
    config.session.limits.inbox_packets = 1;
    let server = Server::new(config, async |_socket| std::future::pending().await);
    let service = server.service();
    let sid = open(&serve(&server).await).await;
    // The inbox is full, and the session reads no frame.
    let post = Request::post(format!("/?EIO=4&transport=polling&sid={sid}"));
    let answer = service.answer(post.body(Full::<Bytes>::from("4unread")).unwrap()).await;
    assert_eq!(answer.status(), 200);
    let service = service_fn(move |request| {
        let service = service.clone();
        async move {
            let answer = service.answer(request).await;
            // The session's task looks for its websocket before hyper has it.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let (mut far, near) = duplex(1 << 10);
    let connection = http1::Builder::new().serve_connection(TokioIo::new(Cork::new(near)), service);
    tokio::spawn(connection.with_upgrades());
    let request = format!("{}\r\n\r\n", upgrade_request(&format!("&sid={sid}")));
    far.write_all(request.as_bytes()).await.unwrap();
    let mut seen = [0; 13];
    // Sooner than the upgrade is given up, which would let it go too.
    let read = far.read_exact(&mut seen);
    tokio::time::timeout(Duration::from_secs(5), read).await.unwrap().unwrap();
    assert_eq!(&seen, b"HTTP/1.1 101 ");
}
