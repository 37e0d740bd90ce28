//! Problems for errors in the head of a request.

use super::problem::{Kind, Problem};
use crate::runtime::server::bad_head::BadHead;

impl From<BadHead> for Problem {
    fn from(bad: BadHead) -> Self {
        let (kind, detail) = match bad {
            BadHead::HostMissing => (Kind::MALFORMED_REQUEST, "The Host header is missing."),
            BadHead::HostRepeated => (Kind::MALFORMED_REQUEST, "The Host header is repeated."),
            BadHead::HostInvalid => (
                Kind::MALFORMED_REQUEST,
                "The Host header is invalid. It must be a host with an optional port.",
            ),
            BadHead::TooLarge => (Kind::HEADERS_TOO_LARGE, "The headers are larger than 32 KiB."),
        };
        Self::new(kind, detail)
    }
}
