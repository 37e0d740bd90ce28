//! Authentication of requests: bearer tokens, and the credentials of OAuth 2.0 clients.

mod authorization;
pub(in crate::http) mod bearer;
pub(in crate::http) mod oauth_client;
