//! The pure core of Inwren Auth.
//!
//! Nothing here knows HTTP, SQL or a token's encoding. Three kinds of things live here:
//!
//! - **[`model`]**: the entities and value objects. Values are parsed once and are valid from then on.
//! - **[`ports`]**: what the core asks of the outside, as traits. Every obligation of a port is a sentence with
//!   MUST, and every such sentence has a case in the conformance suite that all adapters pass.
//! - **[`service`]**: the use cases, one a file: its command, its outcome, its refusals and its `execute`.
//!
//! The rules that are pure decisions (who may choose which tier, what a password must be, when a superuser is the
//! last one) stand in [`policy`], where they can be read and tested without any port.
//!
//! # How to add a port
//!
//! 1. Write the trait in `ports/`, with its obligations as MUST sentences. Times, ids and random values are
//!    arguments: an adapter makes none of them.
//! 2. If it belongs to a transaction, name it among the traits of [`ports::UnitOfWork`] (writes) or [`ports::ReadView`] (reads),
//!    lend it there in three lines, and pass its methods on in `ports/hooked.rs`; else add it to [`Core`].
//! 3. Write a conformance case for each MUST in `tests/src/conformance/`, against the trait.
//! 4. Implement it in `adapters/`, and plug it in in the wiring of `app/`. Nothing else changes.

pub mod authn;
mod core;
pub mod model;
pub mod policy;
pub mod ports;
pub mod service;

pub use crate::core::{Core, Retention, Settings};
