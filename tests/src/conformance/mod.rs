//! Conformance suite for stores: a case for each MUST of the store's ports, and for each rule of a unit of work.
//!
//! A case takes a fresh, empty store and does not depend on the adapter. `tests/it/conformance.rs` lists the cases and
//! the stores that they run against. The cases of `maintenance` run against databases only.

/// Runs one unit of work to its commit, and returns the value of the body.
macro_rules! in_unit {
    ($store:expr, |$unit:ident| $body:expr) => {{
        let mut $unit = $store.begin().await.expect("a unit");
        let answer = $body;
        $unit.commit().await.expect("a commit");
        answer
    }};
}

mod client;
pub(crate) mod support;

pub mod account;
pub mod account_import;
pub mod account_list;
pub mod account_registration;
pub mod action_token;
pub mod audit;
pub mod challenge;
pub mod clients;
pub mod credential;
pub mod factor;
pub mod factor_codes;
pub mod faults;
pub mod locks;
pub mod maintenance;
pub mod outbox;
pub mod outbox_logouts;
pub mod outbox_workers;
pub mod pending_registration;
pub mod provider;
pub mod races;
pub mod session;
pub mod session_applications;
pub mod session_rotation;
pub mod session_start;
pub mod step_by_step;
pub mod stories;
pub mod superusers;
pub mod trusted_device;
pub mod units;
