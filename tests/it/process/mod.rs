//! The real binary: what only a process can show.

mod cli;
mod client;
mod configuration;
mod database;
mod first_start;
mod forged_tokens;
mod graceful_stop;
mod key_files;
mod kill;
mod migrations;
mod monitoring;
mod secrecy;
mod slow_clients;
mod two_instances;
mod users;
