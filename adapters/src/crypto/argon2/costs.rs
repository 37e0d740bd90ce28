use std::time::Duration;

use argon2::{Block, Params};
use inwren_domain::credential::HasherError;

use super::computation::burn;
use super::cpu_timer::CpuTimer;
use super::parameters::{OUTPUT_BYTES, work};
use super::stored::Stored;
use crate::crypto::legacy_hash::{LegacyHash, LegacyWork};

/// Argon2 memory for the measurement: larger than caches, and newly allocated, like that of an expensive hash.
const PROBE_KIB: u32 = 16 * 1_024;
/// Number of measurements. The fastest one counts, because disturbances only add time.
const SAMPLES: usize = 3;

/// Cost of each password hash function on this machine, in seconds of CPU time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Costs {
    /// One block of Argon2: 1 KiB in one pass.
    block: f64,
    bcrypt_round: f64,
    pbkdf2_round: f64,
}

impl Costs {
    /// Measures the costs, which takes some tens of milliseconds.
    pub(super) fn measure() -> Result<Self, HasherError> {
        let failed = |_| HasherError::Failed("the parameters of a measurement");
        let params = Params::new(PROBE_KIB, 1, 1, Some(OUTPUT_BYTES)).map_err(failed)?;
        let hash = || {
            let mut blocks = vec![Block::default(); params.block_count()];
            burn(&params, b"a password to measure with", &mut blocks)
        };
        let [bcrypt, pbkdf2] = LegacyHash::probes();
        let foreign = |probe: LegacyHash| {
            let rounds = match probe.work() {
                LegacyWork::Bcrypt(rounds) | LegacyWork::Pbkdf2(rounds) => rounds,
            };
            let measured = fastest(|| {
                std::hint::black_box(probe.matches(b"a password to measure with"));
                Ok(())
            });
            measured.map(|seconds| seconds / rounds as f64)
        };
        Ok(Self {
            block: fastest(hash)? / work(&params) as f64,
            bcrypt_round: foreign(bcrypt)?,
            pbkdf2_round: foreign(pbkdf2)?,
        })
    }

    /// Returns how long checking a password against this hash takes, computed from its work.
    pub(super) fn time_of(&self, stored: &Stored) -> Duration {
        let seconds = match stored {
            Stored::Argon2(stored) => self.block * work(stored.params()) as f64,
            Stored::Foreign(stored) => match stored.work() {
                LegacyWork::Bcrypt(rounds) => self.bcrypt_round * rounds as f64,
                LegacyWork::Pbkdf2(rounds) => self.pbkdf2_round * rounds as f64,
            },
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

/// Returns the shortest time, in seconds.
fn fastest(mut work: impl FnMut() -> Result<(), HasherError>) -> Result<f64, HasherError> {
    let mut fastest = f64::INFINITY;
    for _ in 0..SAMPLES {
        let (outcome, took) = CpuTimer::time(&mut work);
        outcome?;
        fastest = fastest.min(took.as_secs_f64());
    }
    Ok(fastest)
}

#[cfg(test)]
mod tests {
    use inwren_domain::credential::PasswordHash;

    use super::*;

    fn stored(text: &str) -> Stored {
        Stored::read(&PasswordHash::from_phc(text.to_owned())).unwrap()
    }

    #[test]
    fn the_time_grows_with_the_work() {
        let costs = Costs { block: 1e-6, bcrypt_round: 1e-5, pbkdf2_round: 1e-7 };
        let milliseconds = |text: &str| costs.time_of(&stored(text)).as_secs_f64() * 1_000.0;
        for (text, expected) in [
            (
                "$argon2id$v=19$m=100000,t=3,p=4$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
                300.0,
            ),
            ("$2b$10$eg90EB5lVthCn3vWpPZs9OklZQEoK15Q5vF.6SEUtc7PRQbczB4HW", 10.24),
            ("$2b$16$eg90EB5lVthCn3vWpPZs9OklZQEoK15Q5vF.6SEUtc7PRQbczB4HW", 655.36),
            (
                "$pbkdf2-sha256$600000$C6E0hnCuFQIAYGwNYQyB0A$cINZF3jv9M0OWGvhwF5hEfrafVvluwpwuFPUCZ0iU3E",
                60.0,
            ),
        ] {
            let found = milliseconds(text);
            assert!((found - expected).abs() < 0.01, "{text}: {found}");
        }
    }

    #[test]
    fn what_was_measured_foretells_what_a_dearer_hash_takes() {
        let costs = Costs::measure().unwrap();
        for text in [
            "$2b$10$eg90EB5lVthCn3vWpPZs9OklZQEoK15Q5vF.6SEUtc7PRQbczB4HW",
            "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
            "$pbkdf2-sha256$100000$C6E0hnCuFQIAYGwNYQyB0A$cINZF3jv9M0OWGvhwF5hEfrafVvluwpwuFPUCZ0iU3E",
        ] {
            let stored = stored(text);
            let mut blocks = vec![Block::default(); stored.block_count()];
            let (foretold, took) =
                (costs.time_of(&stored), CpuTimer::time(|| stored.matches(b"x", &mut blocks)).1);
            // A shared CPU varies in speed.
            assert!(foretold < took * 8 && took < foretold * 8, "{text}: {foretold:?}, {took:?}");
        }
    }
}
