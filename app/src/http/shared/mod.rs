//! Shared by all features: request bodies, problems, rate limits, middleware and the OpenAPI document.

pub(super) mod accept;
pub(super) mod authentication;
mod bad_head;
pub(super) mod body;
pub(super) mod client;
pub(super) mod client_origins;
pub(super) mod cursor;
pub(super) mod document;
pub(super) mod issuer;
pub(super) mod limited;
pub mod limits;
pub(super) mod locale;
pub(super) mod middleware;
pub(super) mod oauth;
pub(super) mod paging;
pub(super) mod parameter;
pub(super) mod passkeys;
pub mod problem;
mod problem_document;
pub mod problem_pages;
pub(super) mod refusals;
pub(super) mod responses;
pub(super) mod second_factor;
pub(super) mod state;
pub(super) mod tags;
