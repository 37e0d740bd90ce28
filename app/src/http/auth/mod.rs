//! Registering, logging in, refreshing and logging out.

mod api;
mod dto;
mod oauth;

pub(super) use api::AuthApi;
pub(super) use dto::TokenDto;
pub(super) use oauth::OAuthApi;
