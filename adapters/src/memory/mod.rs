//! A store in memory: nothing is kept. For tests, demonstrations and short-lived environments.
//!
//! The whole state is one value made of persistent maps. A unit of work changes its own copy, which costs as much as
//! what it changes, and a commit swaps it in. One unit runs at a time, so that units are serialisable; readers never
//! wait for it.

mod shared;
mod state;
mod store;
mod transfer;
mod unit;
mod view;

pub use store::MemoryStore;
