//! User administration by superusers.
//!
//! Every use case takes an [`Admin`]. Only [`Admin::authorise`] creates one, from a
//! [`Principal`](crate::session::Principal), which only authentication creates: a forgotten check does not compile.

pub mod delete;
pub mod list;
pub mod update;
mod witness;

pub use witness::{Admin, NotAdmin, NotFound, Unconfirmed};
