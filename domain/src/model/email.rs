use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// An e-mail address whose syntax has been checked.
///
/// It is kept as its owner wrote it, and compared in a normalised form (lower case, Unicode NFC), so that
/// `Ann@Example.org` and `ann@example.org` are one address.
#[derive(Clone)]
pub struct Email {
    address: String,
    normalized: String,
}

/// Why a text is no e-mail address. The message is meant for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidEmail(&'static str);

impl Email {
    /// The longest address that a mail server has to accept (RFC 5321 section 4.5.3.1.3, erratum 1690).
    pub const MAX_BYTES: usize = 254;
    /// The longest part before the `@` (RFC 5321 section 4.5.3.1.1).
    pub const MAX_LOCAL_BYTES: usize = 64;

    /// Parses an address of the form `local@domain`, without the surrounding white space.
    ///
    /// The dot-atom form of RFC 5322 section 3.4.1 is accepted, with the letters of RFC 6531 (internationalised
    /// mail). Quoted local parts, comments and address literals are not: no provider hands them out, and they have
    /// been a source of ambiguity in every system that took them.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let address = text.trim();
        let normalized = normalize(address);
        if address.is_empty() {
            return Err(InvalidEmail("an e-mail address is needed"));
        }
        if address.len() > Self::MAX_BYTES || normalized.len() > Self::MAX_BYTES {
            return Err(InvalidEmail("an e-mail address has at most 254 bytes"));
        }
        let (local, domain) = address
            .rsplit_once('@')
            .ok_or(InvalidEmail("an e-mail address has an @ between name and domain"))?;
        check_local(local)?;
        check_domain(domain)?;
        Ok(Self { address: address.to_owned(), normalized })
    }

    /// The address as its owner wrote it.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The form that addresses are compared, looked up and kept unique in.
    pub fn normalized(&self) -> &str {
        &self.normalized
    }
}

/// The normalised beginning of an address, for a search by prefix.
pub(crate) fn normalize_prefix(text: &str) -> String {
    normalize(text.trim())
}

/// Lower case, character by character, so that what comes after a character changes nothing; the two small sigmas are one
/// letter. Composed again at the end, because some letters have a composed form in lower case only.
fn normalize(text: &str) -> String {
    let lower = text.nfc().flat_map(char::to_lowercase);
    lower.map(|c| if c == 'ς' { 'σ' } else { c }).nfc().collect()
}

fn check_local(local: &str) -> Result<(), InvalidEmail> {
    if local.is_empty() || local.len() > Email::MAX_LOCAL_BYTES {
        return Err(InvalidEmail("the part before the @ has 1 to 64 bytes"));
    }
    if local.split('.').any(str::is_empty) {
        return Err(InvalidEmail("the part before the @ has a dot at an end or two in a row"));
    }
    if !local.chars().all(|c| c == '.' || is_atom_text(c)) {
        return Err(InvalidEmail("the part before the @ has a character that does not belong there"));
    }
    Ok(())
}

/// `atext` of RFC 5322 section 3.2.3, and the letters and digits of RFC 6531 section 3.3.
fn is_atom_text(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
    } else {
        is_international(c)
    }
}

fn check_domain(domain: &str) -> Result<(), InvalidEmail> {
    const WRONG: InvalidEmail = InvalidEmail("the part after the @ is not a domain name");
    if domain.len() > 253 || !domain.contains('.') {
        return Err(WRONG);
    }
    for label in domain.split('.') {
        let letters = label.chars().all(|c| c == '-' || c.is_ascii_alphanumeric() || is_international(c));
        if label.is_empty() || label.len() > 63 || label.starts_with('-') || label.ends_with('-') || !letters
        {
            return Err(WRONG);
        }
    }
    if domain.rsplit('.').next().is_some_and(|tld| tld.chars().all(|c| c.is_ascii_digit())) {
        return Err(WRONG);
    }
    Ok(())
}

/// Beyond ASCII only letters, digits and the marks that combine with them: no spaces, controls, direction
/// overrides, zero-width characters or private-use code points.
fn is_international(c: char) -> bool {
    !c.is_ascii() && (c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c))
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.normalized == other.normalized
    }
}

impl Eq for Email {}

/// Addresses are personal data, so the debug form shows none.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_providers_hand_out() {
        for good in [
            "a@b.co",
            "first.last+tag@sub.example.org",
            "o'brien@example.ie",
            "grüße@bücher.example",
            "用户@例子.广告",
            "x@xn--bcher-kva.example",
            "user_1%x@example.com",
        ] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn refuses_what_is_none() {
        for bad in [
            "",
            " ",
            "plain",
            "@example.org",
            "a@",
            "a@b",
            "a@b..c",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.de",
            "a b@c.de",
            "a@b c.de",
            "a@-b.de",
            "a@b-.de",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "\"q\"@b.co",
            "a@b.co\0",
            "a\0@b.co",
            "a\u{202e}@b.co",
            "a\u{200b}@b.co",
            "a@b@c.de",
            "<a@b.co>",
            "a,b@c.de",
            "a@b.co\r\nBcc: c@d.ef",
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Email::parse(&format!("{}@example.org", "a".repeat(65))).is_err());
        assert!(Email::parse(&format!("{}@{}.org", "a".repeat(60), "b.".repeat(120))).is_err());
    }

    #[test]
    fn is_kept_as_given_and_compared_without_case() -> Result<(), InvalidEmail> {
        let given = Email::parse("  Ann.Lee@Example.ORG ")?;
        assert_eq!(given.as_str(), "Ann.Lee@Example.ORG");
        assert_eq!(given.normalized(), "ann.lee@example.org");
        assert_eq!(given, Email::parse("ann.lee@example.org")?);
        assert_eq!(Email::parse("É@example.org")?, Email::parse("e\u{301}@example.org")?);
        assert_eq!(Email::parse("J\u{30c}@example.org")?, Email::parse("\u{1f0}@example.org")?);
        assert_eq!(Email::parse("ΑΣ@example.org")?, Email::parse("ας@example.org")?);
        assert!(Email::parse("ΑΣΑ@example.org")?.normalized().starts_with(&normalize_prefix("ΑΣ")));
        Ok(())
    }

    #[test]
    fn debug_shows_no_address() -> Result<(), InvalidEmail> {
        assert!(!format!("{:?}", Email::parse("ann@example.org")?).contains("ann"));
        Ok(())
    }
}
