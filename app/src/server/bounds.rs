use std::time::Duration;

/// The longest headers that are looked at.
pub(super) const MAX_HEADER_BYTES: usize = 32 * 1024;

/// For how long somebody who was refused is listened to still: a socket that is closed while there is something to read
/// takes its answer back.
pub(super) const LINGER: Duration = Duration::from_secs(1);
