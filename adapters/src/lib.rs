//! The adapters of Inwren Auth: each folder implements ports of `inwren-domain` and imports no other folder.
//!
//! Shared by several folders:
//!
//! - `pem`: reading PEM files.
//! - `parts`: child spans of a traced port call.
//!
//! The adapters:
//!
//! - `store`: users, sessions, clients and audit events, in memory or in a SQL database.
//! - `crypto`: keys, tokens, password hashes and second factors.
//! - `limiter`: rate limits, in memory or in Redis.
//! - `mail`: letters, by SMTP or as files.
//! - `outbound`: requests to other services.
//! - `traced`: decorators that record a span for each port call.
//! - `clock`, `entropy`: time and randomness.

pub mod clock;
pub mod crypto;
pub mod entropy;
pub mod limiter;
pub mod mail;
pub mod outbound;
mod parts;
pub mod pem;
pub mod store;
pub mod traced;
