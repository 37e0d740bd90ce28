//! Health checks and information about the service.

mod api;
mod checks;
mod dto;
mod listener;
mod waiting;

pub(super) use api::HealthApi;
pub use listener::HealthEndpoint;
pub(super) use waiting::endpoint as waiting;
