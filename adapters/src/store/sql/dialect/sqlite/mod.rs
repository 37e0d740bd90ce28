//! SQLite access that bypasses the driver, for the hot paths: the reads of every authenticated request and every login,
//! and the writes of every registration, login and refresh.
//!
//! The driver has a thread per connection. It sends every step of a transaction to that thread, and every value of a
//! row back separately. For rows that are found by a key and mostly cached in memory, that costs several times the work
//! itself. So this module has connections that the caller's thread reads (`readers`), and one that writes a whole
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
