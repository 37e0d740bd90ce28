//! Settings of password hashing.

use inwren_adapters::crypto::argon2::Argon2Parameters;

use super::source::Source;
use super::value;

pub(super) fn argon2(source: &mut Source) -> Option<Argon2Parameters> {
    let memory_kib = source.parse("ARGON2_MEMORY_KIB", value::number(8..=4_194_304_u32));
    let iterations = source.parse("ARGON2_ITERATIONS", value::number(1..=64_u32));
    let parallelism = source.parse("ARGON2_PARALLELISM", value::number(1..=16_u32));
    let parameters =
        Argon2Parameters { memory_kib: memory_kib?, iterations: iterations?, parallelism: parallelism? };
    if parameters.memory_kib < 8 * parameters.parallelism {
        source.refuse("ARGON2_MEMORY_KIB", "must be at least 8 KiB for each of ARGON2_PARALLELISM lanes");
        return None;
    }
    Some(parameters)
}
