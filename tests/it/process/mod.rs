//! The real binary: what only a process can show.

mod backup;
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
mod load;
mod log_lines;
mod migrations;
mod monitoring;
mod operations;
mod plans;
mod proxy_protocol;
mod redis;
mod restart;
mod secrecy;
mod slow_clients;
mod sweeps;
mod tls;
mod two_instances;
mod users;
