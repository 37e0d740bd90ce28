use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

/// The cache remembers at least this many tokens before it drops the oldest, and at most twice as many: less than a
/// megabyte.
const GENERATION: usize = 8 * 1024;

/// Cache of tokens whose signature one key has verified, so that the RSA computation runs once per token and not once
/// per request.
///
/// Whether a key made the signature of a token depends only on the two and never changes, so the cache decides nothing
/// new. It identifies the whole text of a token by its SHA-256, and belongs to this one key: removing the key removes
/// the cache. The service still checks on each request what does change: the times of the token, the state of its key
/// and its session.
#[derive(Default)]
pub(super) struct VerifiedTokens(Mutex<Generations>);

/// The recent tokens and the older ones. A lookup moves an older token to the recent ones.
#[derive(Default)]
struct Generations {
    late: HashSet<Fingerprint>,
    before: HashSet<Fingerprint>,
}

/// Digest of a token. It is not secret, because clients cannot present it.
type Fingerprint = [u8; 32];

impl VerifiedTokens {
    /// Checks whether the key made the signature of this token, from the cache or by `verify`. The cache remembers only
    /// tokens with valid signatures, so that clients without such tokens cannot fill it.
    pub(super) fn check<E>(&self, token: &str, verify: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let fingerprint: Fingerprint = Sha256::digest(token).into();
        if self.generations().knows(fingerprint) {
            return Ok(());
        }
        verify()?;
        self.generations().keep(fingerprint);
        Ok(())
    }

    // A poisoned lock still holds complete sets: no code under it leaves them half changed.
    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn knows(&mut self, fingerprint: Fingerprint) -> bool {
        if self.late.contains(&fingerprint) {
            return true;
        }
        let known = self.before.contains(&fingerprint);
        if known {
            self.keep(fingerprint);
        }
        known
    }

    fn keep(&mut self, fingerprint: Fingerprint) {
        if self.late.len() >= GENERATION {
            std::mem::swap(&mut self.late, &mut self.before);
            self.late.clear();
        }
        self.late.insert(fingerprint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether the signature of this token had to be computed.
    fn computed(tokens: &VerifiedTokens, token: &str) -> bool {
        let mut computed = false;
        let verify = || {
            computed = true;
            Ok::<(), ()>(())
        };
        tokens.check(token, verify).unwrap();
        computed
    }

    #[test]
    fn a_signature_is_computed_once_for_each_token() {
        let tokens = VerifiedTokens::default();
        assert!(computed(&tokens, "one"));
        assert!(computed(&tokens, "another"));
        assert!(!computed(&tokens, "one"));
        assert!(!computed(&tokens, "another"));
    }

    #[test]
    fn a_wrong_signature_is_refused_each_time() {
        let tokens = VerifiedTokens::default();
        for _ in 0..3 {
            assert_eq!(tokens.check("forged", || Err("refused")), Err("refused"));
        }
        assert!(computed(&tokens, "forged"), "nothing was remembered of it");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_in_use_stays() {
        let tokens = VerifiedTokens::default();
        assert!(computed(&tokens, "in use"));
        for number in 0..GENERATION * 4 {
            assert!(computed(&tokens, &format!("once {number}")));
            assert!(!computed(&tokens, "in use"), "after {number} others");
        }
        let kept = tokens.generations();
        assert!(kept.late.len() <= GENERATION && kept.before.len() <= GENERATION);
        drop(kept);
        assert!(computed(&tokens, "once 0"), "the oldest are forgotten");
    }
}
