//! Process tests: behaviour that only the real binary can show. `tests/README.md` says which folder a test belongs to.

mod command_line;
mod configuration;
mod faults;
mod monitoring;
mod operations;
mod packaging;
mod server;
mod storage;
mod support;
mod tls;
mod tokens;
mod two_instances;
