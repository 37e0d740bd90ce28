//! Commands, flags, help and output.

mod arguments;
mod audit;
mod commands;
mod reference;
mod users;
