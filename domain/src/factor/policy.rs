use crate::account::User;

/// Which accounts must have a second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FactorPolicy {
    /// None.
    #[default]
    None,
    /// Superusers.
    Superusers,
    /// All accounts.
    All,
}

impl FactorPolicy {
    /// Whether this account must have a second factor.
    pub fn requires(self, user: &User) -> bool {
        match self {
            Self::None => false,
            Self::Superusers => user.is_superuser,
            Self::All => true,
        }
    }
}
