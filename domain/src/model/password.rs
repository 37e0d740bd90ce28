use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A password as somebody typed it, normalised to Unicode NFKC (NIST SP 800-63B-4 section 3.1.1.2), so that the
/// same characters from another keyboard give the same bytes.
///
/// It cannot be printed, compared or serialised; it goes to the [hasher](crate::ports::PasswordHasher) and nowhere
/// else, and is wiped from memory when dropped. Whether it may become somebody's *new* password is for
/// [`policy::password`](crate::policy::password) to say: a login must accept any text, or the rules would tell
/// which passwords cannot exist.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes what was typed, and normalises it.
    pub fn new(typed: &str) -> Self {
        Self(Zeroizing::new(typed.nfkc().collect()))
    }

    /// The bytes to hash.
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(crate) fn expose_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A stored password hash in PHC string format. The debug form shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps what a hasher made or a store kept.
    pub fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, for the store and the hasher.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
