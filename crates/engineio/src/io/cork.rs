//! A connection under hyper that holds back a 101 until something follows it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection for an HTTP/1.1 host on which `101 Switching Protocols` and the first frame of the
/// websocket leave in one write.
///
/// hyper writes the 101 and hands the connection over only then. The open packet would be a write of
/// its own and would often wake the client a second time. Here the 101 waits for the next write (an
/// empty one counts), read or shutdown, whichever comes first. Everything else passes through. A host wraps what it accepts: `TokioIo::new(Cork::new(stream))`.
///
/// A flush does not release a 101. Code that takes an upgraded connection over without this crate must
/// read or write before the client sees its 101.
#[derive(Debug)]
pub struct Cork<T> {
    io: T,
    /// A 101 that waits, or what is left of it.
    held: Vec<u8>,
}

impl<T> Cork<T> {
    /// A connection that was just accepted.
    pub fn new(io: T) -> Self {
        Self { io, held: Vec::new() }
    }

    /// The connection itself.
    pub(crate) fn get_ref(&self) -> &T {
        &self.io
    }
}

impl<T: AsyncWrite + Unpin> Cork<T> {
    /// Writes what is held, and some of `next` with it. Returns how much of `next`.
    fn poll_release(&mut self, cx: &mut Context<'_>, next: &[u8]) -> Poll<io::Result<usize>> {
        while !self.held.is_empty() {
            let slices = [IoSlice::new(&self.held), IoSlice::new(next)];
            let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            if let Some(more) = written.checked_sub(self.held.len()) {
                self.held = Vec::new();
                return Poll::Ready(Ok(more));
            }
            self.held.drain(..written);
        }
        Poll::Ready(Ok(0))
    }

    /// Holds `bytes` back if they are a 101.
    fn holds(&mut self, bytes: &[u8]) -> bool {
        let is_switching = self.held.is_empty()
            && bytes.starts_with(SWITCHING)
            && bytes.ends_with(b"\r\n\r\n")
            && bytes.len() <= HELD;
        if is_switching {
            self.held = bytes.to_vec();
        }
        is_switching
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Cork<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_release(cx, &[]))?;
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Cork<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.holds(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        match ready!(self.poll_release(cx, bytes))? {
            0 if bytes.is_empty() => Poll::Ready(Ok(0)),
            0 => Pin::new(&mut self.io).poll_write(cx, bytes),
            written => Poll::Ready(Ok(written)),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices.iter().find(|slice| !slice.is_empty());
        let first = first.map_or(&[][..], |slice| slice);
        if self.holds(first) {
            return Poll::Ready(Ok(first.len()));
        }
        match ready!(self.poll_release(cx, first))? {
            0 => Pin::new(&mut self.io).poll_write_vectored(cx, slices),
            written => Poll::Ready(Ok(written)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.held.is_empty() {
            true => Pin::new(&mut self.io).poll_flush(cx),
            false => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_release(cx, &[]))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// How a 101 begins.
const SWITCHING: &[u8] = b"HTTP/1.1 101 ";
/// Bytes of the largest 101 that is held back.
const HELD: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";

    /// What came out, without waiting.
    fn seen(far: &mut DuplexStream) -> Vec<u8> {
        let mut bytes = [0; 1 << 10];
        let mut buffer = ReadBuf::new(&mut bytes);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let _ = Pin::new(far).poll_read(&mut cx, &mut buffer);
        buffer.filled().to_vec()
    }

    /// A connection that was told a 101.
    async fn switching(room: usize) -> (Cork<DuplexStream>, DuplexStream) {
        let (near, mut far) = duplex(room);
        let mut cork = Cork::new(near);
        cork.write_all(HEAD).await.unwrap();
        cork.flush().await.unwrap();
        assert_eq!(seen(&mut far), b"");
        (cork, far)
    }

    #[tokio::test]
    async fn a_101_leaves_with_what_follows() {
        let (mut cork, mut far) = switching(1 << 10).await;
        cork.write_all(b"frame").await.unwrap();
        cork.flush().await.unwrap();
        assert_eq!(seen(&mut far), [HEAD, b"frame"].concat());
        cork.write_all(b"more").await.unwrap();
        assert_eq!(seen(&mut far), b"more");
    }

    #[tokio::test]
    async fn a_101_leaves_before_a_read_and_before_the_end() {
        let (mut cork, mut far) = switching(1 << 10).await;
        far.write_all(b"question").await.unwrap();
        let mut question = [0; 8];
        cork.read_exact(&mut question).await.unwrap();
        assert_eq!((&question, seen(&mut far)), (b"question", HEAD.to_vec()));

        let (mut cork, mut far) = switching(1 << 10).await;
        cork.shutdown().await.unwrap();
        assert_eq!(seen(&mut far), HEAD);
    }

    #[tokio::test]
    async fn it_leaves_in_order_where_there_is_room_for_little() {
        let (mut cork, mut far) = switching(7).await;
        let mut read = vec![0; HEAD.len() + 9];
        let (written, seen) = tokio::join!(cork.write_all(b"and frame"), far.read_exact(&mut read));
        written.and(seen).unwrap();
        assert_eq!(read, [HEAD, b"and frame"].concat());
    }

    #[tokio::test]
    async fn other_answers_leave_at_once() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"[..],
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: web",
            b"HTTP/1.1 10",
        ] {
            let (near, mut far) = duplex(1 << 10);
            let mut cork = Cork::new(near);
            cork.write_all(bytes).await.unwrap();
            assert_eq!(seen(&mut far), bytes);
        }
    }
}
