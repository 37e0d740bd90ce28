use argon2::Params;

/// Cost parameters of a hash. The defaults are OWASP's minimum (ASVS 5.0, 11.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Parameters {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes. One thread computes them one after the other.
    pub parallelism: u32,
}

/// Argon2 or this service does not allow the parameters.
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

/// OWASP's minimum parameters for Argon2id (Password Storage Cheat Sheet; ASVS 5.0, 11.4.2): KiB and iterations.
pub(super) const OWASP_MINIMA: [(u32, u32); 5] =
    [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

/// Upper bounds of configurable parameters. For stored hashes the limits of this machine may be lower: see
/// [`Argon2Hasher`](super::Argon2Hasher).
const MAX_MEMORY_KIB: u32 = 4 * 1024 * 1024;
pub(super) const MAX_ITERATIONS: u32 = 64;
const MAX_PARALLELISM: u32 = 16;
pub(super) const OUTPUT_BYTES: usize = 32;
/// RFC 9106 section 3.1 recommends 16 bytes.
pub(super) const SALT_BYTES: usize = 16;

impl Argon2Parameters {
    /// Returns whether the parameters meet one of OWASP's minima.
    pub fn is_recommended(&self) -> bool {
        OWASP_MINIMA
            .iter()
            .any(|(memory_kib, iterations)| self.memory_kib >= *memory_kib && self.iterations >= *iterations)
    }

    pub(super) fn to_params(self) -> Result<Params, InvalidParameters> {
        let params = Params::new(self.memory_kib, self.iterations, self.parallelism, Some(OUTPUT_BYTES));
        params.ok().filter(is_bounded).ok_or(InvalidParameters)
    }
}

pub(super) fn is_bounded(params: &Params) -> bool {
    params.m_cost() <= MAX_MEMORY_KIB
        && params.t_cost() <= MAX_ITERATIONS
        && params.p_cost() <= MAX_PARALLELISM
}

/// Returns the number of blocks that a hash computes.
pub(super) fn work(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}
