//! The one test binary: what is tested against whole stores and the whole service stands in its modules.

mod adapters;
mod conformance;
mod process;
