//! The test harness.

pub mod app;
pub mod authenticator;
pub mod certificates;
pub mod conformance;
pub mod factors_model;
pub mod fakes;
pub mod fixtures;
pub mod foreign_hashes;
pub mod fuzz;
pub mod letters_model;
pub mod limiters;
pub mod model;
pub mod ports;
pub mod process;
pub mod smtp;
pub mod stores;

/// The environment variable that runs tests at full length, which takes minutes. `./tests/run --long` sets it.
pub const LONG: &str = "INWREN_TEST_LONG";

/// Whether to run tests at full length.
pub fn is_long() -> bool {
    std::env::var_os(LONG).is_some_and(|value| !value.is_empty())
}
