//! The outbox, for superusers.

mod answers;
mod api;
mod dto;

pub(super) use api::OutboxApi;
pub(crate) use dto::{LetterPage, letter_cursor};
