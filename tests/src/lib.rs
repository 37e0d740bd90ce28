//! The harness of the tests.

pub mod conformance;
pub mod fakes;
pub mod fixtures;
pub mod stores;
