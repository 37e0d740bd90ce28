//! What superusers do with users.

mod api;
mod cursor;
mod dto;
mod parameter;

pub(super) use api::AdminApi;
