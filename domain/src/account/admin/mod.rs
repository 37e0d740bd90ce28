//! What superusers do with users.
//!
//! Every use case takes an [`Admin`], which only [`Admin::authorise`] makes of a [`Principal`](crate::session::Principal), which only authentication
//! makes: a forgotten check does not compile.

pub mod delete;
pub mod list;
pub mod update;
mod witness;

pub use witness::{Admin, NotAdmin, NotFound, Unconfirmed};
