//! The Inwren Auth program: configuration, wiring, HTTP and the command line.

pub mod cli;
pub mod client_settings;
pub mod clients_file;
pub mod config;
pub mod ephemeral;
pub mod http;
pub mod import_export;
pub mod keys;
pub mod letters;
pub mod observability;
mod pages;
pub mod runtime;
pub mod secrets;
mod service;
pub mod tls;
pub mod wiring;
