//! The adapters of Inwren Auth: each module implements ports of `inwren-domain` and knows no other module here.

pub mod clock;
pub mod crypto;
pub mod entropy;
pub mod limiter;
pub mod memory;
pub mod sql;
pub mod traced;
