//! Write timeout: closes a client's socket if the client does not accept what the server sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a write may make no progress.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A stream with a write timeout. The request timeout ends with the response, not with its last byte, so a client that
/// reads nothing could otherwise keep its connection indefinitely.
pub(super) struct WriteTimeout<S> {
    stream: S,
    /// Set while a write waits for the client.
    deadline: Option<Pin<Box<Sleep>>>,
    patience: Duration,
}

impl<S> WriteTimeout<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, deadline: None, patience: WRITE_TIMEOUT }
    }

    /// Returns the result of a write. Starts the timer while the write makes no progress, and fails when it expires.
    fn watched<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.deadline = None;
            return written;
        }
        let patience = self.patience;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn pair(patience: Duration) -> (WriteTimeout<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(16);
        (WriteTimeout { patience, ..WriteTimeout::new(ours) }, theirs)
    }

    #[tokio::test]
    async fn a_slow_reader_gets_the_whole_response() {
        // The whole transfer takes longer than the timeout, but each part takes much less, so that a busy machine may
        // be late.
        let (mut ours, mut theirs) = pair(Duration::from_secs(3));
        let writing = tokio::spawn(async move { ours.write_all(&[7; 160]).await });
        let mut read = [0; 160];
        for part in read.chunks_mut(16) {
            tokio::time::sleep(Duration::from_millis(350)).await;
            theirs.read_exact(part).await.unwrap();
        }
        writing.await.unwrap().unwrap();
        assert_eq!(read, [7; 160]);
    }

    #[tokio::test]
    async fn a_connection_without_reads_times_out() {
        let (mut ours, _theirs) = pair(Duration::from_millis(50));
        let error = ours.write_all(&[7; 160]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
