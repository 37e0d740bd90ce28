//! Errors in the head of a request.

/// Why a request is not looked at any further. The server finds it out, which alone sees the version of the protocol and how
/// much has arrived; a request carries it as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    /// There is no `Host`, and HTTP/1.1 has one in every request.
    HostMissing,
    /// There are several.
    HostRepeated,
    /// It is not a host and perhaps a port.
    HostInvalid,
    /// The headers are longer than is read.
    TooLarge,
}
