//! What a request leaves unread of its body.
//!
//! Whoever is refused before the body was looked at may still be sending it. HTTP/1.1 has no other place for the next request
//! on the connection than after this body (RFC 9112 section 9.3), so the rest is read and thrown away if it is short, and else
//! the client is told that the connection ends (section 9.6). Otherwise the next request of an honest client would fail.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use poem::http::header;
use poem::{Body, Request};

use super::connections::Slot;

/// As much as is read for nothing: a body that would have been taken.
const MAX_BYTES: usize = 64 * 1024;
/// For how long the answer waits for it.
const MAX_TIME: Duration = Duration::from_millis(500);

type Chunks = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// Where the body comes back to if it was not read to its end.
pub(super) struct UnreadBody {
    place: Arc<Mutex<Option<Chunks>>>,
    /// The client waits for leave to send the body (RFC 9110 section 10.1.1).
    waits_for_leave: bool,
}

impl UnreadBody {
    /// Sees to the body of a request, which has one. The slot learns when the body is complete.
    pub(super) fn of(request: &mut Request, slot: Arc<Slot>) -> Self {
        let place = Arc::new(Mutex::new(None));
        let chunks: Chunks = Box::pin(request.take_body().into_bytes_stream());
        let lent = Lent { chunks: Some(chunks), place: Arc::clone(&place), slot };
        request.set_body(Body::from_bytes_stream(lent));
        Self { place, waits_for_leave: request.headers().contains_key(header::EXPECT) }
    }

    /// Once the answer is known. `true` if another request can follow on the connection.
    pub(super) async fn clear(self) -> bool {
        let Some(chunks) = self.place.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return true;
        };
        // To read would be to give leave.
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

/// A body that goes back to its place where it is dropped before its end.
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
