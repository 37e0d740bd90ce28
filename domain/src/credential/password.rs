use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A password as typed, normalised to Unicode NFKC (NIST SP 800-63B-4 section 3.1.1.2), so that the same characters
/// from different keyboards give the same bytes. It also keeps the typed form if that differs: other services hash
/// passwords without normalising them, and their hashes must be verified, too.
///
/// It cannot be printed, compared or serialised; only the [hasher](super::PasswordHasher) gets it, and it is wiped from
/// memory when dropped. [`credential::password_policy`](super::password_policy) decides whether it may become a *new*
/// password: a login must accept any text, or the rules would reveal which passwords cannot exist.
pub struct Password {
    normalized: Zeroizing<String>,
    typed: Option<Zeroizing<String>>,
}

impl Password {
    /// Normalises a typed password.
    pub fn new(typed: &str) -> Self {
        let normalized: Zeroizing<String> = Zeroizing::new(typed.nfkc().collect());
        let typed = (normalized.as_str() != typed).then(|| Zeroizing::new(typed.to_owned()));
        Self { normalized, typed }
    }

    /// The bytes to hash.
    pub fn expose_bytes(&self) -> &[u8] {
        self.normalized.as_bytes()
    }

    /// The bytes that a service without normalisation hashed, if they differ. Never for a new hash.
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

/// A stored password hash: a PHC string of Argon2, or a legacy hash. The debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a hash from a hasher or a store.
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
