//! Handling of unread request bodies.
//!
//! A client whose request is rejected before its body is read may still be sending the body. In HTTP/1.1 the next
//! request on the connection follows after this body (RFC 9112 section 9.3). So the server reads and discards a short
//! rest, and otherwise announces that the connection ends (section 9.6). Without this, the next request of a
//! well-behaved client would fail.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use poem::http::header;
use poem::{Body, Request};

use super::connections::Slot;

/// How many bytes are read and discarded: the size of the largest accepted body.
const MAX_BYTES: usize = 64 * 1024;
/// How long the response waits for the rest of the body.
const MAX_TIME: Duration = Duration::from_millis(500);

type Chunks = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// The place to which a body returns if it is not read to its end.
pub(super) struct UnreadBody {
    place: Arc<Mutex<Option<Chunks>>>,
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
    waits_for_leave: bool,
}

impl UnreadBody {
    /// Wraps the body of a request that has one. The slot is notified when the body is complete.
    pub(super) fn of(request: &mut Request, slot: Arc<Slot>) -> Self {
        let place = Arc::new(Mutex::new(None));
        let chunks: Chunks = Box::pin(request.take_body().into_bytes_stream());
        let lent = Lent { chunks: Some(chunks), place: Arc::clone(&place), slot };
        request.set_body(Body::from_bytes_stream(lent));
        Self { place, waits_for_leave: request.headers().contains_key(header::EXPECT) }
    }

    /// Discards the rest of the body. Call it when the response is known. `true` if another request can follow on the
    /// connection.
    pub(super) async fn clear(self) -> bool {
        let Some(chunks) = self.place.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return true;
        };
        // Reading would send `100 Continue`.
        !self.waits_for_leave && tokio::time::timeout(MAX_TIME, throw_away(chunks)).await.unwrap_or(false)
    }
}

async fn throw_away(mut chunks: Chunks) -> bool {
    let mut read = 0;
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return false };
        read += chunk.len();
        if read > MAX_BYTES {
            return false;
        }
    }
    true
}

/// A body that returns to its place if it is dropped before its end.
struct Lent {
    chunks: Option<Chunks>,
    place: Arc<Mutex<Option<Chunks>>>,
    slot: Arc<Slot>,
}

impl Stream for Lent {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(chunks) = &mut self.chunks else { return Poll::Ready(None) };
        let next = chunks.as_mut().poll_next(context);
        if matches!(next, Poll::Ready(None)) {
            self.chunks = None;
            self.slot.answers();
        }
        next
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(chunks) = self.chunks.take() {
            *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(chunks);
        }
    }
}
