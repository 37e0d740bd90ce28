//! The use cases, one a file: its command, its outcome, its refusals and its `execute`.

pub mod account;
pub mod admin;
mod audit;
pub mod auth;
mod failure;
pub mod housekeeping;
mod new_user;
pub mod operator;

pub use failure::{Failure, PortFailure};
pub use new_user::NotCreated;
