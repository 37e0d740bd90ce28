//! Errors in the head of a request.

/// Why a request is rejected by its head. The server detects this, because only the server knows the protocol version
/// and the received size. It attaches the reason to the request as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    /// `Host` is missing, but HTTP/1.1 requires it in every request.
    HostMissing,
    /// `Host` is repeated.
    HostRepeated,
    /// `Host` is not a host with an optional port.
    HostInvalid,
    /// The headers exceed the limit.
    TooLarge,
}
