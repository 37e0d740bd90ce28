use std::time::Duration;

use inwren_adapters::crypto::argon2::{Calibration, calibrate};
use serde_json::json;

use super::args::HashCommand;
use super::error::{Failed, Outcome};
use super::support::say;
use crate::config::Config;
use crate::wiring;

pub(super) fn run(config: &Config, command: HashCommand) -> Outcome {
    let HashCommand::Calibrate { target_ms, max_memory_mib, json } = command;
    let threads = wiring::hash_threads(config);
    let target = Duration::from_millis(target_ms);
    let Calibration { parameters, took } =
        calibrate(target, max_memory_mib.saturating_mul(1_024), threads).map_err(Failed::because)?;
    let hashes = threads as f64 / took.as_secs_f64().max(f64::MIN_POSITIVE);
    let memory = threads.saturating_mul(parameters.memory_kib as usize) / 1_024;
    let took = took.as_millis();
    if json {
        let found = json!({
            "argon2_memory_kib": parameters.memory_kib,
            "argon2_iterations": parameters.iterations,
            "argon2_parallelism": parameters.parallelism,
            "milliseconds_a_hash": u64::try_from(took).unwrap_or(u64::MAX),
            "hash_threads": threads,
            "hashes_a_second": (hashes * 10.0).round() / 10.0,
            "memory_mib": memory,
        });
        say(&found.to_string());
        return Ok(());
    }
    say(&format!("ARGON2_MEMORY_KIB={}", parameters.memory_kib));
    say(&format!("ARGON2_ITERATIONS={}", parameters.iterations));
    say(&format!("ARGON2_PARALLELISM={}", parameters.parallelism));
    say(&format!("# {took} ms a hash; {threads} threads make {hashes:.1} a second, in {memory} MiB"));
    if took > u128::from(target_ms) * 5 / 4 {
        say(&format!("# more than {target_ms} ms, because OWASP's minimum costs that much here"));
    }
    Ok(())
}
