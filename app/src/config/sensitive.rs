//! Detection of secrets, and of values that look like secrets. They must not be printed.

/// The longest path that a setting may name, and the longest value that an error message repeats, in bytes.
const MAX_SHOWN: usize = 200;

/// Whether a value looks like key material: PEM (also on one line), text of several lines, or a key in base64.
pub(super) fn is_key_material(value: &str) -> bool {
    let value = value.trim();
    let is_base64 = || value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte));
    value.contains("-----BEGIN") || value.contains(['\n', '\r']) || (value.len() > MAX_SHOWN && is_base64())
}

/// Whether a value looks like a secret: key material, or too long for a name or a number.
pub(super) fn looks_secret(value: &str) -> bool {
    is_key_material(value) || value.len() > MAX_SHOWN
}

/// Whether a URL may contain a password. A URL whose parts are ambiguous (an unescaped `/` or `?` in a password) counts
/// as containing one.
pub fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let in_front = rest.rsplit_once('@').is_some_and(|(user, _)| user.contains([':', '?']));
    in_front
        || rest.split_once('?').is_some_and(|(_, query)| query.to_ascii_lowercase().contains("password="))
}

/// The text of a command-line argument if an error message may repeat it, otherwise `None`.
pub fn shown_argument(text: &str) -> Option<&str> {
    let is_secret = looks_secret(text) || (text.contains("://") && has_password(text));
    (!is_secret).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_material_looks_secret() {
        let base64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA".repeat(5);
        for value in [
            "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
            r"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
            "MIIE\nAAAA",
            "MIIE\rAAAA",
            base64.as_str(),
        ] {
            assert!(looks_secret(value) && shown_argument(value).is_none(), "{value}");
        }
        for value in ["certs/private_key.pem", "certs/private_key.pem\n", "/srv/a b.pem", ""] {
            assert!(!looks_secret(value) && shown_argument(value) == Some(value), "{value}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_found() {
        for url in [
            "postgres://ann:s3cret@db/auth",
            "postgres://ann:s3/cr?et@db/auth",
            "postgres://:s3cret@db/auth",
            "postgres://db/auth?user=ann&password=s3cret",
            "postgres://db/auth?PASSWORD=s3cret",
            "rediss://:s3cret@cache",
            "ann:s3cret@db",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in [
            "postgres://ann@db:5432/auth?sslmode=verify-full",
            "postgres://db:5432/auth",
            "sqlite:///srv/inwren.db",
            "redis://cache:6379/1",
            "rediss://ann@[::1]:6379",
            "memory:",
        ] {
            assert!(!has_password(url), "{url}");
        }
    }
}
