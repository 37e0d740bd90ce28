//! Limit on the size of request headers. The parser's own limit applies to its buffer, so headers that arrive in one
//! piece can exceed it.

use poem::Request;

use super::bad_head::BadHead;

/// Maximum size of the headers, in bytes.
pub(super) const MAX_HEADER_BYTES: usize = 32 * 1024;

/// The characters between a name and its value, and at the end of the line (RFC 9112 section 5).
const AROUND: usize = ": \r\n".len();

/// Marks a request with too large headers, so that the pipeline answers it like any other bad request: with an id, and
/// a line in the log.
pub(super) fn check(request: &mut Request) {
    let bytes: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + AROUND).sum();
    if bytes > MAX_HEADER_BYTES {
        request.extensions_mut().insert(BadHead::TooLarge);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_headers_together_are_bounded() {
        let is_too_large = |lengths: &[usize]| {
            let mut request = Request::builder();
            for length in lengths {
                request = request.header("x", "v".repeat(*length));
            }
            let mut request = request.finish();
            check(&mut request);
            request.extensions().get::<BadHead>() == Some(&BadHead::TooLarge)
        };
        let most = MAX_HEADER_BYTES - AROUND - 1;
        assert!(!is_too_large(&[]) && !is_too_large(&[most]) && is_too_large(&[most + 1]));
        assert!(is_too_large(&[most / 2, most / 2 + 1]), "in several");
    }
}
