//! The rules that are pure decisions.

mod common_passwords;
pub mod context_words;
pub mod password;
pub mod standing;
pub mod step_up;
pub mod superuser;
pub mod tier;
