//! Whether the service is well, and what it is.

mod api;
mod dto;

pub(super) use api::MetaApi;
