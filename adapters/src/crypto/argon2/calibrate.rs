use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Version};

use super::parameters::{
    Argon2Parameters, InvalidParameters, MAX_ITERATIONS, OUTPUT_BYTES, OWASP_MINIMA, SALT_BYTES,
};

/// Parameters with which the search starts.
const FIRST_GUESS: Argon2Parameters = Argon2Parameters { memory_kib: 65_536, iterations: 1, parallelism: 1 };
/// How often the search corrects a guess by its measured cost.
const CORRECTIONS: usize = 2;
/// Hashes that each thread computes per measurement.
const SAMPLES: usize = 5;

/// Parameters and their cost on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calibration {
    /// The parameters.
    pub parameters: Argon2Parameters,
    /// Time per hash while every thread computes one: the median of several.
    pub took: Duration,
}

/// Finds parameters with which a hash takes about the target time while this many threads are hashing. It chooses as
/// much memory as the target allows, up to a maximum, and then iterations for the rest (RFC 9106 section 4). If even
/// OWASP's minimum takes longer, it returns that minimum.
///
/// It computes hashes for some seconds, on its own threads, and blocks until they are done.
pub fn calibrate(
    target: Duration,
    max_memory_kib: u32,
    threads: usize,
) -> Result<Calibration, InvalidParameters> {
    let mut found = measure(FIRST_GUESS, threads)?;
    for _ in 0..CORRECTIONS {
        found = measure(choose(affordable_work(&found, target), max_memory_kib), threads)?;
    }
    Ok(found)
}

/// Returns how many KiB a hash can pass over within the target, extrapolated from the measurement.
fn affordable_work(measured: &Calibration, target: Duration) -> u64 {
    let Argon2Parameters { memory_kib, iterations, .. } = measured.parameters;
    let work = u128::from(memory_kib) * u128::from(iterations);
    let affordable = work * target.as_micros() / measured.took.as_micros().max(1);
    u64::try_from(affordable).unwrap_or(u64::MAX)
}

/// Chooses the most memory, and then the most iterations, for this work.
fn choose(work_kib: u64, max_memory_kib: u32) -> Argon2Parameters {
    let cost = |(memory, iterations): (u32, u32)| u64::from(memory) * u64::from(iterations);
    let fitting = OWASP_MINIMA.into_iter().filter(|(memory, _)| *memory <= max_memory_kib);
    let (memory_kib, iterations) = match fitting.clone().find(|least| cost(*least) <= work_kib) {
        Some((_, least_iterations)) => {
            let share = u32::try_from(work_kib / u64::from(least_iterations)).unwrap_or(u32::MAX);
            // Whole MiB: more digits than were measured would be noise.
            let memory = share.min(max_memory_kib) & !1_023;
            let iterations = u32::try_from(work_kib / u64::from(memory)).unwrap_or(u32::MAX);
            (memory, iterations.clamp(least_iterations, MAX_ITERATIONS))
        }
        None => fitting.min_by_key(|least| cost(*least)).unwrap_or((7_168, 5)),
    };
    Argon2Parameters { memory_kib, iterations, parallelism: 1 }
}

fn measure(parameters: Argon2Parameters, threads: usize) -> Result<Calibration, InvalidParameters> {
    let params = parameters.to_params()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let start = Barrier::new(threads.max(1));
    let samples = || {
        let mut blocks = vec![Block::default(); argon2.params().block_count()];
        let mut output = [0; OUTPUT_BYTES];
        start.wait();
        let mut one = || {
            let begun = Instant::now();
            let password = b"a pass phrase to measure with";
            argon2
                .hash_password_into_with_memory(password, &[0; SALT_BYTES], &mut output, &mut blocks)
                .map_err(|_| InvalidParameters)?;
            Ok(begun.elapsed())
        };
        // The first hash allocates the memory, which the service reuses.
        one()?;
        (0..SAMPLES).map(|_| one()).collect::<Result<Vec<Duration>, InvalidParameters>>()
    };
    let mut took = Vec::new();
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(samples)).collect();
        for thread in running {
            took.extend(thread.join().map_err(|_| InvalidParameters)??);
        }
        Ok(())
    })?;
    took.sort_unstable();
    let median = took.get(took.len() / 2).copied().unwrap_or_default();
    Ok(Calibration { parameters, took: median })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(work_mib: u64, max_memory_mib: u32) -> (u32, u32) {
        let parameters = choose(work_mib * 1_024, max_memory_mib * 1_024);
        (parameters.memory_kib / 1_024, parameters.iterations)
    }

    #[test]
    fn memory_comes_first_and_iterations_take_the_rest() {
        assert_eq!(chosen(46, 256), (46, 1));
        assert_eq!(chosen(200, 256), (200, 1));
        assert_eq!(chosen(1_000, 256), (256, 3));
        assert_eq!(chosen(100, 19), (19, 5));
        assert_eq!(chosen(1_000_000, 64), (64, MAX_ITERATIONS));
    }

    #[test]
    fn nothing_is_below_the_minimum() {
        assert_eq!(chosen(45, 256), (22, 2));
        assert_eq!(chosen(37, 256), (12, 3));
        assert_eq!(chosen(35, 256), (7, 5));
        assert_eq!(chosen(1, 256), (7, 5));
        assert_eq!(chosen(1, 10), (7, 5));
        for work in 1..300 {
            for max in [7, 9, 12, 19, 46, 100] {
                let (memory, iterations) = chosen(work, max);
                let least = |(kib, least): &(u32, u32)| memory * 1_024 >= *kib && iterations >= *least;
                assert!(OWASP_MINIMA.iter().any(least), "{work} {max}: {memory} {iterations}");
                assert!(memory <= max);
            }
        }
    }

    #[test]
    fn what_was_measured_tells_what_can_be_afforded() {
        let parameters = Argon2Parameters { memory_kib: 65_536, iterations: 2, parallelism: 1 };
        let measured = Calibration { parameters, took: Duration::from_millis(50) };
        assert_eq!(affordable_work(&measured, Duration::from_millis(250)), 5 * 2 * 65_536);
    }
}
