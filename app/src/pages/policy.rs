//! The content security policy of a page (Content Security Policy Level 3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::HeaderValue;
use sha2::{Digest as _, Sha256};

/// The digest of the style sheet that the script of ReDoc adds: the one of its scroll bars. Chromium names the digest when
/// the policy forbids it, so a new version of the library fails the browser test with the new value.
const REDOC_STYLE: &str = "'sha256-sDI9pUw6Z98NC0sorERcD03vlQ8zZwyaBSQ06jerL4M='";

/// What a page may do beyond showing and changing itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grants {
    /// Send requests to this service.
    pub(crate) requests: bool,
    /// Submit forms to this service.
    pub(crate) forms: bool,
    /// Start workers from `blob:` URLs.
    pub(crate) workers: bool,
    /// Add `<style>` elements: empty ones, filled by the style sheet interface (CSSOM), and the one of ReDoc.
    pub(crate) style_elements: bool,
}

impl Grants {
    /// Nothing.
    pub(crate) const NONE: Self =
        Self { requests: false, forms: false, workers: false, style_elements: false };
}

/// Returns the policy of a page with these styles and scripts. It allows them by their digests, and `data:` images, and
/// nothing that was not granted. Forms, if granted, may also lead to the targets: Chromium applies the policy to the
/// redirects that follow.
pub(super) fn policy(styles: &[&str], scripts: &[&str], grants: Grants, targets: &[String]) -> HeaderValue {
    let mut styles: Vec<String> = styles.iter().copied().map(digest).collect();
    if grants.style_elements {
        // A new element is empty, and its rules are not subject to the policy.
        styles.extend([digest(""), REDOC_STYLE.to_owned()]);
    }
    let scripts: Vec<String> = scripts.iter().copied().map(digest).collect();
    let mut policy = "default-src 'none'; object-src 'none'; ".to_owned();
    if !scripts.is_empty() {
        policy += &format!("script-src {}; ", scripts.join(" "));
    }
    policy += &format!("style-src {}; img-src data:; ", styles.join(" "));
    if grants.requests {
        policy += "connect-src 'self'; ";
    }
    if grants.workers {
        policy += "worker-src blob:; ";
    }
    let forms = if grants.forms { "'self'" } else { "'none'" };
    let targets: String = targets.iter().map(|target| format!(" {target}")).collect();
    policy += &format!("base-uri 'none'; form-action {forms}{targets}; frame-ancestors 'none'");
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn digest(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_scripts_allows_none() {
        assert_eq!(
            policy(&[""], &[], Grants::NONE, &[]),
            "default-src 'none'; object-src 'none'; style-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
    }

    #[test]
    fn grants_are_in_the_policy() {
        let grants = Grants { requests: true, forms: true, workers: true, style_elements: true };
        let policy = policy(&["a{}"], &["b", "c"], grants, &["https://app.example".to_owned()]);
        let policy = policy.to_str().unwrap();
        let count = |name: &str| {
            let directive = policy.split("; ").find(|directive| directive.starts_with(name));
            directive.unwrap().matches("'sha256-").count()
        };
        assert_eq!((count("script-src"), count("style-src")), (2, 3));
        assert!(policy.contains("; connect-src 'self'; worker-src blob:; "), "{policy}");
        assert!(policy.contains("; form-action 'self' https://app.example; "), "{policy}");
    }
}
