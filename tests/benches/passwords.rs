//! Measures hashing and verifying passwords at the default parameters:
//! `cargo bench -p inwren-tests --bench passwords`.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may say so in any way")]

use std::sync::Arc;

use criterion::{Criterion, Throughput};
use inwren_adapters::crypto::argon2::{Argon2Hasher, Argon2Parameters, HasherLimits};
use inwren_adapters::entropy::SystemEntropy;
use inwren_domain::credential::{ClientTrust, Password, PasswordHasher, Requester};
use inwren_domain::kernel::ClientInfo;
use tokio::runtime;

/// The defaults of `ARGON2_MEMORY_KIB`, `ARGON2_ITERATIONS` and `ARGON2_PARALLELISM`.
const PARAMETERS: Argon2Parameters = Argon2Parameters { memory_kib: 19_456, iterations: 2, parallelism: 1 };

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    // One thread, so that the figures are per core.
    let limits = HasherLimits::for_machine(1, PARAMETERS);
    let hasher = Argon2Hasher::start(PARAMETERS, limits, Arc::new(SystemEntropy)).unwrap();
    let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let password = || Password::new("correct horse battery staple");
    let requester = Requester::new(&ClientInfo::default(), ClientTrust::Unrecognised);
    let hash = runtime.block_on(hasher.hash(password(), requester)).unwrap();

    let mut group = criterion.benchmark_group("argon2id");
    group.throughput(Throughput::Elements(1));
    group.bench_function("hash", |bencher| {
        bencher.iter(|| runtime.block_on(hasher.hash(password(), requester)).unwrap());
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| runtime.block_on(hasher.verify(password(), Some(hash.clone()), requester)).unwrap());
    });
    group.finish();
    criterion.final_summary();
}
