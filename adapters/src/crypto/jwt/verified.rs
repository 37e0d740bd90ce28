use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

/// So many tokens are remembered at least before the oldest are forgotten, and at most twice as many: less than a
/// megabyte.
const GENERATION: usize = 8 * 1024;

/// The tokens whose signature one key has been found to have made, so that the arithmetic is done once and not for each
/// request that carries the same token.
///
/// Whether a key made the signature of a token follows from the two alone and never changes, so to remember it decides
/// nothing new. It holds for the whole text of a token, by its SHA-256, and for this one key: whoever takes the key away
/// takes this with it. What does change, the times of a token, the state of its key and its session, is not here and is
/// looked at for each request.
#[derive(Default)]
pub(super) struct VerifiedTokens(Mutex<Generations>);

/// The tokens of late, and those of before. One that is asked for again is among those of late.
#[derive(Default)]
struct Generations {
    late: HashSet<Fingerprint>,
    before: HashSet<Fingerprint>,
}

/// What stands for a token. It is no secret: it cannot be presented.
type Fingerprint = [u8; 32];

impl VerifiedTokens {
    /// Whether the key made the signature of this token: known from before, or else found out by `verify`. Only what is
    /// right is remembered, so that nobody without good tokens can fill the room.
    pub(super) fn check<E>(&self, token: &str, verify: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let fingerprint: Fingerprint = Sha256::digest(token).into();
        if self.generations().knows(fingerprint) {
            return Ok(());
        }
        verify()?;
        self.generations().keep(fingerprint);
        Ok(())
    }

    // A poisoned lock still holds whole sets: nothing is half done under it.
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

    /// Whether the signature of this token had to be computed.
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
