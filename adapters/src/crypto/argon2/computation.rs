use std::time::Duration;

use argon2::password_hash::phc::{Output, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use inwren_domain::model::{Password, PasswordHash};
use inwren_domain::ports::{HasherError, Verification};

use super::pace::Pace;
use super::stored::Stored;

/// The cost of a hash. The defaults are OWASP's minimum (ASVS 5.0, 11.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Parameters {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes. They are computed one after the other, on one thread.
    pub parallelism: u32,
}

/// The parameters are not among those that Argon2 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Argon2 takes at least 8 KiB a lane, 1 iteration and 1 lane, and this service at most 4 GiB, 64 and 16"
)]
pub struct InvalidParameters;

impl Default for Argon2Parameters {
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, parallelism: 1 }
    }
}

/// Bounds on what a stored hash may cost: beyond them it is refused, or one row could stop the service.
const MAX_STORED_MEMORY_KIB: u32 = 4 * 1024 * 1024;
pub(super) const MAX_ITERATIONS: u32 = 64;
const MAX_PARALLELISM: u32 = 16;
pub(super) const OUTPUT_BYTES: usize = 32;
/// RFC 9106 section 3.1 recommends 16 bytes.
pub(super) const SALT_BYTES: usize = 16;

impl Argon2Parameters {
    /// What a stored hash of Argon2 was made with. An error where the service would not check a password against it.
    pub fn of(hash: &PasswordHash) -> Result<Self, HasherError> {
        let params = StoredArgon2::read(hash)?.params;
        Ok(Self { memory_kib: params.m_cost(), iterations: params.t_cost(), parallelism: params.p_cost() })
    }

    pub(super) fn to_params(self) -> Result<Params, InvalidParameters> {
        let bounded = self.memory_kib <= MAX_STORED_MEMORY_KIB
            && self.iterations <= MAX_ITERATIONS
            && self.parallelism <= MAX_PARALLELISM;
        let params = Params::new(self.memory_kib, self.iterations, self.parallelism, Some(OUTPUT_BYTES));
        params.ok().filter(|_| bounded).ok_or(InvalidParameters)
    }
}

/// One thing to compute.
pub(super) enum Task {
    Hash {
        password: Password,
        salt: [u8; SALT_BYTES],
    },
    Verify {
        password: Password,
        stored: Box<Stored>,
        salt: [u8; SALT_BYTES],
    },
    /// A verification after which there is no new hash.
    Check {
        password: Password,
        stored: Box<Stored>,
    },
    /// The work of a verification, for somebody whom nobody has heard of.
    VerifyNobody {
        password: Password,
    },
}

/// What a task gives.
pub(super) enum Computed {
    Hash(PasswordHash),
    Verification(Verification),
    Check(bool),
}

/// A stored hash of Argon2 that was read and found within the bounds.
pub(super) struct StoredArgon2 {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    expected: Output,
}

impl StoredArgon2 {
    pub(super) fn read(hash: &PasswordHash) -> Result<Self, HasherError> {
        const UNUSABLE: HasherError = HasherError::Unusable("not an Argon2 hash");
        let phc = Phc::new(hash.expose()).map_err(|_| UNUSABLE)?;
        if ["keyid", "data"].iter().any(|name| phc.params.get(*name).is_some()) {
            return Err(HasherError::Unusable("an Argon2 hash with a key or associated data"));
        }
        let algorithm = Algorithm::new(phc.algorithm.as_str()).map_err(|_| UNUSABLE)?;
        let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from).map_err(|_| UNUSABLE)?;
        let params = Params::try_from(&phc).map_err(|_| UNUSABLE)?;
        let (Some(salt), Some(expected)) = (phc.salt, phc.hash) else { return Err(UNUSABLE) };
        let bounded = params.m_cost() <= MAX_STORED_MEMORY_KIB
            && params.t_cost() <= MAX_ITERATIONS
            && params.p_cost() <= MAX_PARALLELISM;
        if !bounded {
            return Err(HasherError::Unusable("a cost beyond the bounds"));
        }
        Ok(Self { algorithm, version, params, salt, expected })
    }

    pub(super) fn params(&self) -> &Params {
        &self.params
    }

    /// Whether it was made of these bytes.
    pub(super) fn matches(&self, password: &[u8], blocks: &mut [Block]) -> Result<bool, HasherError> {
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..self.expected.len()).ok_or(HasherError::Failed("output length"))?;
        raw(&argon2, password, &self.salt, output, blocks)?;
        let computed = Output::new(output).map_err(|_| HasherError::Failed("output length"))?;
        // `Output` compares in constant time.
        Ok(computed == self.expected)
    }

    pub(super) fn is_current(&self, current: &Params) -> bool {
        self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && self.params.m_cost() == current.m_cost()
            && self.params.t_cost() == current.t_cost()
            && self.params.p_cost() == current.p_cost()
            && self.expected.len() == OUTPUT_BYTES
    }
}

impl Task {
    /// The most memory that the task uses at a time, in blocks of 1 KiB.
    pub(super) fn blocks(&self, current: &Params) -> usize {
        let stored = self.stored().map_or(0, Stored::block_count);
        stored.max(current.block_count())
    }

    /// Whether it takes as long as a hash with the current parameters does. Others may take any time.
    pub(super) fn is_usual(&self, current: &Params) -> bool {
        self.stored().is_none_or(|stored| stored.is_current(current))
    }

    /// The hash that the password is compared with, if there is one.
    fn stored(&self) -> Option<&Stored> {
        match self {
            Self::Verify { stored, .. } | Self::Check { stored, .. } => Some(stored),
            Self::Hash { .. } | Self::VerifyNobody { .. } => None,
        }
    }

    /// Computes it in the blocks given, of which there are at least [`Task::blocks`].
    pub(super) fn compute(
        self,
        current: &Params,
        blocks: &mut [Block],
        pace: &mut Pace,
    ) -> Result<Computed, HasherError> {
        match self {
            Self::Hash { password, salt } => {
                pace.learn(|| new_hash(&password, &salt, current, blocks)).0.map(Computed::Hash)
            }
            Self::Verify { password, stored, salt } => {
                verify(&password, &stored, &salt, current, blocks, pace).map(Computed::Verification)
            }
            Self::Check { password, stored } => {
                check(&password, &stored, current, blocks, pace).map(Computed::Check)
            }
            Self::VerifyNobody { password } => {
                for form in forms(&password) {
                    pace.learn(|| burn(current, form, blocks)).0?;
                }
                Ok(Computed::Verification(Verification::Mismatch))
            }
        }
    }
}

/// The forms of a password that a hash may have been made of, ours first.
fn forms(password: &Password) -> impl Iterator<Item = &[u8]> {
    std::iter::once(password.expose_bytes()).chain(password.expose_typed_bytes())
}

fn verify(
    password: &Password,
    stored: &Stored,
    new_salt: &[u8],
    current: &Params,
    blocks: &mut [Block],
    pace: &mut Pace,
) -> Result<Verification, HasherError> {
    let is_current = stored.is_current(current);
    let mut spent = Duration::ZERO;
    for (place, form) in forms(password).enumerate() {
        let (matches, took) = compare(form, stored, is_current, blocks, pace)?;
        if matches {
            let outdated = place > 0 || !is_current;
            let rehashed = outdated.then(|| new_hash(password, new_salt, current, blocks)).transpose()?;
            return Ok(Verification::Match { rehashed });
        }
        spent += took;
    }
    if !is_current {
        make_up(password, stored, spent, current, blocks, pace)?;
    }
    Ok(Verification::Mismatch)
}

/// All of the work of a mismatch, whatever comes out.
fn check(
    password: &Password,
    stored: &Stored,
    current: &Params,
    blocks: &mut [Block],
    pace: &mut Pace,
) -> Result<bool, HasherError> {
    let is_current = stored.is_current(current);
    let (mut is_it, mut spent) = (false, Duration::ZERO);
    for form in forms(password) {
        let (matches, took) = compare(form, stored, is_current, blocks, pace)?;
        is_it |= matches;
        spent += took;
    }
    if !is_current {
        make_up(password, stored, spent, current, blocks, pace)?;
    }
    Ok(is_it)
}

/// Whether the hash was made of this form of the password, and how long it took to find out.
fn compare(
    form: &[u8],
    stored: &Stored,
    is_current: bool,
    blocks: &mut [Block],
    pace: &mut Pace,
) -> Result<(bool, Duration), HasherError> {
    let (matches, took) = if is_current {
        pace.learn(|| stored.matches(form, blocks))
    } else {
        Pace::time(|| stored.matches(form, blocks))
    };
    Ok((matches?, took))
}

/// Does what a hash from cheaper times, or of another function, has left of the work of a current one, so that a refusal
/// takes as long as it does for somebody whom nobody has heard of. A dearer hash takes longer: the time of one cannot be
/// taken back.
fn make_up(
    password: &Password,
    stored: &Stored,
    spent: Duration,
    current: &Params,
    blocks: &mut [Block],
    pace: &Pace,
) -> Result<(), HasherError> {
    let count = u64::try_from(forms(password).count()).unwrap_or(1);
    let form = password.expose_bytes();
    let filled = fill_up(pace, count, spent, current, |params| {
        let (burnt, took) = Pace::time(|| burn(params, form, blocks));
        burnt.map(|()| took)
    })?;
    if filled {
        return Ok(());
    }
    // There has been no usual hash yet whose time is known, so blocks are counted.
    let missing = count * work(current).saturating_sub(stored.work());
    parameters_of(missing, current).map_or(Ok(()), |params| burn(&params, form, blocks))
}

/// In so many steps what is missing is computed.
const STEPS: usize = 6;
/// A step computes so much of what is missing: one that turns out to be slow is then no longer than all that was.
const STEP: f64 = 0.875;

/// Burns what is missing to `count` usual hashes by the processor's time. Blocks in memory that fits into a cache, and
/// those of a first pass, are faster than usual ones, so it is looked again at what is missing after each step. `false` where
/// the time of a usual hash is not known.
fn fill_up(
    pace: &Pace,
    count: u64,
    mut spent: Duration,
    current: &Params,
    mut burn: impl FnMut(&Params) -> Result<Duration, HasherError>,
) -> Result<bool, HasherError> {
    for _ in 0..STEPS {
        let Some(share) = pace.missing(count, spent) else { return Ok(false) };
        let missing = (work(current) as f64 * share * STEP) as u64;
        let Some(params) = parameters_of(missing, current) else { break };
        spent += burn(&params)?;
    }
    Ok(true)
}

/// Computes a hash that nobody wants.
fn burn(params: &Params, password: &[u8], blocks: &mut [Block]) -> Result<(), HasherError> {
    let mut output = [0; OUTPUT_BYTES];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    raw(&argon2, password, &[0; SALT_BYTES], &mut output, blocks)?;
    std::hint::black_box(output);
    Ok(())
}

/// How many blocks are computed.
pub(super) fn work(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

/// Parameters for so many blocks, within the memory of a current hash. `None` where they are too few to be computed.
fn parameters_of(missing: u64, current: &Params) -> Option<Params> {
    let iterations = missing.div_ceil(u64::from(current.m_cost())).max(1);
    let memory = u32::try_from(missing / iterations).ok()?;
    Params::new(memory, u32::try_from(iterations).ok()?, 1, Some(OUTPUT_BYTES)).ok()
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

fn raw(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
    blocks: &mut [Block],
) -> Result<(), HasherError> {
    let needed = argon2.params().block_count();
    let blocks = blocks.get_mut(..needed).ok_or(HasherError::Failed("too few blocks"))?;
    argon2
        .hash_password_into_with_memory(password, salt, output, blocks)
        .map_err(|_| HasherError::Failed("the computation"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_computed_in_the_memory_that_is_there() {
        let params = |memory, iterations, lanes| Params::new(memory, iterations, lanes, None).unwrap();
        for current in [params(19_456, 2, 1), params(47_104, 1, 1), params(65_536, 3, 4), params(64, 1, 1)] {
            for stored in [
                params(8, 1, 1),
                params(64, 1, 1),
                params(4_096, 1, 1),
                params(4_096, 3, 1),
                params(7_168, 5, 1),
                params(9_216, 4, 2),
                params(12_288, 3, 1),
                params(19_456, 1, 1),
            ] {
                let missing = work(&current).saturating_sub(work(&stored));
                let Some(left) = parameters_of(missing, &current) else {
                    assert!(missing < 8, "the least that Argon2 computes: {stored:?} {current:?}");
                    continue;
                };
                assert!(left.block_count() <= current.block_count(), "{left:?} does not fit");
                let done = work(&left);
                assert!(done <= missing && missing - done < 8, "{done} for {missing}");
            }
            assert_eq!(parameters_of(0, &current), None);
        }
    }

    #[test]
    fn what_is_missing_is_filled_up_however_fast_its_blocks_are() {
        let current = Params::new(19_456, 2, 1, None).unwrap();
        let usual = Duration::from_millis(16);
        let nothing_is_known = fill_up(&Pace::default(), 1, Duration::ZERO, &current, |_| panic!("it is"));
        assert!(!nothing_is_known.unwrap());
        let pace = Pace::of([usual]);
        for speed in [0.9, 1.0, 1.3, 2.0] {
            for spent in [0, 1, 8, 15, 16, 40].map(Duration::from_millis) {
                let mut burnt = Duration::ZERO;
                let burn = |params: &Params| {
                    let took = usual.mul_f64(work(params) as f64 / work(&current) as f64 / speed);
                    burnt += took;
                    Ok(took)
                };
                assert!(fill_up(&pace, 1, spent, &current, burn).unwrap());
                let missing = usual.saturating_sub(spent);
                assert!(
                    burnt <= missing && missing - burnt <= missing.mul_f64(0.04),
                    "{burnt:?} of {missing:?}"
                );
            }
        }
    }
}
