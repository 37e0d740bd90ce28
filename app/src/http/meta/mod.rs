//! Whether the service is well, and what it is.

mod api;
mod dto;
mod waiting;

pub(super) use api::MetaApi;
pub(super) use waiting::endpoint as waiting;
