//! Accounts: registration, changes, deactivation, tiers and superusers.

pub mod admin;
pub mod create_user;
pub mod deactivate;
pub mod import;
mod new_user;
mod ports;
pub mod register;
mod registration;
pub mod superuser;
mod tier;
pub mod tier_choice;
pub mod update;
mod user;

pub use new_user::NotCreated;
pub use ports::{Inserted, Updated, UserReader, UserRepository};
pub use registration::Registration;
pub use tier::{InvalidTier, InvalidTierCatalog, Tier, TierCatalog};
pub use user::{User, UserChange, UserFilter};
