//! The domain of Inwren Auth: values, rules and use cases, without I/O.
//!
//! The domain depends on no HTTP, SQL or token encoding. Each feature is a folder; the other crates use the same folder
//! names:
//!
//! | Feature | Contents |
//! |---|---|
//! | [`account`] | users, registration, changes, deactivation, [admin](account::admin), [import](account::import) |
//! | [`credential`] | passwords, their hashes and their rules |
//! | [`factor`] | second factors: authenticator apps, passkeys, recovery codes |
//! | [`challenge`] | questions that one client may answer once |
//! | [`trusted_device`] | clients that may leave out the second factor |
//! | [`authn`] | login, second step, step-up, client trust |
//! | [`session`] | sessions from start to revocation, and the caller that a token names |
//! | [`token`] | claims, and the ports that sign and verify them |
//! | [`client`] | OAuth clients: applications and services |
//! | [`provider`] | the OpenID provider: authorization, codes, consent, userinfo, logout |
//! | [`action_token`] | links in letters that permit one action, once |
//! | [`pending_registration`] | registrations whose mailbox is not proven |
//! | [`outbox`] | letters and logout tokens, from their cause to their delivery |
//! | [`audit`] | audit events |
//!
//! [`kernel`] contains the values that all features use; [`store`] joins their repositories into units of work;
//! [`limiter`] is the port for rate limiting, [`keyring`] the one for secret keys, [`outbound`] the one for requests to
//! other services.
//!
//! # Parts of a feature
//!
//! - **Values** are validated when they are created and stay valid. Callers name them by feature: `account::User`.
//! - **Ports** are traits for what the domain needs from outside: `ports.rs`, or a file named after the port. Each
//!   obligation is a sentence with MUST and has a case in the conformance suite, which every adapter passes.
//! - **Policies** are modules of pure functions without ports or state, such as [`account::superuser`] or
//!   [`authn::step_up`].
//! - **Use cases** are modules with a command, an outcome, refusals and `execute`: [`authn::login`],
//!   [`session::refresh`].
//!
//! `mod.rs` only declares modules and re-exports names. Imports inside the crate form no circle.
//!
//! # How to add a port
//!
//! 1. Write the trait in the `ports.rs` of its feature, with its obligations as MUST sentences. Times, ids and random
//!    values are arguments: an adapter generates none of them.
//! 2. If it takes part in a transaction, add it to the supertraits of [`store::UnitOfWork`] (writes) or
//!    [`store::ReadView`] (reads), add its accessor there, and forward its methods in `store/hooked.rs`; otherwise add
//!    it to [`Core`].
//! 3. Write a conformance case for each MUST in `tests/src/conformance`, against the trait.
//! 4. Implement it in `adapters`, and add it to the wiring of `app`.

pub mod account;
pub mod action_token;
pub mod audit;
pub mod authn;
pub mod challenge;
pub mod client;
mod core;
pub mod credential;
pub mod factor;
mod failure;
pub mod housekeeping;
pub mod kernel;
pub mod keyring;
pub mod limiter;
pub mod outbound;
pub mod outbox;
pub mod pending_registration;
pub mod provider;
pub mod session;
pub mod store;
pub mod token;
pub mod trusted_device;

pub use crate::core::{Core, FactorSettings, Retention, Settings};
pub use crate::failure::{Failure, PortFailure};
