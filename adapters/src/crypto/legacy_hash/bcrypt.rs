use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::equal::is_equal;

/// The base64 variant of bcrypt. Some implementations leave random bits at the end of a salt, which have no meaning.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Largest accepted cost: checking a higher one takes seconds on any machine. A measurement decides which lower costs
/// this machine can afford.
const MAX_COST: u32 = 16;
/// Cost of the hash for measurements, which takes some milliseconds.
const PROBE_COST: u32 = 6;
/// Lowest cost of bcrypt.
const MIN_COST: u32 = 4;
/// How many bytes of a password bcrypt uses.
const KEY_BYTES: usize = 72;
const SALT_BYTES: usize = 16;
const SALT_CHARS: usize = 22;
/// No implementation writes the last of the 24 bytes.
const OUTPUT_BYTES: usize = 23;

/// A bcrypt hash (Provos and Mazières, 1999).
pub(super) struct Bcrypt {
    cost: u32,
    salt: [u8; SALT_BYTES],
    expected: [u8; OUTPUT_BYTES],
}

/// Returns the part after the identifier. The three identifiers only state which bugs an implementation did not have:
/// their results are the same. `$2x$` has such a bug, and `$2$` does not terminate the password.
pub(super) fn without_ident(text: &str) -> Option<&str> {
    ["$2a$", "$2b$", "$2y$"].into_iter().find_map(|ident| text.strip_prefix(ident))
}

impl Bcrypt {
    /// Reads `12$` followed by the salt and the hash.
    pub(super) fn read(rest: &str) -> Result<Self, &'static str> {
        const MALFORMED: &str = "not a bcrypt hash";
        let (cost, encoded) = rest.split_once('$').ok_or(MALFORMED)?;
        if cost.len() != 2 || !cost.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(MALFORMED);
        }
        let cost = cost.parse().map_err(|_| MALFORMED)?;
        if cost > MAX_COST {
            return Err("a cost of bcrypt beyond the bounds");
        }
        let (salt, expected) = encoded.split_at_checked(SALT_CHARS).ok_or(MALFORMED)?;
        let salt = BASE64.decode(salt).ok().and_then(|bytes| bytes.try_into().ok());
        let expected = BASE64.decode(expected).ok().and_then(|bytes| bytes.try_into().ok());
        match (salt, expected) {
            (Some(salt), Some(expected)) if cost >= MIN_COST => Ok(Self { cost, salt, expected }),
            _ => Err(MALFORMED),
        }
    }

    /// Returns a cheap hash for measurements.
    pub(super) fn probe() -> Self {
        Self { cost: PROBE_COST, salt: [0; SALT_BYTES], expected: [0; OUTPUT_BYTES] }
    }

    /// Returns how often the function expands its key.
    pub(super) fn rounds(&self) -> u64 {
        1 << self.cost
    }

    /// Returns whether bcrypt uses the password with its terminating NUL. Otherwise it may be the prefix of a longer
    /// one.
    pub(super) fn takes_in_all_of(password: &[u8]) -> bool {
        password.len() < KEY_BYTES
    }

    /// Checks the first 72 bytes of a password, as all services that made such hashes did. A password that contains a
    /// NUL never matches: most services refused to hash it, and to bcrypt it may equal another one.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let taken = password.len().min(KEY_BYTES);
        let (head, _) = key.split_at_mut(taken);
        head.copy_from_slice(password.get(..taken).unwrap_or_default());
        // The terminating NUL is a part of the key if there is room for it.
        let key = key.get(..(taken + 1).min(KEY_BYTES)).unwrap_or_default();
        let output = bcrypt::bcrypt(self.cost, self.salt, key);
        let is_it = output.first_chunk().is_some_and(|output| is_equal(output, &self.expected));
        is_it && !password.contains(&0)
    }
}

impl std::fmt::Debug for Bcrypt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bcrypt(cost {})", self.cost)
    }
}
