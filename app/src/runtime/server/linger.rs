use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// For how long the server still reads from a client that was refused.
const MAX_TIME: Duration = Duration::from_secs(1);
/// As much as it reads.
const MAX_BYTES: u64 = 1024 * 1024;

/// Discards what a refused client is still sending, once the response is out and the writing side is shut down.
///
/// A socket that is closed while bytes are unread is reset, and the client may lose the response.
pub(super) async fn linger(stream: &mut (impl AsyncRead + Unpin)) {
    let discard = async { tokio::io::copy(&mut stream.take(MAX_BYTES), &mut tokio::io::sink()).await };
    let _ = tokio::time::timeout(MAX_TIME, discard).await;
}
