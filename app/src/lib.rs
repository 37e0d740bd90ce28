//! Inwren Auth as a program: configuration, wiring, HTTP and the command line.

pub mod cli;
pub mod colour;
pub mod config;
pub mod ephemeral;
pub mod http;
pub mod keys;
pub mod metrics;
pub mod open_files;
pub mod private_file;
pub mod server;
pub mod shutdown;
pub mod start;
pub mod sweep;
pub mod telemetry;
pub mod tls;
pub mod traces;
pub mod transfer;
pub mod watch;
pub mod wiring;
pub mod worker;
