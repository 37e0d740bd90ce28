//! Authentication: login with a password, a second factor or a passkey, step-up, and the limit of password guesses per
//! account.

mod account_limit;
pub(super) mod answers;
mod api;
mod dto;
mod log_in;
mod passkey;
mod step_up;

pub(super) use account_limit::check_account;
pub(super) use api::LoginApi;
pub(super) use log_in::{LoggedIn, log_in, log_refusal};
pub(super) use passkey::PasskeyLoginApi;
pub(super) use step_up::StepUpApi;
