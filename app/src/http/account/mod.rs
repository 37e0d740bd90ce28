//! The user's account: registration, profile and deactivation.

pub(super) mod answers;
mod api;
mod dto;

pub(super) use api::{AccountApi, RegistrationApi};
