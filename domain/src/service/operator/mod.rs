//! What an operator does at the command line, where having the database is the authority.

pub mod clients;
pub mod create_user;
pub mod set_password;
pub mod transfer;
