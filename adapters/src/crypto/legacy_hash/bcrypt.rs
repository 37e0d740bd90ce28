use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::equal::is_equal;

/// bcrypt's own base64. Some implementations leave bits of chance at the end of a salt, which have no meaning.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// A higher cost is no hash that a service can check: it takes seconds on any machine. Which of the others this machine can
/// afford is measured.
const MAX_COST: u32 = 16;
/// What is measured, some milliseconds long.
const PROBE_COST: u32 = 6;
/// The lowest cost that the function has.
const MIN_COST: u32 = 4;
/// How much of a password the function takes in.
const KEY_BYTES: usize = 72;
const SALT_BYTES: usize = 16;
const SALT_CHARS: usize = 22;
/// The last of its 24 bytes was never written down, by anybody.
const OUTPUT_BYTES: usize = 23;

/// A hash by bcrypt (Provos and Mazières, 1999).
pub(super) struct Bcrypt {
    cost: u32,
    salt: [u8; SALT_BYTES],
    expected: [u8; OUTPUT_BYTES],
}

/// What follows the name of the function. The names say which bugs an implementation did not have: of the three, the same
/// comes out. `$2x$` has one, and `$2$` ends no password.
pub(super) fn without_ident(text: &str) -> Option<&str> {
    ["$2a$", "$2b$", "$2y$"].into_iter().find_map(|ident| text.strip_prefix(ident))
}

impl Bcrypt {
    /// Reads `12$` with the salt and the hash behind it.
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

    /// A cheap one to measure with.
    pub(super) fn probe() -> Self {
        Self { cost: PROBE_COST, salt: [0; SALT_BYTES], expected: [0; OUTPUT_BYTES] }
    }

    /// How often the function expands its key.
    pub(super) fn rounds(&self) -> u64 {
        1 << self.cost
    }

    /// Whether the function sees the password with the NUL that ends it: else it may be the beginning of a longer one.
    pub(super) fn takes_in_all_of(password: &[u8]) -> bool {
        password.len() < KEY_BYTES
    }

    /// Checks the first 72 bytes of a password, as all that made such hashes did. A password with a NUL in it is never the
    /// one: most refused to hash it, and to the function it may be the same as another.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let taken = password.len().min(KEY_BYTES);
        let (head, _) = key.split_at_mut(taken);
        head.copy_from_slice(password.get(..taken).unwrap_or_default());
        // The NUL that ends it is a part of the key, where there is room for it.
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
