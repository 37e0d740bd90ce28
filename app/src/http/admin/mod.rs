//! What superusers do with users.

mod answers;
mod api;
mod dto;

pub(super) use api::AdminApi;
