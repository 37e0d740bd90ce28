//! OAuth 2.0 for clients: the token endpoint, revocation and introspection.

mod answers;
mod api;
mod dto;
mod form;

pub(super) use api::{OAuthApi, TokensApi};
