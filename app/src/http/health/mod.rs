//! Health checks and information about the service.

mod api;
mod checks;
mod dto;
mod listener;
mod page;
mod waiting;

pub(super) use api::HealthApi;
pub use listener::HealthEndpoint;
pub(super) use page::{is_wanted as is_page_wanted, routes};
pub(super) use waiting::endpoint as waiting;
