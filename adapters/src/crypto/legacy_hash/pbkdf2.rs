use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::Sha256;

use super::equal::is_equal;

/// Maximum number of rounds: a check takes about a second at this many. A measurement decides which lower numbers this
/// machine can afford.
const MAX_ROUNDS: u32 = 5_000_000;
/// Rounds of the hash for measurements, which takes at most some milliseconds.
const PROBE_ROUNDS: u32 = 5_000;
/// Block size of SHA-256. HMAC pads a shorter key with NULs.
const HMAC_BLOCK_BYTES: usize = 64;
/// Longest salt that passlib writes.
const MAX_SALT_BYTES: usize = 1_024;
const OUTPUT_BYTES: usize = 32;
const MALFORMED: &str = "not a hash by PBKDF2 with HMAC-SHA-256";

/// A hash by PBKDF2 with HMAC-SHA-256 (RFC 8018 section 5.2).
pub(super) struct Pbkdf2 {
    rounds: u32,
    salt: Vec<u8>,
    expected: [u8; OUTPUT_BYTES],
}

impl Pbkdf2 {
    /// Reads `29000$` followed by the salt and the hash as passlib writes them: in base64 with a dot instead of the
    /// plus, without padding.
    pub(super) fn read_passlib(rest: &str) -> Result<Self, &'static str> {
        let (rounds, salt, sum) = fields(rest)?;
        let decode = |text: &str| STANDARD_NO_PAD.decode(text.replace('.', "+")).map_err(|_| MALFORMED);
        Self::new(rounds, decode(salt)?, &decode(sum)?)
    }

    /// Reads `29000$` followed by the plain salt and the hash in base64, as Django writes them.
    pub(super) fn read_django(rest: &str) -> Result<Self, &'static str> {
        let (rounds, salt, sum) = fields(rest)?;
        let sum = STANDARD.decode(sum).map_err(|_| MALFORMED)?;
        Self::new(rounds, salt.as_bytes().to_vec(), &sum)
    }

    fn new(rounds: &str, salt: Vec<u8>, sum: &[u8]) -> Result<Self, &'static str> {
        let is_number = rounds.bytes().all(|digit| digit.is_ascii_digit()) && !rounds.starts_with('0');
        if !is_number || salt.len() > MAX_SALT_BYTES {
            return Err(MALFORMED);
        }
        let expected = sum.try_into().map_err(|_| MALFORMED)?;
        match rounds.parse() {
            Ok(rounds) if rounds <= MAX_ROUNDS => Ok(Self { rounds, salt, expected }),
            _ => Err("more rounds of PBKDF2 than the bounds allow"),
        }
    }

    /// Returns a cheap hash for measurements.
    pub(super) fn probe() -> Self {
        Self { rounds: PROBE_ROUNDS, salt: vec![0; 16], expected: [0; OUTPUT_BYTES] }
    }

    /// Returns how often the function calls HMAC.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds.into()
    }

    /// Returns whether the function distinguishes the password from all others: it ignores a NUL at the end of a short
    /// one.
    pub(super) fn takes_in_all_of(password: &[u8]) -> bool {
        password.len() > HMAC_BLOCK_BYTES || password.last() != Some(&0)
    }

    /// Checks a password.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut output = [0; OUTPUT_BYTES];
        pbkdf2::pbkdf2_hmac::<Sha256>(password, &self.salt, self.rounds, &mut output);
        is_equal(&output, &self.expected)
    }
}

impl std::fmt::Debug for Pbkdf2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pbkdf2({} rounds)", self.rounds)
    }
}

fn fields(rest: &str) -> Result<(&str, &str, &str), &'static str> {
    let mut fields = rest.split('$');
    match (fields.next(), fields.next(), fields.next(), fields.next()) {
        (Some(rounds), Some(salt), Some(sum), None) if !rounds.is_empty() => Ok((rounds, salt, sum)),
        _ => Err(MALFORMED),
    }
}
