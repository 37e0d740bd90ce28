//! The real binary: what only a process can show.

mod backup;
mod cli;
mod client;
mod configuration;
mod database;
mod first_start;
mod forged_tokens;
mod graceful_stop;
mod key_files;
mod kill;
mod load;
mod migrations;
mod operations;
mod secrecy;
mod slow_clients;
mod sweeps;
mod two_instances;
mod users;
