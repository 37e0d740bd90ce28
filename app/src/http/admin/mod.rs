//! What superusers do with users.

mod api;
mod cursor;
mod dto;

pub(super) use api::AdminApi;
