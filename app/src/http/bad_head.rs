//! What can be wrong with the head of a request, whatever it asks for.

use super::problem::{Kind, Problem};

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

impl From<BadHead> for Problem {
    fn from(bad: BadHead) -> Self {
        let (kind, detail) = match bad {
            BadHead::HostMissing => (Kind::MALFORMED_REQUEST, "The header Host is missing."),
            BadHead::HostRepeated => (Kind::MALFORMED_REQUEST, "The header Host comes more than once."),
            BadHead::HostInvalid => {
                (Kind::MALFORMED_REQUEST, "The header Host is not a host and perhaps a port.")
            }
            BadHead::TooLarge => (Kind::HEADERS_TOO_LARGE, "The headers may have at most 32 KiB."),
        };
        Self::new(kind, detail)
    }
}
