//! The adapters of Inwren Auth: each module implements ports of `inwren-domain` and knows no other module
//! here but `pem`, which reads files for several of them, and `parts`, through which they show in traces what a call waits for.

pub mod clock;
pub mod crypto;
pub mod entropy;
pub mod limiter;
pub mod memory;
mod parts;
pub mod pem;
pub mod sql;
pub mod traced;
