use std::time::Duration;

use super::parameters::Argon2Parameters;

/// Resource limits of the hasher.
#[derive(Clone, Copy, Debug)]
pub struct HasherLimits {
    /// Hasher threads, at least 1. More threads than cores gain nothing.
    pub threads: usize,
    /// Memory budget of all running hashes, in KiB. At least one hash with the current parameters always runs; a stored
    /// hash that needs more is unusable.
    pub memory_budget_kib: usize,
    /// Maximum number of hashes that wait for a thread.
    pub max_waiting: usize,
    /// Longest wait before the hasher reports to an unrecognised client that it is busy.
    pub max_wait: Duration,
    /// Longest wait before the hasher reports this to a [recognised](inwren_domain::credential::ClientTrust::Recognised)
    /// client.
    pub max_wait_of_known: Duration,
}

/// Memory for a stored hash, unless new ones take more. Django and passlib used 100 MiB, argon2-cffi 64 MiB.
const STORED_KIB: usize = 128 * 1_024;
impl HasherLimits {
    /// Returns limits with one thread per core and the memory that these threads need with these parameters. One thread
    /// may use up to 128 MiB, for a stored hash. An unrecognised client waits for less than a second. The queue holds
    /// more than the threads can work off in that time, because a client that waits retries less often than one that is
    /// refused at once.
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
