//! SQLite access that bypasses the driver, for the hot paths: what every authenticated request and every login reads, and what
//! every registration, login and refresh writes.
//!
//! The driver has a thread for each connection. Every step of a transaction is sent to that thread, and every value of a row is
//! sent back separately. For rows that are found by a key and are mostly cached in memory, that costs several times the work
//! itself. So this module keeps connections that are read on the caller's thread (`readers`), and one that writes a whole
//! transaction at a time (`writer`, `write_batch`).

mod audit;
mod connection;
mod readers;
mod registration;
mod rows;
mod session_rotation;
mod session_start;
mod write_batch;
mod writer;

pub(crate) use connection::open;
pub(crate) use readers::Readers;
pub(crate) use write_batch::Writes;
