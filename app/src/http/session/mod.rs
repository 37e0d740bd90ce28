//! Sessions: refresh, logout, list and revoke.

mod answers;
mod api;
mod dto;

pub(super) use answers::{SessionListing, default_sessions, page_of_sessions};
pub(super) use api::{RefreshApi, SessionsApi, presented, refresh};
pub(super) use dto::TokenDto;
