//! Accounts: registration, changes, deactivation, tiers and superusers.

pub mod accept_invitation;
pub mod admin;
pub mod change_email;
pub mod create_user;
pub mod deactivate;
pub mod import;
pub mod lost_factor;
mod modes;
mod new_user;
mod password_link;
mod ports;
pub mod preview;
pub mod recover;
pub mod register;
mod registration;
pub mod superuser;
mod tier;
pub mod tier_choice;
pub mod update;
mod user;
pub mod verify_email;

pub use modes::{EmailVerification, RegistrationMode};
pub use new_user::NotCreated;
pub use ports::{Inserted, Updated, UserReader, UserRepository};
pub use registration::Registration;
pub use tier::{InvalidTier, InvalidTierCatalog, Tier, TierCatalog};
pub use user::{User, UserChange, UserFilter};
