//! Reads the public URL of the service, and the issuer of its tokens.

use super::default_urls::{DefaultUrls, is_url};
use super::source::Source;
use super::value;

/// The public URL, the issuer, and which of them are defaults.
pub(super) fn read(source: &mut Source) -> Option<(String, String, DefaultUrls)> {
    let issuer_is_url = source.text("TOKEN_ISSUER").is_some_and(|text| is_url(text.trim()));
    let token_issuer = source.is_default("TOKEN_ISSUER");
    let public_url = source.is_default("PUBLIC_URL") && (token_issuer || !issuer_is_url);
    if source.is_default("PUBLIC_URL")
        && !public_url
        && source.text("TOKEN_ISSUER").and_then(value::word).is_some()
        && source.text("PUBLIC_URL").and_then(value::public_url).is_none()
    {
        source
            .refuse_unset("PUBLIC_URL", "is not set, and TOKEN_ISSUER cannot take its place: set PUBLIC_URL");
    }
    let url = set_or_default(source, "PUBLIC_URL", value::public_url);
    let issuer = set_or_default(source, "TOKEN_ISSUER", value::word);
    Some((url?, issuer?, DefaultUrls { public_url, token_issuer }))
}

/// Parses the value if it is set. A default is not parsed: an invalid value of the other setting has one error, not two.
fn set_or_default(
    source: &mut Source,
    name: &str,
    parse: impl FnOnce(&str) -> Option<String>,
) -> Option<String> {
    if source.is_default(name) { source.text(name).map(str::to_owned) } else { source.parse(name, parse) }
}

/// Refuses to serve without an issuer in production: verifiers would trust the address of any development machine.
pub(super) fn require(source: &mut Source) {
    let is_production = source.text("ENVIRONMENT").is_some_and(|text| text.trim() == "production");
    if is_production && source.is_default("PUBLIC_URL") && source.is_default("TOKEN_ISSUER") {
        source.refuse_unset(
            "PUBLIC_URL",
            "is not set. Production needs PUBLIC_URL, the URL at which clients reach the service, such as \
             https://auth.example.org; or TOKEN_ISSUER, if the issuer of the tokens is another name",
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use time::OffsetDateTime;

    use crate::config::Config;

    fn with(variables: &[(&str, &str)]) -> Result<Config, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::read(&HashMap::new(), variable, None, OffsetDateTime::UNIX_EPOCH)
            .map_err(|error| error.to_string())
    }

    fn urls(variables: &[(&str, &str)]) -> (String, String) {
        let config = with(variables).unwrap();
        (config.public_url, config.token_issuer)
    }

    #[test]
    fn both_follow_the_port() {
        let both = |url: &str| (url.to_owned(), url.to_owned());
        assert_eq!(urls(&[]), both("http://localhost:8000"));
        assert_eq!(urls(&[("PORT", "9000")]), both("http://localhost:9000"));
        let tls = [("TLS_CERT_PATH", "c.pem"), ("TLS_KEY_PATH", "k.pem"), ("PORT", "9000")];
        assert_eq!(urls(&tls), both("https://localhost:9000"));
        let config = with(&[("PORT", "0")]).unwrap().listening_on(4711);
        assert_eq!((config.public_url, config.token_issuer), both("http://localhost:4711"));
    }

    #[test]
    fn each_is_the_default_of_the_other() {
        let url = "https://auth.example.org".to_owned();
        for name in ["PUBLIC_URL", "TOKEN_ISSUER"] {
            assert_eq!(urls(&[(name, &url)]), (url.clone(), url.clone()), "{name}");
        }
        // The issuer of tokens is compared character by character, so it stays as it is written.
        let slash = "https://auth.example.org/".to_owned();
        assert_eq!(urls(&[("TOKEN_ISSUER", &slash)]), (url.clone(), slash.clone()));
        assert_eq!(urls(&[("PUBLIC_URL", &slash)]), (url.clone(), url));
    }

    #[test]
    fn an_issuer_may_be_a_name() {
        let config = with(&[("TOKEN_ISSUER", "inwren"), ("PORT", "9000")]).unwrap();
        assert_eq!(
            (config.public_url.as_str(), config.token_issuer.as_str()),
            ("http://localhost:9000", "inwren")
        );
        let both = [("TOKEN_ISSUER", "inwren"), ("PUBLIC_URL", "https://example.org/auth/")];
        assert_eq!(urls(&both), ("https://example.org/auth".to_owned(), "inwren".to_owned()));
        let config = with(&both).unwrap().listening_on(4711);
        assert_eq!(config.public_url, "https://example.org/auth");
    }

    #[test]
    fn a_public_url_has_no_query_and_no_user() {
        for text in [
            "auth.example.org",
            "ftp://auth.example.org",
            "https://",
            "https://auth.example.org?x=y",
            "https://auth.example.org/#x",
            "https://ann:s3cret@auth.example.org",
            "https://auth example.org",
            "https://auth.example.org//auth",
        ] {
            let refused = with(&[("PUBLIC_URL", text)]).unwrap_err();
            assert!(refused.contains("PUBLIC_URL") && !refused.contains("s3cret"), "{refused}");
        }
    }

    #[test]
    fn an_issuer_that_is_no_public_url_needs_one() {
        for issuer in ["https://auth.example.org?tenant=a", "https://example.org//auth"] {
            let refused = with(&[("TOKEN_ISSUER", issuer)]).unwrap_err();
            assert!(refused.contains("set PUBLIC_URL"), "{refused}");
            let both = [("TOKEN_ISSUER", issuer), ("PUBLIC_URL", "https://auth.example.org")];
            assert_eq!(urls(&both), ("https://auth.example.org".to_owned(), issuer.to_owned()));
        }
    }

    #[test]
    fn an_invalid_value_has_one_error() {
        let refused = with(&[("TOKEN_ISSUER", "https://auth example.org")]).unwrap_err();
        assert!(refused.contains("TOKEN_ISSUER") && !refused.contains("PUBLIC_URL"), "{refused}");
        let refused = with(&[("PUBLIC_URL", "https://auth example.org")]).unwrap_err();
        assert!(refused.contains("PUBLIC_URL") && !refused.contains("TOKEN_ISSUER"), "{refused}");
    }
}
