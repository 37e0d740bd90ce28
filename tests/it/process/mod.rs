//! The real binary: what only a process can show.

mod client;
mod database;
mod graceful_stop;
mod kill;
mod log_secrecy;
