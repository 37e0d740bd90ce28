//! The real binary: what only a process can show.

mod cli;
mod client;
mod configuration;
mod crowds;
mod database;
mod faults;
mod first_start;
mod forged_tokens;
mod graceful_stop;
mod key_files;
mod kill;
mod load;
mod migrations;
mod secrecy;
mod slow_clients;
mod two_instances;
mod users;
