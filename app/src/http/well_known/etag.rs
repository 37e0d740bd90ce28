use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::Request;
use poem::http::header;
use sha2::{Digest, Sha256};

/// Returns a strong entity tag (RFC 9110 section 8.8.3): the digest of the body.
pub(super) fn entity_tag(body: &str) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(body)))
}

/// Returns whether the client has the current body (RFC 9110 section 13.1.2). The service's own tags contain no comma,
/// so the list can be split at commas.
pub(super) fn is_current(request: &Request, tag: &str) -> bool {
    let lines = request.headers().get_all(header::IF_NONE_MATCH).iter();
    let mut tags =
        lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current(lines: &[&str]) -> bool {
        let request =
            lines.iter().fold(Request::builder(), |builder, line| builder.header("if-none-match", *line));
        is_current(&request.finish(), "\"a\"")
    }

    #[test]
    fn a_tag_is_found_in_every_form() {
        for lines in [&["\"a\""][..], &["W/\"a\""], &["*"], &["\"b\", \"a\""], &["\"b\"", "\"a\""]] {
            assert!(current(lines), "{lines:?}");
        }
    }

    #[test]
    fn another_tag_is_another() {
        for lines in [&[][..], &[""], &["a"], &["\"b\""], &["\"A\""], &["\"a"], &["w/\"a\""]] {
            assert!(!current(lines), "{lines:?}");
        }
    }

    #[test]
    fn different_bodies_have_different_tags() {
        assert_eq!(entity_tag("x"), entity_tag("x"));
        assert_ne!(entity_tag("x"), entity_tag("y"));
    }
}
