//! OAuth 2.0 endpoints: their forms, their errors and the authentication of their clients.

mod client;
mod error;
mod form;

pub(in crate::http) use client::authenticate_client;
pub(in crate::http) use error::{OAuthEndpoint, OAuthError, OAuthErrorCode, OAuthFailure, OAuthRefused};
pub(in crate::http) use form::{FromForm, OAuthForm};
