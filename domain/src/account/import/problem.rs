use crate::account::superuser::LastSuperuser;
use crate::credential::HashScheme;
use crate::kernel::{InvalidEmail, UserId};
use crate::keyring::KeyringError;

/// Why a user was not imported, or not with the imported values. No message contains an address, a password or a hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The input does not describe a user.
    #[error("{0}")]
    Unreadable(String),
    /// The id is missing, or neither a UUID nor a number.
    #[error("the id is neither a UUID nor a number")]
    Id,
    /// The address is missing or invalid.
    #[error("{0}")]
    Email(#[from] InvalidEmail),
    /// The tier is not configured.
    #[error("the tier {0:?} is not in TIERS")]
    Tier(String),
    /// The hash cannot be verified.
    #[error("the form or the cost of the password hash ({0}) is not supported")]
    Hash(HashScheme),
    /// A number or a time is outside the supported range.
    #[error("the value of {0} is out of range")]
    OutOfRange(&'static str),
    /// An earlier user of the import has the same id.
    #[error("an earlier user of the import has the same id")]
    RepeatedId,
    /// An earlier user of the import has the same address.
    #[error("an earlier user of the import has the same address, possibly in another case")]
    RepeatedEmail,
    /// Other rows have the same address in another spelling, and none of them is imported.
    #[error("other rows have the same address, possibly in another case: {}", .0.join(", "))]
    CaseConflict(Vec<String>),
    /// Another user has this address.
    #[error("the user {0} has this address")]
    EmailTaken(UserId),
    /// Another user has this address, in another spelling.
    #[error("the user {0} has this address in another spelling")]
    EmailTakenInOtherLetters(UserId),
    /// The user exists already, with other values.
    #[error("the user exists already, with another {}", .0.join(", "))]
    Differs(Vec<&'static str>),
    /// No active superuser would remain.
    #[error("{0}")]
    LastSuperuser(#[from] LastSuperuser),
    /// Another user has a factor with the same id or credential id.
    #[error("another user has a second factor with the same id or credential_id")]
    FactorTaken,
    /// The secret of an authenticator app cannot be opened or sealed.
    #[error("{0}")]
    SecretKey(#[from] KeyringError),
    /// Another request took the id or the address at the same moment.
    #[error("another request took the id or the address at the same moment; try again")]
    ChangedMeanwhile,
}

impl Problem {
    /// A stable code for the kind of problem.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Id => "invalid-id",
            Self::Email(_) => "invalid-email",
            Self::Tier(_) => "unknown-tier",
            Self::Hash(_) => "unknown-hash",
            Self::OutOfRange(_) => "out-of-range",
            Self::RepeatedId => "repeated-id",
            Self::RepeatedEmail => "repeated-email",
            Self::CaseConflict(_) => "case-conflict",
            Self::EmailTaken(_) => "email-taken",
            Self::EmailTakenInOtherLetters(_) => "email-taken-in-other-letters",
            Self::Differs(_) => "differs",
            Self::LastSuperuser(_) => "last-superuser",
            Self::FactorTaken => "factor-taken",
            Self::SecretKey(_) => "secret-key",
            Self::ChangedMeanwhile => "overtaken",
        }
    }
}
