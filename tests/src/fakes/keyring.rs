use std::sync::atomic::{AtomicU32, Ordering};

use inwren_domain::keyring::{Keyring, KeyringError, Mac, Sealed, SecretKeyId};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Secret keys with the numbers from 1 on. Their codes are digests of the key's number, the purpose and the
/// message. What they seal opens only with the same key, purpose and place.
pub struct FakeKeyring {
    current: AtomicU32,
}

impl Default for FakeKeyring {
    fn default() -> Self {
        Self { current: AtomicU32::new(1) }
    }
}

impl FakeKeyring {
    /// Changes to another key. Earlier keys still derive what they derived.
    pub fn change_key(&self) {
        self.current.fetch_add(1, Ordering::SeqCst);
    }

    /// Loses the current key. The former one is the current one then.
    pub fn forget_key(&self) {
        self.current.fetch_sub(1, Ordering::SeqCst);
    }

    /// Hides and shows a text: no secret is stored in clear.
    fn masked(&self, key: SecretKeyId, nonce: &[u8], text: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let mask = self.mac(key, "mask", &[nonce])?;
        Ok(text.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect())
    }

    /// The tag of a sealed text at its place.
    fn tag(
        &self,
        key: SecretKeyId,
        purpose: &str,
        bound_to: &[&[u8]],
        content: &[u8],
    ) -> Result<Mac, KeyringError> {
        let parts: Vec<&[u8]> = bound_to.iter().copied().chain([content]).collect();
        self.mac(key, &format!("seal {purpose}"), &parts)
    }
}

impl Keyring for FakeKeyring {
    fn current(&self) -> SecretKeyId {
        SecretKeyId::new(self.current.load(Ordering::SeqCst))
    }

    fn retired(&self) -> Vec<SecretKeyId> {
        (1..self.current().get()).map(SecretKeyId::new).collect()
    }

    fn mac(&self, key: SecretKeyId, purpose: &str, message: &[&[u8]]) -> Result<Mac, KeyringError> {
        if !(1..=self.current().get()).contains(&key.get()) {
            return Err(KeyringError::Unknown(key));
        }
        let mut digest = Sha256::new();
        digest.update(key.get().to_be_bytes());
        // The lengths keep messages apart that are split differently.
        for part in [purpose.as_bytes()].iter().chain(message) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Ok(Mac::new(digest.finalize().into()))
    }

    fn seal(
        &self,
        purpose: &str,
        bound_to: &[&[u8]],
        nonce: [u8; 12],
        secret: &[u8],
    ) -> Result<Sealed, KeyringError> {
        let key = self.current();
        let mut bytes = nonce.to_vec();
        bytes.extend(self.masked(key, &nonce, secret)?);
        bytes.extend(self.tag(key, purpose, bound_to, &bytes)?.as_slice());
        Ok(Sealed { key, bytes })
    }

    fn open(
        &self,
        key: SecretKeyId,
        purpose: &str,
        bound_to: &[&[u8]],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let broken = KeyringError::Sealed(key);
        let (content, tag) = sealed.split_last_chunk::<32>().ok_or(broken)?;
        let (nonce, text) = content.split_first_chunk::<12>().ok_or(broken)?;
        if *self.tag(key, purpose, bound_to, content)? != *tag {
            return Err(broken);
        }
        self.masked(key, nonce, text).map(Zeroizing::new)
    }
}
