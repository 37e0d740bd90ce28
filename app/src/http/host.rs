//! What can be wrong with whom a request is for.

use super::problem::{Kind, Problem};

/// Why it is not clear for whom a request is. The server finds it out, which alone sees the version of the
/// protocol; a request carries it as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHost {
    /// There is no `Host`, and HTTP/1.1 has one in every request.
    Missing,
    /// There are several.
    Repeated,
    /// It is not a host and perhaps a port.
    Invalid,
}

impl From<BadHost> for Problem {
    fn from(bad: BadHost) -> Self {
        let detail = match bad {
            BadHost::Missing => "The header Host is missing.",
            BadHost::Repeated => "The header Host comes more than once.",
            BadHost::Invalid => "The header Host is not a host and perhaps a port.",
        };
        Self::new(Kind::MALFORMED_REQUEST, detail)
    }
}
