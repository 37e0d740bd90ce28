//! The user's account: registration, profile and deactivation.

pub(super) mod answers;
mod api;
mod dto;
mod letters;
mod lost_factor;

pub(super) use api::{AccountApi, RegistrationApi};
pub(super) use letters::LettersApi;
pub(super) use lost_factor::LostFactorApi;
