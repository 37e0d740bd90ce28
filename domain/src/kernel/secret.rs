use std::fmt;

use zeroize::Zeroizing;

use super::{Entropy, EntropyError, base64url};

/// A signed token as its holder presents it. Possession grants access, so the debug form hides it and it is wiped from
/// memory when dropped.
#[derive(Clone)]
pub struct PlainToken(Zeroizing<String>);

impl PlainToken {
    /// Wraps a token that was just signed or presented.
    pub fn new(token: String) -> Self {
        Self(Zeroizing::new(token))
    }

    /// Returns the token, for its holder or a verifier.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken(…)")
    }
}

/// The SHA-256 digest of a token, which a store keeps instead of the token. The token's id has 256 random bits, so a
/// slow hash would add nothing.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Wraps a digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest, for the store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Compares in constant time (OWASP ASVS 5.0, 11.2.4).
impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }
}

impl Eq for TokenDigest {}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

/// The `jti` claim: 256 random bits in lower-case hexadecimal. The id of a refresh token starts with its generation and
/// a dot, so that a verified token alone shows its position in its family. So does the id of an access token whose
/// session was re-keyed, with the generation of the re-key: earlier access tokens are no longer accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenId(String);

impl TokenId {
    /// Creates an id for an access token of a session that was re-keyed at this generation; zero for one that was not.
    pub fn for_access(rekeyed_generation: i64, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        match rekeyed_generation {
            0 => random_hex(entropy).map(Self),
            generation => Self::for_refresh(generation, entropy),
        }
    }

    /// Creates an id for the refresh token of a generation.
    pub fn for_refresh(generation: i64, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self(format!("{generation}.{}", random_hex(entropy)?)))
    }

    /// Wraps an id from a verified token or from the store.
    pub fn from_stored(id: String) -> Self {
        Self(id)
    }

    /// The generation, if the id has one.
    pub fn generation(&self) -> Option<i64> {
        self.0.split_once('.')?.0.parse().ok().filter(|generation| *generation >= 0)
    }

    /// The claim's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Compares two secrets in constant time (OWASP ASVS 5.0, 11.2.4).
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

/// Creates a secret of 256 random bits, in base64url.
pub(crate) fn random_secret(entropy: &dyn Entropy) -> Result<PlainToken, EntropyError> {
    let mut random = Zeroizing::new([0; 32]);
    entropy.fill(random.as_mut_slice())?;
    Ok(PlainToken::new(base64url::encode(random.as_slice())))
}

fn random_hex(entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut random = [0; 32];
    entropy.fill(&mut random)?;
    Ok(random
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Records how many bytes each call requests. Fails unless `works` is set.
    struct Source {
        asked: Mutex<Vec<usize>>,
        works: bool,
    }

    impl Source {
        fn new(works: bool) -> Self {
            Self { asked: Mutex::default(), works }
        }
    }

    impl Entropy for Source {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            self.asked.lock().unwrap().push(bytes.len());
            bytes.fill(0xa5);
            if self.works { Ok(()) } else { Err(EntropyError) }
        }
    }

    #[test]
    fn secrets_have_256_random_bits() {
        let source = Source::new(true);
        assert_eq!(TokenId::for_access(0, &source).unwrap().as_str(), "a5".repeat(32));
        assert_eq!(TokenId::for_access(9, &source).unwrap().generation(), Some(9));
        assert_eq!(TokenId::for_refresh(7, &source).unwrap().as_str(), format!("7.{}", "a5".repeat(32)));
        // Six bits per character.
        assert_eq!(random_secret(&source).unwrap().expose().len(), 43);
        assert_eq!(*source.asked.lock().unwrap(), [32; 4]);
    }

    #[test]
    fn without_randomness_there_is_no_secret() {
        let source = Source::new(false);
        assert!(TokenId::for_access(0, &source).is_err());
        assert!(TokenId::for_refresh(0, &source).is_err());
        assert!(random_secret(&source).is_err());
    }
}
