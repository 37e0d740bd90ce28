//! Whether the service is well, and what it is.

mod api;
mod dto;
mod listener;
mod waiting;

pub(super) use api::MetaApi;
pub use listener::HealthEndpoint;
pub(super) use waiting::endpoint as waiting;
