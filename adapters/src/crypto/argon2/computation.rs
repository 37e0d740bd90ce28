use std::time::Duration;

use argon2::password_hash::phc::{Output, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use inwren_domain::credential::{HasherError, Password, PasswordHash, Verification};

use super::blocks::raw;
use super::cpu_timer::CpuTimer;
use super::equalise::{equalise, parameters_of};
use super::parameters::{OUTPUT_BYTES, SALT_BYTES, work};
use super::stored::Stored;

/// The resources with which a thread computes.
pub(super) struct Computation<'a> {
    /// Parameters of new hashes.
    pub(super) current: &'a Params,
    /// At least as many as the task uses.
    pub(super) blocks: &'a mut [Block],
    pub(super) timer: &'a mut CpuTimer,
}

impl Computation<'_> {
    /// Does the work of a verification and matches nothing, for an account that does not exist.
    pub(super) fn verify_unknown(self, password: &Password) -> Result<Verification, HasherError> {
        for form in forms(password) {
            self.timer.learn(|| burn(self.current, form, self.blocks)).0?;
        }
        Ok(Verification::Mismatch)
    }

    /// Hashes a new password.
    pub(super) fn hash(&mut self, password: &Password, salt: &[u8]) -> Result<PasswordHash, HasherError> {
        self.timer.learn(|| new_hash(password, salt, self.current, self.blocks)).0
    }

    /// Checks a password, and hashes it anew where the stored hash is outdated.
    pub(super) fn verify(
        mut self,
        password: &Password,
        stored: &Stored,
        new_salt: &[u8],
    ) -> Result<Verification, HasherError> {
        let mut spent = Duration::ZERO;
        for (place, form) in forms(password).enumerate() {
            let (matches, took) = self.compare(form, stored)?;
            if matches {
                let outdated = place > 0 || !stored.is_current(self.current);
                // Otherwise a typing error in the ignored part would become the password.
                let renews = outdated && stored.takes_in_all_of(form);
                let rehashed = renews.then(|| self.hash(password, new_salt)).transpose()?;
                return Ok(Verification::Match { rehashed });
            }
            spent += took;
        }
        self.make_up(password, stored, spent)?;
        Ok(Verification::Mismatch)
    }

    /// Checks a password. It always does all the work of a mismatch, whatever the result.
    pub(super) fn check(mut self, password: &Password, stored: &Stored) -> Result<bool, HasherError> {
        let (mut is_it, mut spent) = (false, Duration::ZERO);
        for form in forms(password) {
            let (matches, took) = self.compare(form, stored)?;
            is_it |= matches;
            spent += took;
        }
        self.make_up(password, stored, spent)?;
        Ok(is_it)
    }

    /// Returns whether the hash was made from this form of the password, and how long the check took.
    fn compare(&mut self, form: &[u8], stored: &Stored) -> Result<(bool, Duration), HasherError> {
        let (matches, took) = if stored.is_current(self.current) {
            self.timer.learn(|| stored.matches(form, self.blocks))
        } else {
            CpuTimer::time(|| stored.matches(form, self.blocks))
        };
        Ok((matches?, took))
    }

    /// Pads the check of a cheaper hash, or of a hash by another function, to the work of a current one, so that a
    /// refusal takes as long as it does for an unknown user. The check of a more expensive hash takes longer and cannot
    /// be shortened.
    fn make_up(&mut self, password: &Password, stored: &Stored, spent: Duration) -> Result<(), HasherError> {
        let Self { current, blocks, timer } = self;
        if stored.is_current(current) {
            return Ok(());
        }
        let count = u64::try_from(forms(password).count()).unwrap_or(1);
        let form = password.expose_bytes();
        let filled = equalise(timer, count, spent, current, |params| {
            let (burnt, took) = CpuTimer::time(|| burn(params, form, blocks));
            burnt.map(|()| took)
        })?;
        if filled {
            return Ok(());
        }
        // No current hash has been timed yet, so blocks are counted instead.
        let missing = count * work(current).saturating_sub(stored.work());
        parameters_of(missing, current).map_or(Ok(()), |params| burn(&params, form, blocks))
    }
}

/// The forms of a password that a hash may have been made from, ours first.
fn forms(password: &Password) -> impl Iterator<Item = &[u8]> {
    std::iter::once(password.expose_bytes()).chain(password.expose_typed_bytes())
}

/// Computes a dummy hash.
pub(super) fn burn(params: &Params, password: &[u8], blocks: &mut [Block]) -> Result<(), HasherError> {
    let mut output = [0; OUTPUT_BYTES];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    raw(&argon2, password, &[0; SALT_BYTES], &mut output, blocks)?;
    std::hint::black_box(output);
    Ok(())
}

fn new_hash(
    password: &Password,
    salt: &[u8],
    current: &Params,
    blocks: &mut [Block],
) -> Result<PasswordHash, HasherError> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, current.clone());
    let mut output = [0; OUTPUT_BYTES];
    raw(&argon2, password.expose_bytes(), salt, &mut output, blocks)?;
    let failed = |_| HasherError::Failed("encoding");
    let phc = Phc {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: current.try_into().map_err(|_| HasherError::Failed("encoding"))?,
        salt: Some(Salt::new(salt).map_err(failed)?),
        hash: Some(Output::new(&output).map_err(failed)?),
    };
    Ok(PasswordHash::from_phc(phc.to_string()))
}
