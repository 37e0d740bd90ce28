//! The own account and its sessions.

mod answers;
mod api;
mod dto;

pub(super) use api::UsersApi;
pub(super) use dto::{SessionList, UserDto};
