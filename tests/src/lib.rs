//! The harness of the tests.

pub mod app;
pub mod certificates;
pub mod conformance;
pub mod fakes;
pub mod fixtures;
pub mod fuzz;
pub mod limiters;
pub mod model;
pub mod process;
pub mod stores;
