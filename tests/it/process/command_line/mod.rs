//! Commands, flags, help and output.

mod arguments;
mod audit;
mod clients;
mod commands;
mod outbox;
mod reference;
mod secrets;
mod users;
