use super::PasswordHash;
use crate::account::User;

/// A user together with the password: what registration writes, login reads, and import and export transfer.
///
/// Code that does not check passwords uses the [`User`] alone and never sees a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: User,
    /// The hash of the current password. `None` for a user without a password: no password matches until an operator
    /// sets one.
    pub password: Option<PasswordHash>,
}
