//! OAuth 2.0 for clients of this service's own API and for services: the token endpoint, revocation and introspection.

mod answers;
mod api;
mod dto;

pub(super) use api::{OAuthApi, TokensApi};
