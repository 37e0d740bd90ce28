//! The running process: the server, startup and shutdown, background workers and files.

pub(crate) mod banner;
pub mod colour;
pub mod open_files;
pub mod outbox;
pub mod private_file;
pub mod server;
pub mod shutdown;
pub mod start;
pub mod sweep;
pub mod watch;
pub mod workers;
