//! Store adapters. Each has one file per feature, named as in the domain: `account`, `session`, `client`, `audit`.

pub mod memory;
pub mod sql;
