//! Problems for errors in the head of a request.

use super::problem::{Kind, Problem};
use crate::runtime::server::bad_head::BadHead;

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
