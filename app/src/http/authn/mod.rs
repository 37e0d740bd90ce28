//! Authentication: login, and the limit of password guesses per account.

mod account_limit;
pub(super) mod answers;
mod api;
mod dto;

pub(super) use account_limit::check_account;
pub(super) use api::{LoginApi, log_in};
