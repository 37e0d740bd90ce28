//! Credentials: password change.

mod answers;
mod api;
mod dto;

pub(super) use api::CredentialApi;
