use std::time::Duration;

use argon2::Params;
use inwren_domain::credential::HasherError;

use super::cpu_timer::CpuTimer;
use super::parameters::{OUTPUT_BYTES, work};

/// Maximum number of padding steps.
const STEPS: usize = 6;
/// Share of the missing work that one step computes. So a step that turns out slow does not exceed the missing time.
const STEP: f64 = 0.875;

/// Pads a cheap verification with dummy hashing until it has used about the CPU time of `count` current hashes, so
/// timing reveals nothing. Blocks in memory that fits into a cache, and blocks of a first pass, are faster than usual
/// ones, so each step measures again what is missing. Returns `false` if the time of a current hash is not known yet.
pub(super) fn equalise(
    timer: &CpuTimer,
    count: u64,
    mut spent: Duration,
    current: &Params,
    mut burn: impl FnMut(&Params) -> Result<Duration, HasherError>,
) -> Result<bool, HasherError> {
    for _ in 0..STEPS {
        let Some(share) = timer.missing(count, spent) else { return Ok(false) };
        let missing = (work(current) as f64 * share * STEP) as u64;
        let Some(params) = parameters_of(missing, current) else { break };
        spent += burn(&params)?;
    }
    Ok(true)
}

/// Returns parameters for this many blocks, within the memory of a current hash. Returns `None` if Argon2 cannot
/// compute so few.
pub(super) fn parameters_of(missing: u64, current: &Params) -> Option<Params> {
    let iterations = missing.div_ceil(u64::from(current.m_cost())).max(1);
    let memory = u32::try_from(missing / iterations).ok()?;
    Params::new(memory, u32::try_from(iterations).ok()?, 1, Some(OUTPUT_BYTES)).ok()
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
        let nothing_is_known =
            equalise(&CpuTimer::default(), 1, Duration::ZERO, &current, |_| panic!("it is"));
        assert!(!nothing_is_known.unwrap());
        let timer = CpuTimer::of([usual]);
        for speed in [0.9, 1.0, 1.3, 2.0] {
            for spent in [0, 1, 8, 15, 16, 40].map(Duration::from_millis) {
                let mut burnt = Duration::ZERO;
                let burn = |params: &Params| {
                    let took = usual.mul_f64(work(params) as f64 / work(&current) as f64 / speed);
                    burnt += took;
                    Ok(took)
                };
                assert!(equalise(&timer, 1, spent, &current, burn).unwrap());
                let missing = usual.saturating_sub(spent);
                assert!(
                    burnt <= missing && missing - burnt <= missing.mul_f64(0.04),
                    "{burnt:?} of {missing:?}"
                );
            }
        }
    }
}
