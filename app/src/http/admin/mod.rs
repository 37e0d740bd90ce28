//! Administration of users by superusers.

mod answers;
mod api;
mod dto;

pub(super) use api::AdminApi;
pub use dto::{AdminUserDto, AdminUserPage, user_cursor};
