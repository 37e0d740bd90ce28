//! The user's account: registration, profile and deactivation.

pub(super) mod answers;
mod api;
mod dto;
mod letters;

pub(super) use api::{AccountApi, RegistrationApi};
pub(super) use letters::LettersApi;
