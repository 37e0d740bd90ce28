//! What superusers do with users.

mod api;
mod dto;

pub(super) use api::AdminApi;
