use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How long the server reads from a rejected client.
const MAX_TIME: Duration = Duration::from_secs(1);
/// How many bytes it reads.
const MAX_BYTES: u64 = 1024 * 1024;

/// Discards what a rejected client is still sending, after the response is sent and the writing side is shut down.
///
/// Closing a socket with unread bytes resets it, and the client may lose the response.
pub(super) async fn linger(stream: &mut (impl AsyncRead + Unpin)) {
    let discard = async { tokio::io::copy(&mut stream.take(MAX_BYTES), &mut tokio::io::sink()).await };
    let _ = tokio::time::timeout(MAX_TIME, discard).await;
}
