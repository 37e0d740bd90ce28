//! The real binary: what only a process can show.

mod cli;
mod client;
mod configuration;
mod database;
mod first_start;
mod forged_tokens;
mod framing;
mod graceful_stop;
mod key_files;
mod kill;
mod log_lines;
mod migrations;
mod redis;
mod proxy_protocol;
mod restart;
mod plans;
mod secrecy;
mod slow_clients;
mod tls;
mod two_instances;
mod users;
