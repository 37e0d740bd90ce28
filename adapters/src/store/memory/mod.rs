//! In-memory store, for tests, demonstrations and short-lived environments. It loses everything when the process ends.
//!
//! The whole state is one value (`state`) made of persistent maps. A unit of work (`unit`) changes its own copy, at a
//! cost proportional to the change, and a commit publishes the copy. One unit runs at a time, so units are
//! serialisable; readers (`view`) never wait for it. Each feature file holds the port implementations of a feature and
//! its part of the state.

mod account;
mod account_export;
mod account_import;
mod action_token;
mod audit;
mod challenge;
mod client;
mod credential;
mod factor;
mod outbox;
mod pending_registration;
mod provider;
mod session;
mod shared;
mod state;
mod store;
mod trusted_device;
mod unit;
mod view;

pub use store::MemoryStore;
