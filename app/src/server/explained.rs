//! A client's socket, on which the parser's own refusals are explained.
//!
//! What the parser of HTTP cannot read never becomes a request, so nothing of ours sees it: it is refused with a status and
//! nothing else. There is no other place to tell more than the bytes on their way out.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::bounds::LINGER;

/// Makes a whole answer of the head of the parser's, for this client.
pub type Explain = fn(&[u8], SocketAddr) -> Vec<u8>;

/// As much as is read of whoever was refused.
const MAX_LEFT: usize = 1024 * 1024;

pub(super) struct Explained<S> {
    stream: S,
    explain: Explain,
    client: SocketAddr,
    /// What is to be written before anything else.
    answer: Vec<u8>,
    written: usize,
    /// Set once the answer is out.
    lingering: Option<Lingering>,
}

struct Lingering {
    until: Pin<Box<Sleep>>,
    read: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Explained<S> {
    pub(super) fn new(stream: S, explain: Explain, client: SocketAddr) -> Self {
        Self { stream, explain, client, answer: Vec::new(), written: 0, lingering: None }
    }

    /// Reads what the client is sending still, and throws it away. However that ends, it is over then.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let lingering = self.lingering.get_or_insert_with(|| Lingering {
            until: Box::pin(tokio::time::sleep_until(Instant::now() + LINGER)),
            read: 0,
        });
        let mut piece = [0; 4096];
        while lingering.read < MAX_LEFT && lingering.until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut piece);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => lingering.read += buffer.filled().len(),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(())
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.answer.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Whether these are the bytes of a refusal by the parser. They are written in one piece, because the answer before has gone out
/// when the next request is looked at, and have none of the headers that every answer of ours has.
fn is_bare(bytes: &[u8]) -> bool {
    const OURS: &[u8] = b"x-content-type-options";
    bytes.starts_with(b"HTTP/1.")
        && bytes.get(8..10) == Some(b" 4")
        && bytes.ends_with(b"\r\n\r\n")
        && !bytes.windows(OURS.len()).any(|window| window.eq_ignore_ascii_case(OURS))
}

impl<S: AsyncRead + Unpin> AsyncRead for Explained<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_answer(cx))?;
        if is_bare(bytes) {
            self.answer = (self.explain)(bytes, self.client);
            self.written = 0;
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices {
            [only] => self.poll_write(cx, only),
            _ => {
                ready!(self.poll_answer(cx))?;
                Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(cx))?;
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if !self.answer.is_empty() {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const BARE: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    const OURS: &[u8] = b"HTTP/1.1 404 Not Found\r\nX-Content-Type-Options: nosniff\r\n\r\n";
    const FINE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

    async fn sent(parts: &[&[u8]]) -> Vec<u8> {
        // Less than any answer at a time, so that each is written in pieces.
        let (ours, mut theirs) = tokio::io::duplex(16);
        let client = SocketAddr::from(([192, 0, 2, 1], 4711));
        let mut ours = Explained::new(ours, |head, _| [b"explained: ", head].concat(), client);
        let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        tokio::spawn(async move {
            for part in parts {
                ours.write_all(&part).await.unwrap();
                ours.flush().await.unwrap();
            }
            ours.shutdown().await.unwrap();
        });
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).await.unwrap();
        all
    }

    #[tokio::test]
    async fn a_bare_refusal_is_explained_and_nothing_else_is_touched() {
        for fine in [OURS, FINE, b"", b"HTTP/1.1 400", b"body"] {
            assert_eq!(sent(&[fine]).await, fine);
        }
        assert_eq!(sent(&[BARE]).await, [b"explained: ", BARE].concat());
        assert_eq!(sent(&[FINE, OURS, BARE]).await, [FINE, OURS, b"explained: ", BARE].concat());
        let old = [b"HTTP/1.0", &BARE[8..]].concat();
        assert_eq!(sent(&[&old]).await, [b"explained: ", &old[..]].concat());
    }
}
