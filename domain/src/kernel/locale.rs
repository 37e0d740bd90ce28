/// A language tag (RFC 5646), such as `de` or `pt-BR`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Locale(String);

impl Locale {
    /// The longest tag that is accepted (RFC 5646 section 4.4.1).
    pub const MAX_BYTES: usize = 35;

    /// Parses a language tag. `None` if the text cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_subtag =
            |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_language = |part: &str| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_alphabetic());
        let is_tag = text.len() <= Self::MAX_BYTES
            && text.split('-').all(is_subtag)
            && text.split('-').next().is_some_and(is_language);
        is_tag.then(|| Self(text.to_owned()))
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The primary language, in lower case.
    pub fn language(&self) -> String {
        self.0.split('-').next().unwrap_or_default().to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_starts_with_a_language() {
        for tag in ["de", "pt-BR", "zh-Hant-TW", "sr-Latn-RS"] {
            assert_eq!(Locale::parse(tag).unwrap().as_str(), tag);
        }
        assert_eq!(Locale::parse("DE-at").unwrap().language(), "de");
        for text in
            ["", "d", "12", "de_DE", "de-", "-de", "de\r\nBcc", "a".repeat(36).as_str(), "de-123456789"]
        {
            assert_eq!(Locale::parse(text), None, "{text}");
        }
    }
}
