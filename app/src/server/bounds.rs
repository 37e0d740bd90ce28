use std::time::Duration;

/// The longest headers that are looked at.
pub(super) const MAX_HEADER_BYTES: usize = 32 * 1024;

/// For how long the server still reads from a client that was refused. A socket that is closed while bytes are unread is
/// reset, and the client may lose the response.
pub(super) const LINGER: Duration = Duration::from_secs(1);
