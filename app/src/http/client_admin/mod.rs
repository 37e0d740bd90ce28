//! OAuth 2.0 clients, for superusers: applications that users log in to, and services.

mod answers;
mod api;
mod dto;

pub(super) use api::ClientsApi;
