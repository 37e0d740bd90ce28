/// Whether the address of an account must be verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmailVerification {
    /// Addresses are not verified. A change of address takes effect at once.
    #[default]
    Off,
    /// Users exist from their registration on, and can verify their address.
    Optional,
    /// No user exists before the mailbox is proven.
    Required,
}

impl EmailVerification {
    /// The name in settings and in the metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

/// Who may register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegistrationMode {
    /// All may register.
    #[default]
    Open,
    /// Superusers invite users. The other way is closed.
    Invited,
    /// Superusers and operators create users.
    Closed,
}

impl RegistrationMode {
    /// The name in settings and in the metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invited => "invited",
            Self::Closed => "closed",
        }
    }
}
