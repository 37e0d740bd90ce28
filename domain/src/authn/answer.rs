use crate::factor::{Assertion, Code};

/// A method of the second step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A code of an authenticator app.
    Totp,
    /// A recovery code.
    RecoveryCode,
    /// A passkey.
    Passkey,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 3] = [Self::Totp, Self::RecoveryCode, Self::Passkey];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::Passkey => "passkey",
        }
    }
}

/// What a user presents as second factor.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A code of an authenticator app.
    Totp(Code),
    /// A recovery code.
    RecoveryCode(Code),
    /// The answer of a passkey.
    Passkey(Box<Assertion>),
}

impl Answer {
    /// A code, by its shape.
    pub fn of(code: Code) -> Self {
        if code.is_recovery() { Self::RecoveryCode(code) } else { Self::Totp(code) }
    }
}
