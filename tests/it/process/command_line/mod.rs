//! Commands, flags, help and output.

mod arguments;
mod commands;
mod reference;
mod users;
