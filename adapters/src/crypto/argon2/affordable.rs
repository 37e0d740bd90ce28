use std::time::Duration;

use argon2::Params;
use inwren_domain::credential::{AcceptedHashes, HasherError, PasswordHash};
use tokio::sync::OnceCell;

use super::costs::Costs;
use super::limits::HasherLimits;
use super::parameters::{Argon2Parameters, InvalidParameters};
use super::stored::Stored;

/// Longest time that checking a stored hash may take on this machine. Without a limit one row could stop the service.
const LONGEST_CHECK: Duration = Duration::from_secs(2);
/// Factor by which the check of a hash that has been accepted may exceed the limit, because measurements vary.
const TOLERANCE: f64 = 1.5;
/// A check that takes longer is slow: slow checks never occupy all threads.
const SLOW: Duration = Duration::from_millis(250);

/// The stored hashes that a hasher with these parameters and limits can check on this machine. It starts no thread.
pub struct AffordableHashes {
    pub(super) params: Params,
    /// Maximum number of blocks for a stored hash.
    max_blocks: usize,
    /// Measured when the first stored hash that costs more than a new one arrives.
    costs: OnceCell<Costs>,
}

impl AffordableHashes {
    /// Computes which hashes such a hasher can check.
    pub fn new(parameters: Argon2Parameters, limits: HasherLimits) -> Result<Self, InvalidParameters> {
        let params = parameters.to_params()?;
        let usual = params.block_count();
        let of_others = (limits.threads.max(1) - 1).saturating_mul(usual);
        let max_blocks = limits.memory_budget_kib.saturating_sub(of_others).max(usual);
        Ok(Self { params, max_blocks, costs: OnceCell::new() })
    }

    /// Reads a stored hash that fits into memory.
    fn read(&self, hash: &PasswordHash) -> Result<Stored, HasherError> {
        let stored = Stored::read(hash)?;
        if stored.block_count() > self.max_blocks {
            return Err(HasherError::Unusable("it needs more memory than the budget"));
        }
        Ok(stored)
    }

    /// Reads a stored hash that this machine can afford to check, and returns whether the check is slow.
    pub(super) async fn read_affordable(
        &self,
        hash: &PasswordHash,
    ) -> Result<(Box<Stored>, bool), HasherError> {
        let stored = Box::new(self.read(hash)?);
        if stored.is_no_dearer_than(&self.params) {
            return Ok((stored, false));
        }
        let time = self.costs.get_or_try_init(measure_aside).await?.time_of(&stored);
        if time > LONGEST_CHECK.mul_f64(TOLERANCE) {
            return Err(HasherError::Unusable("a check takes longer than this machine can afford"));
        }
        Ok((stored, time > SLOW))
    }
}

impl AcceptedHashes for AffordableHashes {
    fn can_verify(&self, hash: &PasswordHash) -> bool {
        let Ok(stored) = self.read(hash) else { return false };
        let measured = || {
            let costs = Costs::measure().ok()?;
            let _ = self.costs.set(costs);
            Some(costs)
        };
        let is_fast = |costs: Costs| costs.time_of(&stored) <= LONGEST_CHECK;
        stored.is_no_dearer_than(&self.params)
            || self.costs.get().copied().or_else(measured).is_some_and(is_fast)
    }
}

/// Measures on a thread that may block.
async fn measure_aside() -> Result<Costs, HasherError> {
    let measured = tokio::task::spawn_blocking(Costs::measure).await;
    measured.unwrap_or(Err(HasherError::Failed("the measurement")))
}
