use std::sync::atomic::{AtomicU32, Ordering};

use inwren_domain::keyring::{Keyring, KeyringError, Mac, SecretKeyId};
use sha2::{Digest, Sha256};

/// Secret keys with the numbers from 1 on. Their codes are digests of the key's number, the purpose and the message.
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
}

impl Keyring for FakeKeyring {
    fn current(&self) -> SecretKeyId {
        SecretKeyId::new(self.current.load(Ordering::SeqCst))
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
}
