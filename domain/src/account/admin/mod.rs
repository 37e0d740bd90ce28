//! User administration by superusers, and by the operator of the machine.
//!
//! Every use case takes an [`Admin`]. [`Admin::authorise`] creates one from a [`Principal`](crate::session::Principal),
//! which only authentication creates: a forgotten check does not compile. [`Admin::operator`] creates the other one.

pub mod delete;
pub mod invite;
pub mod list;
pub mod reset_factors;
pub mod reset_password;
pub mod update;
mod witness;

pub use witness::{Admin, NotAdmin, NotFound, Unconfirmed};
