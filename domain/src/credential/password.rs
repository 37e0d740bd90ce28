use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A password as somebody typed it, normalised to Unicode NFKC (NIST SP 800-63B-4 section 3.1.1.2), so that the
/// same characters from another keyboard give the same bytes. What was typed is kept beside it where it differs: other
/// services hash passwords without normalising them, and their hashes are to be checked too.
///
/// It cannot be printed, compared or serialised; it goes to the [hasher](super::PasswordHasher) and nowhere
/// else, and is wiped from memory when dropped. Whether it may become somebody's *new* password is for
/// [`credential::password_policy`](super::password_policy) to say: a login must accept any text, or the rules would tell
/// which passwords cannot exist.
pub struct Password {
    normalized: Zeroizing<String>,
    typed: Option<Zeroizing<String>>,
}

impl Password {
    /// Takes what was typed, and normalises it.
    pub fn new(typed: &str) -> Self {
        let normalized: Zeroizing<String> = Zeroizing::new(typed.nfkc().collect());
        let typed = (normalized.as_str() != typed).then(|| Zeroizing::new(typed.to_owned()));
        Self { normalized, typed }
    }

    /// The bytes to hash.
    pub fn expose_bytes(&self) -> &[u8] {
        self.normalized.as_bytes()
    }

    /// The bytes that a service hashed which does not normalise, where they are others. Never for a new hash.
    pub fn expose_typed_bytes(&self) -> Option<&[u8]> {
        self.typed.as_ref().map(|typed| typed.as_bytes())
    }

    pub(crate) fn expose_str(&self) -> &str {
        &self.normalized
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A stored password hash: a PHC string of Argon2, or what another service kept before its users moved in. The debug form
/// shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps what a hasher made or a store kept.
    pub fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    /// The text, for the store and the hasher.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
