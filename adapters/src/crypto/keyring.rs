//! Secret keys: the file that contains them, and the values derived from them.

use std::fmt::{self, Write as _};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::kernel::{Entropy, EntropyError};
use inwren_domain::keyring::{Keyring, KeyringError, Mac, Sealed, SecretKeyId};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::hmac_sha256::{Block, hmac, padded};

/// Length of a secret key in bytes.
const KEY_BYTES: usize = 32;

/// How long a retired key stays in the file. Afterwards nothing derived from it is valid: the longest link is
/// valid for 7 days. Nor is anything sealed with it: the service seals stored secrets again with the current
/// key. The rest of the year is for backups, which are restored with sealed secrets in them.
pub const KEPT_AFTER_RETIREMENT: Duration = Duration::days(366);

/// Separates the derived keys from those of other uses of the same secret (RFC 5869 section 3.1).
const SALT: &[u8; 20] = b"inwren secret key v1";

/// Separates the keys that seal from those that derive codes, whatever the purposes are.
const SEALING_SALT: &[u8; 21] = b"inwren sealing key v1";

/// The first line of the file.
const HEADING: &str =
    "# Secret keys of Inwren Auth: ID KEY CREATED [RETIRED]. Change them with `inwren secrets rotate`.\n";

/// Longest line of a key: an id, a key and two times.
const LINE_BYTES: usize = 10 + 1 + 43 + 2 * (1 + 35) + 1;

/// A secret key of 256 random bits. It is wiped from memory when dropped.
#[derive(Clone)]
pub struct SecretKey {
    /// Identifies the key. It is not secret.
    pub id: SecretKeyId,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When a newer key took its place. Values derived from it before stay valid.
    pub retired_at: Option<OffsetDateTime>,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl SecretKey {
    /// Computes a code for a purpose. Each purpose has a key of its own (HKDF, RFC 5869). Each part of the message
    /// follows its length, so that messages that are split differently are different.
    fn mac(&self, purpose: &str, message: &[&[u8]]) -> Mac {
        let key = Zeroizing::new(padded(*self.derive(&padded(*SALT), purpose)));
        let lengths: Vec<[u8; 8]> = message.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
        let parts: Vec<&[u8]> =
            lengths.iter().zip(message).flat_map(|(length, part)| [length.as_slice(), part]).collect();
        Zeroizing::new(hmac(&key, &parts))
    }

    /// Seals a secret: returns the nonce, the encrypted secret and the tag.
    fn seal(
        &self,
        purpose: &str,
        bound_to: &[&[u8]],
        nonce: [u8; NONCE_LEN],
        secret: &[u8],
    ) -> Result<Vec<u8>, Unspecified> {
        let key = self.sealing_key(purpose)?;
        // Enough for all parts: bytes that grow leave copies of the secret in memory.
        let mut sealed = Vec::with_capacity(NONCE_LEN + secret.len() + AES_256_GCM.tag_len());
        sealed.extend(nonce);
        sealed.extend(secret);
        let (_, text) = sealed.split_at_mut(NONCE_LEN);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, place(bound_to), text)?;
        sealed.extend(tag.as_ref());
        Ok(sealed)
    }

    /// Opens a sealed secret.
    fn open(
        &self,
        purpose: &str,
        bound_to: &[&[u8]],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let (nonce, text) = sealed.split_first_chunk().ok_or(Unspecified)?;
        let mut secret = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.sealing_key(purpose)?.open_in_place(nonce, place(bound_to), &mut secret)?.len();
        secret.truncate(length);
        Ok(secret)
    }

    fn sealing_key(&self, purpose: &str) -> Result<LessSafeKey, Unspecified> {
        let key = self.derive(&padded(*SEALING_SALT), purpose);
        UnboundKey::new(&AES_256_GCM, key.as_slice()).map(LessSafeKey::new)
    }

    /// Derives the key of a purpose.
    fn derive(&self, salt: &Block, purpose: &str) -> Zeroizing<[u8; 32]> {
        let extracted = Zeroizing::new(extract(salt, self.bytes.as_slice()));
        expand(&extracted, purpose.as_bytes())
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let id = fields.next()?.parse().ok().map(SecretKeyId::new)?;
        let bytes = decode(fields.next()?)?;
        let created_at = time(fields.next()?)?;
        let retired_at = match fields.next() {
            Some(text) => Some(time(text)?),
            None => None,
        };
        fields.next().is_none().then_some(Self { id, created_at, retired_at, bytes })
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({}, …)", self.id.get())
    }
}

/// The place of a sealed secret, which its tag authenticates. Each part follows its length, as in a message.
fn place(bound_to: &[&[u8]]) -> Aad<Vec<u8>> {
    let parts = bound_to.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes(), *part].concat());
    Aad::from(parts.collect::<Vec<u8>>())
}

/// HKDF-Extract (RFC 5869 section 2.2), padded as the key of the next step.
fn extract(salt: &Block, secret: &[u8]) -> Block {
    padded(hmac(salt, &[secret]))
}

/// The first 32 bytes of HKDF-Expand (RFC 5869 section 2.3).
fn expand(extracted: &Block, info: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(hmac(extracted, &[info, &[1]]))
}

fn decode(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    // The decoder needs room for one byte more than it writes.
    let mut buffer = Zeroizing::new([0; KEY_BYTES + 1]);
    let length = URL_SAFE_NO_PAD.decode_slice(text, buffer.as_mut_slice()).ok()?;
    let bytes = buffer.get(..length)?.try_into().ok()?;
    Some(Zeroizing::new(bytes))
}

fn time(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().and_then(OffsetDateTime::checked_to_utc).map(Into::into)
}

/// Why a file of secret keys cannot be used. The message never contains a part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeysError {
    /// A line is no key.
    #[error("line {0} is not a key in the form `ID KEY CREATED [RETIRED]`")]
    Malformed(usize),
    /// Two keys have the same id.
    #[error("line {0} has the id of another key")]
    Duplicate(usize),
    /// No key can derive new values.
    #[error("contains no key that is not retired")]
    NoneActive,
}

/// Secret keys, of which one derives new values: the newest that is not retired.
#[derive(Clone, Debug)]
pub struct SecretKeys {
    active: SecretKey,
    others: Vec<SecretKey>,
}

impl SecretKeys {
    /// Creates a single new key.
    pub fn generate(now: OffsetDateTime, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self { active: new_key(&[], now, entropy)?, others: Vec::new() })
    }

    /// Parses a file: one key per line, `#` starts a comment.
    pub fn parse(text: &str) -> Result<Self, SecretKeysError> {
        let mut keys: Vec<SecretKey> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let key = SecretKey::parse(line).ok_or(SecretKeysError::Malformed(index + 1))?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(SecretKeysError::Duplicate(index + 1));
            }
            keys.push(key);
        }
        let usable = keys.iter().enumerate().filter(|(_, key)| key.retired_at.is_none());
        // Of two keys with the same time, the earlier line wins on every instance.
        let newest = usable.rev().max_by_key(|(_, key)| key.created_at).map(|(index, _)| index);
        let active = keys.remove(newest.ok_or(SecretKeysError::NoneActive)?);
        Ok(Self { active, others: keys })
    }

    /// Formats the file, the active key first. The text is secret.
    pub fn to_text(&self) -> Zeroizing<String> {
        // Enough for all lines: a text that grows leaves copies in memory.
        let capacity = HEADING.len() + LINE_BYTES * (1 + self.others.len());
        let mut text = Zeroizing::new(String::with_capacity(capacity));
        text.push_str(HEADING);
        for key in self.iter() {
            let _ = write!(text, "{} ", key.id.get());
            URL_SAFE_NO_PAD.encode_string(key.bytes.as_slice(), &mut text);
            for time in [Some(key.created_at), key.retired_at].into_iter().flatten() {
                let _ = write!(text, " {}", time.format(&Rfc3339).unwrap_or_default());
            }
            text.push('\n');
        }
        text
    }

    /// All keys, the active one first.
    pub fn iter(&self) -> impl Iterator<Item = &SecretKey> {
        std::iter::once(&self.active).chain(&self.others)
    }

    /// The key that derives new values.
    pub fn active(&self) -> &SecretKey {
        &self.active
    }

    fn find(&self, id: SecretKeyId) -> Result<&SecretKey, KeyringError> {
        self.iter().find(|key| key.id == id).ok_or(KeyringError::Unknown(id))
    }

    /// Retires the active key for a new one, and removes keys of which nothing is valid any more. Returns the number of
    /// removed keys.
    pub fn rotate(&mut self, now: OffsetDateTime, entropy: &dyn Entropy) -> Result<usize, EntropyError> {
        let now = now.truncate_to_second();
        let taken: Vec<SecretKeyId> = self.iter().map(|key| key.id).collect();
        // A newer key of a clock that is ahead must not stay the newest.
        let created_at = now.max(self.active.created_at.truncate_to_second() + Duration::SECOND);
        let retired = std::mem::replace(&mut self.active, new_key(&taken, created_at, entropy)?);
        self.others.insert(0, retired);
        for key in &mut self.others {
            key.retired_at.get_or_insert(now);
        }
        let before = self.others.len();
        self.others.retain(|key| key.retired_at.is_none_or(|at| now - at <= KEPT_AFTER_RETIREMENT));
        Ok(before - self.others.len())
    }
}

fn new_key(
    taken: &[SecretKeyId],
    created_at: OffsetDateTime,
    entropy: &dyn Entropy,
) -> Result<SecretKey, EntropyError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    entropy.fill(bytes.as_mut_slice())?;
    let mut id = [0; 4];
    entropy.fill(&mut id)?;
    let mut id = u32::from_be_bytes(id);
    while taken.contains(&SecretKeyId::new(id)) {
        id = id.wrapping_add(1);
    }
    Ok(SecretKey {
        id: SecretKeyId::new(id),
        created_at: created_at.truncate_to_second(),
        retired_at: None,
        bytes,
    })
}

/// The secret keys of a process, which can be replaced while in use.
pub struct SharedKeyring(RwLock<Arc<SecretKeys>>);

impl SharedKeyring {
    /// Creates a keyring of these keys.
    pub fn new(keys: SecretKeys) -> Self {
        Self(RwLock::new(Arc::new(keys)))
    }

    /// Uses other keys from now on.
    pub fn replace(&self, keys: SecretKeys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The keys in use.
    pub fn keys(&self) -> Arc<SecretKeys> {
        // A poisoned lock still holds complete keys: only the swap happens under it.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Keyring for SharedKeyring {
    fn current(&self) -> SecretKeyId {
        self.keys().active.id
    }

    fn retired(&self) -> Vec<SecretKeyId> {
        self.keys().others.iter().map(|key| key.id).collect()
    }

    fn mac(&self, key: SecretKeyId, purpose: &str, message: &[&[u8]]) -> Result<Mac, KeyringError> {
        Ok(self.keys().find(key)?.mac(purpose, message))
    }

    fn seal(
        &self,
        purpose: &str,
        bound_to: &[&[u8]],
        nonce: [u8; NONCE_LEN],
        secret: &[u8],
    ) -> Result<Sealed, KeyringError> {
        let keys = self.keys();
        let key = keys.active();
        let sealed = key.seal(purpose, bound_to, nonce, secret);
        sealed.map(|bytes| Sealed { key: key.id, bytes }).map_err(|Unspecified| KeyringError::Sealed(key.id))
    }

    fn open(
        &self,
        key: SecretKeyId,
        purpose: &str,
        bound_to: &[&[u8]],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let secret = self.keys().find(key)?.open(purpose, bound_to, sealed);
        secret.map_err(|Unspecified| KeyringError::Sealed(key))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Fills each value with the next byte.
    #[derive(Default)]
    struct Counter(AtomicU8);

    impl Entropy for Counter {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
            Ok(())
        }
    }

    /// Always the same bytes.
    struct Constant;

    impl Entropy for Constant {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            bytes.fill(7);
            Ok(())
        }
    }

    fn at(days: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::days(20_000 + days)
    }

    fn ids(keys: &SecretKeys) -> Vec<u32> {
        keys.iter().map(|key| key.id.get()).collect()
    }

    fn key(byte: u8) -> String {
        URL_SAFE_NO_PAD.encode([byte; KEY_BYTES])
    }

    fn hex(text: &str) -> Vec<u8> {
        let digit = |index| u8::from_str_radix(&text[index..index + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digit).collect()
    }

    /// The test cases of RFC 5869, appendix A.1 and A.3: the first 32 bytes of each output.
    #[test]
    fn derivation_matches_the_standard() {
        let salt: Vec<u8> = (0..13).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        for (salt, info, extracted, derived) in [
            (
                padded::<13>(salt.try_into().unwrap()),
                info,
                "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
            ),
            (
                [0; 64],
                Vec::new(),
                "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
            ),
        ] {
            let key = extract(&salt, &[0x0b; 22]);
            assert_eq!(key[..32], hex(extracted));
            assert_eq!(expand(&key, &info).as_slice(), hex(derived));
        }
    }

    #[test]
    fn codes_depend_on_every_input() {
        let entropy = Counter::default();
        let mut keys = SecretKeys::generate(at(0), &entropy).unwrap();
        let first = keys.active().id;
        keys.rotate(at(1), &entropy).unwrap();
        let second = keys.active().id;
        let ring = SharedKeyring::new(keys);
        let parts =
            |parts: &[&str]| -> Vec<Vec<u8>> { parts.iter().map(|part| part.as_bytes().to_vec()).collect() };
        let mac = |key, purpose: &str, message: &[&str]| {
            let message = parts(message);
            let message: Vec<&[u8]> = message.iter().map(Vec::as_slice).collect();
            *ring.mac(key, purpose, &message).unwrap()
        };
        let codes = [
            mac(first, "reset", &["ab", "c"]),
            mac(second, "reset", &["ab", "c"]),
            mac(first, "verify", &["ab", "c"]),
            mac(first, "reset", &["a", "bc"]),
            mac(first, "reset", &["abc"]),
            mac(first, "reset", &["ab", "c", ""]),
            mac(first, "reset", &["", "ab", "c"]),
            mac(first, "resetab", &["c"]),
        ];
        for (index, code) in codes.iter().enumerate() {
            assert!(!codes[..index].contains(code), "{index}");
        }
        assert_eq!(mac(first, "reset", &["ab", "c"]), codes[0]);
        assert_eq!(ring.current(), second);
        let unknown = SecretKeyId::new(99);
        assert_eq!(ring.mac(unknown, "reset", &[]).unwrap_err(), KeyringError::Unknown(unknown));
    }

    #[test]
    fn sealing_keys_derive_no_codes() {
        let keys = SecretKeys::generate(at(0), &Constant).unwrap();
        let derive = |salt: &Block, purpose| *keys.active().derive(salt, purpose);
        let derived = [
            derive(&padded(*SALT), "totp"),
            derive(&padded(*SALT), "reset"),
            derive(&padded(*SEALING_SALT), "totp"),
            derive(&padded(*SEALING_SALT), "reset"),
        ];
        for (index, key) in derived.iter().enumerate() {
            assert!(!derived[..index].contains(key), "{index}");
        }
    }

    /// Another instance, or a later release, must derive the same codes from the same file.
    #[test]
    fn codes_stay_the_same_between_releases() {
        let text = format!("7 {} 2024-10-04T00:00:00Z\n", key(0x0b));
        let ring = SharedKeyring::new(SecretKeys::parse(&text).unwrap());
        let code = ring.mac(SecretKeyId::new(7), "reset_password", &[b"id", b"user"]).unwrap();
        assert_eq!(code.as_slice(), hex("99c65248b06041b17abd91aa0c99532609d01f7261e526aec5b8e60323be6943"));
    }

    #[test]
    fn rotation_retires_and_removes_keys() {
        let entropy = Counter::default();
        let mut keys = SecretKeys::generate(at(0), &entropy).unwrap();
        let first = keys.active().id.get();
        assert_eq!(keys.rotate(at(1), &entropy).unwrap(), 0);
        let second = keys.active().id.get();
        assert_eq!(ids(&keys), [second, first]);
        assert_eq!(keys.iter().map(|key| key.retired_at).collect::<Vec<_>>(), [None, Some(at(1))]);
        assert_eq!(keys.rotate(at(367), &entropy).unwrap(), 0);
        assert_eq!(keys.rotate(at(367) + Duration::SECOND, &entropy).unwrap(), 1);
        assert!(!ids(&keys).contains(&first) && ids(&keys).contains(&second));
        assert_eq!(ids(&keys).len(), 3);
    }

    #[test]
    fn new_keys_have_an_id_of_their_own() {
        let mut keys = SecretKeys::generate(at(0), &Constant).unwrap();
        keys.rotate(at(1), &Constant).unwrap();
        keys.rotate(at(2), &Constant).unwrap();
        assert_eq!(ids(&keys), [0x0707_0709, 0x0707_0708, 0x0707_0707]);
    }

    #[test]
    fn rotation_beats_a_key_from_the_future() {
        let mut keys = SecretKeys::generate(at(10), &Counter::default()).unwrap();
        keys.rotate(at(0), &Constant).unwrap();
        let read = SecretKeys::parse(&keys.to_text()).unwrap();
        assert_eq!(read.active().id, keys.active().id);
    }

    #[test]
    fn files_round_trip() {
        let entropy = Counter::default();
        let mut keys = SecretKeys::generate(at(0), &entropy).unwrap();
        keys.rotate(at(1), &entropy).unwrap();
        let text = keys.to_text();
        let read = SecretKeys::parse(&text).unwrap();
        assert_eq!(read.to_text(), text);
        assert_eq!(read.active().id, keys.active().id);
        assert!(text.capacity() <= HEADING.len() + 2 * LINE_BYTES, "the text has grown");
        assert!(!format!("{keys:?}").contains(&key(0)));
    }

    #[test]
    fn the_newest_active_key_derives_new_values() {
        let text = format!(
            "\n# a comment\n1 {} 2024-10-04T00:00:00Z # old\r\n2 {} 2024-10-06T00:00:00+01:00\n3 {} 2024-10-05T00:00:00Z\n\
             4 {} 2024-10-07T00:00:00Z 2024-10-08T00:00:00Z\n",
            key(1),
            key(2),
            key(3),
            key(4)
        );
        assert_eq!(ids(&SecretKeys::parse(&text).unwrap()), [2, 1, 3, 4]);
        let tie = format!("1 {} 2024-10-04T00:00:00Z\n2 {} 2024-10-04T00:00:00Z", key(1), key(2));
        assert_eq!(SecretKeys::parse(&tie).unwrap().active().id.get(), 1);
    }

    #[test]
    fn invalid_files_are_rejected_without_their_content() {
        let good = format!("1 {} 2024-10-04T00:00:00Z", key(1));
        let short = URL_SAFE_NO_PAD.encode([1; KEY_BYTES - 1]);
        let long = URL_SAFE_NO_PAD.encode([1; KEY_BYTES + 1]);
        for line in [
            key(1),
            format!("1 {}", key(1)),
            format!("x {} 2024-10-04T00:00:00Z", key(1)),
            format!("4294967296 {} 2024-10-04T00:00:00Z", key(1)),
            format!("1 {short} 2024-10-04T00:00:00Z"),
            format!("1 {long} 2024-10-04T00:00:00Z"),
            format!("1 {}= 2024-10-04T00:00:00Z", key(1)),
            format!("1 {} yesterday", key(1)),
            format!("{good} never"),
            format!("{good} 2024-10-05T00:00:00Z more"),
        ] {
            let error = SecretKeys::parse(&format!("# keys\n{line}\n")).unwrap_err();
            assert_eq!(error, SecretKeysError::Malformed(2), "{line}");
        }
        let twice = SecretKeys::parse(&format!("{good}\n{good}"));
        assert_eq!(twice.unwrap_err(), SecretKeysError::Duplicate(2));
        for none in [String::new(), "# only a comment".to_owned(), format!("{good} 2024-10-05T00:00:00Z")] {
            assert_eq!(SecretKeys::parse(&none).unwrap_err(), SecretKeysError::NoneActive);
        }
    }
}
