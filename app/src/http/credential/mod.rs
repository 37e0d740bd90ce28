//! Credentials: change the password.

mod answers;
mod api;
mod dto;

pub(super) use api::CredentialApi;
