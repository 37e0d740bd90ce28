//! What a user does with the own account.

pub mod change_password;
pub mod deactivate;
pub mod sessions;
pub mod update;
