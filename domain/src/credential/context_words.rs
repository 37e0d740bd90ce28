//! Words that an attacker who guesses a password tries first, because they name the service or the user.

use zeroize::Zeroizing;

use crate::kernel::Email;

/// The words that name the service and the organisation behind it, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextWords(Vec<String>);

impl ContextWords {
    /// Minimum length of a word. Shorter words occur in too many good passwords by chance.
    pub const MIN_CHARS: usize = 4;

    /// Collects the words of these texts. Words that are too short are left out.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut words: Vec<String> = texts.into_iter().flat_map(words_of).collect();
        words.sort_unstable();
        words.dedup();
        Self(words)
    }

    /// The words.
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// The number of characters of a password, in lower case, that are left to guess for an attacker who knows the
    /// service and the user's address: each context word counts as one character.
    pub(super) fn chars_to_guess(&self, lower: &str, email: &Email) -> usize {
        // Uses the user's spelling: people do not use the ASCII form of a domain as a word.
        let address = &email.lower_case();
        let local = address.rsplit_once('@').map_or("", |(local, _)| local);
        let mut words: Vec<String> = self.0.iter().cloned().chain(words_of(address)).collect();
        words.extend(long_enough(local).map(str::to_owned));
        // Longer words first, because a word may contain another one.
        words.sort_unstable_by_key(|word| std::cmp::Reverse(word.len()));
        let mut left = Zeroizing::new(lower.to_owned());
        for word in words {
            left = Zeroizing::new(left.replace(&word, "\0"));
        }
        left.chars().count()
    }
}

fn words_of(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter_map(long_enough).map(str::to_lowercase)
}

fn long_enough(word: &str) -> Option<&str> {
    (word.chars().count() >= ContextWords::MIN_CHARS).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_guess(password: &str) -> Result<usize, crate::kernel::InvalidEmail> {
        let email = Email::parse("Ann.Gardener@orchard.example")?;
        Ok(ContextWords::of(["Inwren Auth", "the", "ACME-Corp"]).chars_to_guess(password, &email))
    }

    #[test]
    fn a_word_counts_as_one_character() -> Result<(), Box<dyn std::error::Error>> {
        assert_eq!(to_guess("inwren-auth-2026")?, "i-a-2026".len());
        assert_eq!(to_guess("inwreninwren")?, 2);
        assert_eq!(to_guess("gardener99")?, 3);
        assert_eq!(to_guess("ann.gardener1")?, 2);
        assert_eq!(to_guess("acme@orchard")?, 3);
        Ok(())
    }

    #[test]
    fn other_words_and_short_ones_count_whole() -> Result<(), Box<dyn std::error::Error>> {
        for whole in ["the quick brown fox", "annann99", "inwre", ""] {
            assert_eq!(to_guess(whole)?, whole.len(), "{whole}");
        }
        Ok(())
    }

    #[test]
    fn words_are_kept_once_in_lower_case() {
        assert_eq!(ContextWords::of(["Inwren Auth", "inwren", "a b"]).words(), ["auth", "inwren"]);
    }
}
