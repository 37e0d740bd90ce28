//! The OpenID provider for applications: the token endpoint and userinfo, and for users the applications that they have
//! allowed.

mod answers;
mod api;
mod dto;
mod form;
mod grants;

pub(super) use api::ProviderApi;
pub(super) use grants::GrantsApi;
