//! Administration of users by superusers.

mod answers;
mod api;
mod dto;

pub(super) use api::AdminApi;
