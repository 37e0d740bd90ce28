use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;

/// An e-mail address with valid syntax.
///
/// It keeps the spelling of its owner, and is compared in a normalised form, so that two spellings of one mailbox are
/// equal: the local part in lower case and Unicode NFC, the domain in its ASCII form by UTS 46. So `Ann@Example.org`
/// equals `ann@example.org`, and `ann@bücher.example` equals `ann@xn--bcher-kva.example`.
#[derive(Clone)]
pub struct Email {
    address: String,
    normalized: String,
}

/// Why a text is not a valid e-mail address. The message is for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidEmail(&'static str);

const WRONG_DOMAIN: InvalidEmail = InvalidEmail("the part after the @ is not a domain name");

impl Email {
    /// The longest address that a mail server has to accept (RFC 5321 section 4.5.3.1.3, erratum 1690).
    pub const MAX_BYTES: usize = 254;
    /// The longest local part, the part before the `@` (RFC 5321 section 4.5.3.1.1).
    pub const MAX_LOCAL_BYTES: usize = 64;

    /// Parses the address of a new or changed account, of the form `local@domain`, and trims white space.
    ///
    /// It accepts the dot-atom form of RFC 5322 section 3.4.1, with the letters of RFC 6531 (internationalised mail).
    /// It rejects quoted local parts, comments and address literals: no provider assigns them, and they have caused
    /// ambiguity in every system that accepted them. It rejects invisible characters, because they make two addresses
    /// look the same.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let (address, local, domain) = split(text)?;
        if local.chars().any(is_invisible) || domain.chars().any(|c| is_invisible(c) && !is_joiner(c)) {
            return Err(InvalidEmail("the e-mail address has an invisible character"));
        }
        check_local(local)?;
        let local = normalize(local);
        check_local(&local)?;
        let email = Self::new(address, &local, &ascii_domain(domain).ok_or(WRONG_DOMAIN)?);
        check_length(&email.normalized)?;
        Ok(email)
    }

    /// Parses an address to look up an account: any that [`parse`](Self::parse) accepts, and any that an earlier
    /// release accepted, so that the owners of such accounts can still log in.
    pub fn parse_for_lookup(text: &str) -> Result<Self, InvalidEmail> {
        let (address, local, domain) = split(text)?;
        check_local(local)?;
        let local = normalize(local);
        if let Some(ascii) = ascii_domain(domain) {
            return Ok(Self::new(address, &local, &ascii));
        }
        check_former_domain(domain)?;
        Ok(Self::new(address, &local, &normalize(domain)))
    }

    /// Wraps an address and its normalised form from the store. It validates neither: rules change, and a stored
    /// account must stay readable.
    pub fn from_stored(address: String, normalized: String) -> Self {
        Self { address, normalized }
    }

    fn new(address: &str, local: &str, domain: &str) -> Self {
        Self { address: address.to_owned(), normalized: format!("{local}@{domain}") }
    }

    /// The address as its owner wrote it.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The normalised form, used for comparison, lookup and uniqueness.
    pub fn normalized(&self) -> &str {
        &self.normalized
    }

    /// The address in lower case, with the domain as its owner wrote it.
    pub fn lower_case(&self) -> String {
        normalize(&self.address)
    }

    /// The address in the normalised form of releases that did not convert domains; `None` if that form is the same. A
    /// few stored accounts keep it, because another account has the current form.
    pub fn former(&self) -> Option<Self> {
        if self.address.is_ascii() {
            return None;
        }
        let former = self.lower_case();
        (former != self.normalized).then(|| Self::from_stored(self.address.clone(), former))
    }

    /// The forms under which a login with this address looks for its account, in order. A row that has kept its
    /// [former](Self::former) form takes precedence, because its owner has no other address; a row with the current form
    /// can also be found by its other spellings.
    pub(crate) fn login_forms(&self) -> impl Iterator<Item = Cow<'_, Self>> {
        self.former().map(Cow::Owned).into_iter().chain([Cow::Borrowed(self)])
    }
}

/// Returns the normalised prefix of an address, for a prefix search. The domain is converted label by label, so a label
/// with non-ASCII characters has to be complete. A domain that cannot be converted is compared as typed, in lower case.
pub(crate) fn normalize_prefix(text: &str) -> String {
    let text = text.trim();
    let Some((local, domain)) = text.rsplit_once('@') else { return normalize(text) };
    // The prefix may end within the domain, so its length and the ends of its labels do not matter.
    match to_ascii(domain, AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore) {
        Some(ascii) => format!("{}@{ascii}", normalize(local)),
        None => normalize(text),
    }
}

/// Returns the trimmed address, and its parts before and after the last `@`.
fn split(text: &str) -> Result<(&str, &str, &str), InvalidEmail> {
    let address = text.trim();
    if address.is_empty() {
        return Err(InvalidEmail("the e-mail address is empty"));
    }
    check_length(address)?;
    let (local, domain) = address
        .rsplit_once('@')
        .ok_or(InvalidEmail("the e-mail address has no @ between name and domain"))?;
    Ok((address, local, domain))
}

fn check_length(address: &str) -> Result<(), InvalidEmail> {
    if address.len() > Email::MAX_BYTES {
        return Err(InvalidEmail("the e-mail address is longer than 254 bytes"));
    }
    Ok(())
}

/// Converts to lower case character by character, so that no character depends on the ones after it. Both small sigmas
/// become one letter. NFC is applied again at the end, because some letters have a composed form in lower case only.
fn normalize(text: &str) -> String {
    let lower = text.nfc().flat_map(char::to_lowercase);
    lower.map(|c| if c == 'ς' { 'σ' } else { c }).nfc().collect()
}

fn check_local(local: &str) -> Result<(), InvalidEmail> {
    if local.is_empty() || local.len() > Email::MAX_LOCAL_BYTES {
        return Err(InvalidEmail("the part before the @ must have 1 to 64 bytes"));
    }
    if local.split('.').any(str::is_empty) {
        return Err(InvalidEmail(
            "the part before the @ starts or ends with a dot, or has two dots in a row",
        ));
    }
    if !local.chars().all(|c| c == '.' || is_atom_text(c)) {
        return Err(InvalidEmail("the part before the @ has an invalid character"));
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

/// Returns the ASCII form of a domain in lower case (UTS 46 section 4.2, nontransitional, with the checks of joiners
/// and of direction). It allows hyphens in the third and fourth place, because names in use have them. `None` if the
/// text has no such form, has only one label, or ends like an IPv4 address.
fn ascii_domain(domain: &str) -> Option<Cow<'_, str>> {
    let ascii = to_ascii(domain, AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)?;
    let (_, top) = ascii.rsplit_once('.')?;
    let is_number = top.bytes().all(|byte| byte.is_ascii_digit());
    (!is_number).then_some(ascii)
}

fn to_ascii(
    domain: &str,
    denied: AsciiDenyList,
    hyphens: Hyphens,
    length: DnsLength,
) -> Option<Cow<'_, str>> {
    Uts46::new().to_ascii(domain.as_bytes(), denied, hyphens, length).ok()
}

/// Checks a domain by the rule of releases that did not convert domains to ASCII.
fn check_former_domain(domain: &str) -> Result<(), InvalidEmail> {
    if domain.len() > 253 || !domain.contains('.') {
        return Err(WRONG_DOMAIN);
    }
    for label in domain.split('.') {
        let letters = label.chars().all(|c| c == '-' || c.is_ascii_alphanumeric() || is_international(c));
        if label.is_empty() || label.len() > 63 || label.starts_with('-') || label.ends_with('-') || !letters
        {
            return Err(WRONG_DOMAIN);
        }
    }
    if domain.rsplit('.').next().is_some_and(|tld| tld.chars().all(|c| c.is_ascii_digit())) {
        return Err(WRONG_DOMAIN);
    }
    Ok(())
}

/// Whether a non-ASCII character is a letter, a digit or a combining mark. Spaces, controls, direction overrides,
/// zero-width characters and private-use code points are none of these.
fn is_international(c: char) -> bool {
    !c.is_ascii() && (c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c))
}

/// `Default_Ignorable_Code_Point` (Unicode 17.0, DerivedCoreProperties.txt): code points that displays do not show. The
/// ranges include reserved code points, so the property is stable across Unicode versions.
const INVISIBLE: [RangeInclusive<char>; 17] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fff8}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

fn is_invisible(c: char) -> bool {
    INVISIBLE.iter().any(|range| range.contains(&c))
}

/// Zero-width non-joiner and joiner, which domain names in some scripts contain. UTS 46 allows them there by context
/// (RFC 5892 appendix A.1 and A.2).
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
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
            "a@r3---sn.example",
            "a@b.0x7f",
            // A middle dot in Catalan, a zero-width non-joiner in Persian and a joiner in Sinhala.
            "a@para\u{b7}l\u{b7}lel.example",
            "a@نامه\u{200c}ای.example",
            "a@ශ\u{dca}\u{200d}ර.example",
        ] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
        // A label of 112 bytes, and of 62 in its ASCII form.
        assert!(Email::parse(&format!("a@{}.example", "б".repeat(56))).is_ok());
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
            // No ASCII form: a joiner out of context, invalid Punycode, mixed direction, a dot within a letter.
            "a@exa\u{200d}mple.org",
            "a@exa\u{200c}mple.org",
            "a@xn--a.example",
            "a@a\u{5d0}.example",
            "a@\u{2488}example.org",
            "a@b\u{ff20}c.de",
            "a@１２７.0.0.１",
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Email::parse(&format!("{}@example.org", "a".repeat(65))).is_err());
        // Too long after conversion: the first local part in lower case, the second domain in its ASCII form.
        assert!(Email::parse(&format!("{}@example.org", "\u{23a}".repeat(32))).is_err());
        assert!(Email::parse(&format!("a@{}.example", "б".repeat(63))).is_err());
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
    fn domains_are_compared_in_their_ascii_form() -> Result<(), InvalidEmail> {
        let ascii = "ann@xn--bcher-kva.example";
        for same in [
            "ann@bücher.example",
            "Ann@BU\u{308}CHER.Example",
            "ann@ｂüｃｈｅｒ.example",
            "ann@ⓑüⓒⓗⓔⓡ。ⓔⓧⓐⓜⓟⓛⓔ",
            "ann@XN--BCHER-KVA.EXAMPLE",
        ] {
            assert_eq!(Email::parse(same)?.normalized(), ascii, "{same}");
            assert_eq!(Email::parse(same)?.as_str(), same);
        }
        // Nontransitional: a sharp s and a final sigma are distinct letters.
        assert_eq!(Email::parse("ann@straße.example")?.normalized(), "ann@xn--strae-oqa.example");
        assert_ne!(Email::parse("ann@βόλος.example")?, Email::parse("ann@βόλοσ.example")?);
        // The local part is not converted: no standard defines a conversion.
        assert_ne!(Email::parse("bücher@example.org")?, Email::parse("xn--bcher-kva@example.org")?);
        assert_ne!(Email::parse("ａnn@example.org")?, Email::parse("ann@example.org")?);
        Ok(())
    }

    #[test]
    fn invisible_characters_are_refused() {
        let ends = INVISIBLE.into_iter().flat_map(|range| [*range.start(), *range.end()]);
        for c in ends {
            for address in [format!("a{c}b@example.org"), format!("{c}@example.org")] {
                assert!(Email::parse(&address).is_err(), "{address:?}");
            }
            let in_domain = format!("a@exa{c}mple.org");
            assert!(Email::parse(&in_domain).is_err(), "{in_domain:?}");
        }
    }

    #[test]
    fn addresses_of_earlier_releases_can_be_looked_up() -> Result<(), InvalidEmail> {
        for (given, normalized) in [
            ("A\u{34f}nn@example.org", "a\u{34f}nn@example.org"),
            ("\u{3164}@Bücher.example", "\u{3164}@xn--bcher-kva.example"),
            ("ann@exa\u{fe0f}mple.org", "ann@example.org"),
            ("ann@XN--A.example", "ann@xn--a.example"),
            ("ann@A\u{5d0}.example", "ann@a\u{5d0}.example"),
        ] {
            assert!(Email::parse(given).is_err(), "{given:?}");
            assert_eq!(Email::parse_for_lookup(given)?.normalized(), normalized);
        }
        for never in ["", "ann", "ann@", "ann@example", "a b@example.org", "ann\u{200b}@example.org"] {
            assert!(Email::parse_for_lookup(never).is_err(), "{never:?}");
        }
        let new = Email::parse_for_lookup("Ann@l\u{b7}l.example")?;
        assert_eq!(new.normalized(), Email::parse("ann@l\u{b7}l.example")?.normalized());
        Ok(())
    }

    #[test]
    fn the_former_form_is_the_address_in_lower_case() -> Result<(), InvalidEmail> {
        let former = |text| Email::parse(text).map(|email| email.former().map(|former| former.normalized));
        assert_eq!(former("Ann@Bücher.example")?.as_deref(), Some("ann@bücher.example"));
        assert_eq!(former("Grüße@example.org")?, None);
        assert_eq!(former("Ann@xn--bcher-kva.example")?, None);
        Ok(())
    }

    #[test]
    fn domains_of_prefixes_are_converted_by_label() {
        for (prefix, normalized) in [
            ("Ann", "ann"),
            ("ann@", "ann@"),
            ("ann@Exam", "ann@exam"),
            ("ann@example.", "ann@example."),
            ("ann@foo-", "ann@foo-"),
            ("ann@xn--bch", "ann@xn--bch"),
            ("Ann@Bücher.example", "ann@xn--bcher-kva.example"),
            ("Ann@Bücher.Ex", "ann@xn--bcher-kva.ex"),
            ("Ann@Bücher.", "ann@xn--bcher-kva."),
            ("ann@A\u{5d0}", "ann@a\u{5d0}"),
            ("Grü@ex%_", "grü@ex%_"),
            ("ann@\0", "ann@\0"),
        ] {
            assert_eq!(normalize_prefix(prefix), normalized, "{prefix:?}");
        }
    }

    #[test]
    fn debug_shows_no_address() -> Result<(), InvalidEmail> {
        assert!(!format!("{:?}", Email::parse("ann@example.org")?).contains("ann"));
        Ok(())
    }
}
