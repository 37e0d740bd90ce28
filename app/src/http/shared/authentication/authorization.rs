//! The header `Authorization`: a scheme and its credentials.

use poem::http::HeaderValue;

/// Splits the value into scheme and credentials: `auth-scheme 1*SP token68` (RFC 9110 section 11.4). For an empty
/// header, both are empty. Returns `None` if the value has no valid scheme.
pub(in crate::http) fn split(value: &HeaderValue) -> Option<(&str, &str)> {
    let text = value.to_str().ok()?;
    let (scheme, credentials) = text.split_once(' ').unwrap_or((text, ""));
    let is_scheme = scheme.bytes().all(is_token_byte) && (!scheme.is_empty() || text.is_empty());
    is_scheme.then(|| (scheme, credentials.trim_start_matches(' ')))
}

/// Returns whether the byte is a `tchar` (RFC 9110 section 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_and_credentials_are_separated() {
        for (text, parts) in [
            ("Bearer x", Some(("Bearer", "x"))),
            ("Bearer   x", Some(("Bearer", "x"))),
            ("Bearer x y", Some(("Bearer", "x y"))),
            ("Bearer \tx", Some(("Bearer", "\tx"))),
            ("Bearer ", Some(("Bearer", ""))),
            ("Negotiate", Some(("Negotiate", ""))),
            ("", Some(("", ""))),
            (" Bearer x", None),
            ("Bearer\tx", None),
            ("Bearer: x", None),
            ("\"Bearer\" x", None),
        ] {
            assert_eq!(split(&HeaderValue::from_static(text)), parts, "{text:?}");
        }
        assert_eq!(split(&HeaderValue::from_bytes(b"Bearer \xff").unwrap()), None);
    }
}
