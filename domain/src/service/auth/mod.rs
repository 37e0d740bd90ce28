//! Coming in, staying in and going out.

mod authenticate;
pub mod client_credentials;
pub mod introspect;
mod issue;
mod legacy;
pub mod login;
pub mod logout;
mod not_authenticated;
pub mod refresh;
pub mod register;
pub mod revoke;
mod start_session;
mod undelivered;

pub(super) use authenticate::is_still_in;
pub use authenticate::{Principal, authenticate};
pub(super) use issue::{access_token, refresh_expiry, refresh_token};
pub(super) use legacy::end_tokens as end_legacy_tokens;
pub use not_authenticated::NotAuthenticated;
pub use undelivered::UndeliveredRotations;
