//! Registering, logging in, refreshing and logging out.

mod account_limit;
mod answers;
mod api;
mod dto;
mod form;
mod introspection;
mod oauth;
mod oauth_error;
mod tokens;

pub(super) use account_limit::check_account;
pub(super) use api::AuthApi;
pub(super) use dto::TokenDto;
pub(super) use oauth::OAuthApi;
pub(super) use tokens::TokensApi;
