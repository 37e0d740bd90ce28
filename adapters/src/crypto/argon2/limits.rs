use std::time::Duration;

use super::parameters::Argon2Parameters;

/// How much at once.
#[derive(Clone, Copy, Debug)]
pub struct HasherLimits {
    /// Threads that hash; at least 1. More than there are cores gains nothing.
    pub threads: usize,
    /// The memory that all running hashes together may take, in KiB. At least one hash with the current parameters always
    /// runs; a stored hash for which this is too little is unusable.
    pub memory_budget_kib: usize,
    /// How many hashes may wait for a thread.
    pub max_waiting: usize,
    /// For how long one may wait before a stranger is told that the service is busy.
    pub max_wait: Duration,
    /// For how long one may wait before somebody [known](inwren_domain::credential::Standing::Known) is told so.
    pub max_wait_of_known: Duration,
}

/// The memory that there is for a stored hash, unless new ones take more: Django and passlib took 100 MiB, argon2-cffi 64.
const STORED_KIB: usize = 128 * 1_024;
impl HasherLimits {
    /// As many threads as cores, and the memory that they need with these parameters; one of them has up to 128 MiB, for a
    /// stored hash. A stranger waits for less than a second; the queue takes more than can be worked off in that time,
    /// because a client that waits asks less often than one that is turned away at once.
    pub fn for_machine(cores: usize, parameters: Argon2Parameters) -> Self {
        let (threads, usual) = (cores.max(1), parameters.memory_kib as usize);
        Self {
            threads,
            memory_budget_kib: (threads - 1).saturating_mul(usual).saturating_add(usual.max(STORED_KIB)),
            max_waiting: threads.saturating_mul(256),
            max_wait: Duration::from_millis(800),
            max_wait_of_known: Duration::from_millis(2_500),
        }
    }
}
